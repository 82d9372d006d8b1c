import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";

export interface MetricsServerArgs {
  readonly image: pulumi.Input<string>;
  /** Servers. @default 1 */
  readonly replicas?: pulumi.Input<number>;
  /** Whether kubelet certificates go unchecked: only where no kubelet has one that the cluster signed. @default false */
  readonly kubeletInsecureTls?: boolean;
}

/** The namespace that the API server's aggregation and the upstream manifest use. */
const namespace = "kube-system";
const selector = { "k8s-app": "metrics-server" };
const securePort = 10_250;
const rbacGroup = "rbac.authorization.k8s.io";

/**
 * The resource metrics API: `kubectl top` and autoscaling by CPU and memory.
 *
 * @see https://github.com/kubernetes-sigs/metrics-server/releases/tag/v0.9.0 components.yaml
 */
export class MetricsServer extends pulumi.ComponentResource {
  constructor(name: string, args: MetricsServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:MetricsServer", name, {}, opts);
    const parent = { parent: this };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata: { name: "metrics-server", namespace, labels: selector } },
      parent,
    );
    const grants = this.grant(name, account.metadata.name);
    new k8s.apps.v1.Deployment(
      `${name}-deployment`,
      {
        metadata: { name: "metrics-server", namespace, labels: selector },
        spec: {
          replicas: args.replicas ?? 1,
          selector: { matchLabels: selector },
          strategy: { rollingUpdate: { maxUnavailable: 0 } },
          template: { metadata: { labels: selector }, spec: podSpec(args, account.metadata.name) },
        },
      },
      { parent: this, dependsOn: grants },
    );
    const service = new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata: { name: "metrics-server", namespace, labels: selector },
        spec: {
          selector,
          ports: [{ name: "https", appProtocol: "https", port: 443, protocol: "TCP", targetPort: "https" }],
        },
      },
      parent,
    );
    new k8s.apiregistration.v1.APIService(
      `${name}-api`,
      {
        metadata: { name: "v1beta1.metrics.k8s.io", labels: selector },
        spec: {
          group: "metrics.k8s.io",
          version: "v1beta1",
          groupPriorityMinimum: 100,
          versionPriority: 100,
          // As upstream: the server makes its certificate when it starts, so there is no bundle to check it by.
          insecureSkipTLSVerify: true,
          service: { name: service.metadata.name, namespace },
        },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }

  private grant(name: string, account: pulumi.Output<string>): pulumi.CustomResource[] {
    const parent = { parent: this };
    const subjects = [{ kind: "ServiceAccount", name: account, namespace }];
    const read = ["get", "list", "watch"];
    const reader = new k8s.rbac.v1.ClusterRole(
      `${name}-reader`,
      {
        metadata: {
          name: "system:aggregated-metrics-reader",
          labels: {
            ...selector,
            "rbac.authorization.k8s.io/aggregate-to-admin": "true",
            "rbac.authorization.k8s.io/aggregate-to-edit": "true",
            "rbac.authorization.k8s.io/aggregate-to-view": "true",
          },
        },
        rules: [{ apiGroups: ["metrics.k8s.io"], resources: ["pods", "nodes"], verbs: read }],
      },
      parent,
    );
    const role = new k8s.rbac.v1.ClusterRole(
      `${name}-role`,
      {
        metadata: { name: "system:metrics-server", labels: selector },
        rules: [
          { apiGroups: [""], resources: ["nodes/metrics"], verbs: ["get"] },
          { apiGroups: [""], resources: ["pods", "nodes"], verbs: read },
        ],
      },
      parent,
    );
    const bindCluster = (suffix: string, metadataName: string, roleName: pulumi.Input<string>) =>
      new k8s.rbac.v1.ClusterRoleBinding(
        `${name}-${suffix}`,
        {
          metadata: { name: metadataName, labels: selector },
          roleRef: { apiGroup: rbacGroup, kind: "ClusterRole", name: roleName },
          subjects,
        },
        parent,
      );
    return [
      reader,
      bindCluster("binding", "system:metrics-server", role.metadata.name),
      bindCluster("delegator", "metrics-server:system:auth-delegator", "system:auth-delegator"),
      new k8s.rbac.v1.RoleBinding(
        `${name}-auth-reader`,
        {
          metadata: { name: "metrics-server-auth-reader", namespace, labels: selector },
          roleRef: { apiGroup: rbacGroup, kind: "Role", name: "extension-apiserver-authentication-reader" },
          subjects,
        },
        parent,
      ),
    ];
  }
}

function podSpec(args: MetricsServerArgs, account: pulumi.Output<string>): k8s.types.input.core.v1.PodSpec {
  const probe = (path: string) => ({ httpGet: { path, port: "https", scheme: "HTTPS" }, periodSeconds: 10 });
  return {
    serviceAccountName: account,
    priorityClassName: "system-cluster-critical",
    nodeSelector: { "kubernetes.io/os": "linux" },
    securityContext: restrictedPod(),
    containers: [
      {
        name: "metrics-server",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        args: [
          "--cert-dir=/tmp",
          `--secure-port=${securePort}`,
          "--kubelet-preferred-address-types=InternalIP",
          "--kubelet-use-node-status-port",
          "--metric-resolution=15s",
          args.kubeletInsecureTls ? "--kubelet-insecure-tls" : "--kubelet-certificate-authority=/etc/kubelet-ca/ca.crt",
        ],
        ports: [{ name: "https", containerPort: securePort, protocol: "TCP" }],
        livenessProbe: { ...probe("/livez"), failureThreshold: 3 },
        readinessProbe: { ...probe("/readyz"), periodSeconds: 2, failureThreshold: 3 },
        resources: {
          requests: { cpu: "50m", memory: "200Mi", "ephemeral-storage": "64Mi" },
          limits: { memory: "200Mi", "ephemeral-storage": "64Mi" },
        },
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "tmp", mountPath: "/tmp" },
          { name: "kubelet-ca", mountPath: "/etc/kubelet-ca", readOnly: true },
        ],
      },
    ],
    volumes: [
      { name: "tmp", emptyDir: {} },
      // The cluster's own authority, which signs the kubelets' serving certificates too; the cluster keeps it in every namespace.
      { name: "kubelet-ca", configMap: { name: "kube-root-ca.crt" } },
    ],
  };
}
