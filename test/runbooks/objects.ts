/** Objects to make faults of: what a service of a stack looks like, so far as the runbooks care. */
export type Fields = Readonly<Record<string, unknown>>;

export const namespaces = {
  /** With limits and a quota, as a stack's. */
  apps: "runbooks-apps",
  /** Without a LimitRange. */
  bare: "runbooks-bare",
  /** To be deleted, and held. */
  held: "runbooks-held",
  forced: "runbooks-forced",
} as const;

export const shellImage = "localhost:5000/library/busybox:1.35.0";
export const nodeImage = "localhost:5000/library/node:24.21.0-bookworm-slim";

export const containerSecurity = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  readOnlyRootFilesystem: true,
};

/** A container's changes that make it answer 200 at `/` and 404 at any other path. */
export const server = {
  command: ["sh", "-c", "mkdir -p /tmp/www && echo served >/tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"],
  ports: [{ name: "portapi", containerPort: 8080 }],
  volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
};
export const serverPod = { volumes: [{ name: "tmp", emptyDir: {} }] };

const podSecurity = {
  runAsNonRoot: true,
  runAsUser: 10_001,
  runAsGroup: 10_001,
  fsGroup: 10_001,
  seccompProfile: { type: "RuntimeDefault" },
};

function podSpec(name: string, container: Fields, pod: Fields): Fields {
  return {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    securityContext: podSecurity,
    ...pod,
    containers: [
      { name, image: shellImage, command: ["sleep", "3600"], securityContext: containerSecurity, ...container },
    ],
  };
}

const metadata = (name: string, namespace: string) => ({ name, namespace, labels: { app: name } });

export function deployment(
  name: string,
  container: Fields = {},
  pod: Fields = {},
  { namespace = namespaces.apps, replicas = 1 }: { namespace?: string; replicas?: number } = {},
): Fields {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadata(name, namespace),
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: podSpec(name, container, pod) },
    },
  };
}

export function pod(name: string, spec: Fields = {}, finalizers: readonly string[] = []): Fields {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...metadata(name, namespaces.apps), finalizers },
    spec: podSpec(name, {}, spec),
  };
}

export function service(name: string, app: string, targetPort: string | number = "portapi"): Fields {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadata(name, namespaces.apps),
    spec: { selector: { app }, ports: [{ port: 80, targetPort }] },
  };
}

export function claim(name: string, storageClassName: string): Fields {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: metadata(name, namespaces.apps),
    spec: { accessModes: ["ReadWriteOnce"], storageClassName, resources: { requests: { storage: "1Mi" } } },
  };
}

/** A pod's changes that mount a volume, and the container's. */
export const mounting = (volume: Fields): readonly [Fields, Fields] => [
  { volumeMounts: [{ name: "data", mountPath: "/data" }] },
  { volumes: [{ name: "data", ...volume }] },
];

export const namespace = (name: string): Fields => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
});

/** What bounds the pods of the first namespace. The quota is above any node: room on nodes runs out before it does. */
export const bounds: readonly Fields[] = [
  {
    apiVersion: "v1",
    kind: "LimitRange",
    metadata: { name: "limits", namespace: namespaces.apps },
    spec: {
      limits: [
        {
          type: "Container",
          default: { cpu: "1", memory: "128Mi" },
          defaultRequest: { cpu: "10m", memory: "16Mi" },
        },
      ],
    },
  },
  {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "quota", namespace: namespaces.apps },
    spec: { hard: { "requests.cpu": "5k", "requests.memory": "1Pi" } },
  },
];
