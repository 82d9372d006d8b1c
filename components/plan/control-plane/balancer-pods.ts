import { stringify } from "yaml";
import { balancerHealthPort, type BalancerPlan } from "./balancer.ts";
import { kubeconfigPlaceholder } from "./balancer-files.ts";

/** Any user but root, as HAProxy's port is above 1023. */
const nobody = 65534;

interface Mount {
  readonly name: string;
  readonly hostPath: string;
  readonly mountPath: string;
}

type Fields = Readonly<Record<string, unknown>>;

function staticPod(
  name: string,
  image: string,
  container: Fields,
  mounts: readonly Mount[],
  more: Fields = {},
): string {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "kube-system", labels: { "app.kubernetes.io/name": name, tier: "control-plane" } },
    spec: {
      hostNetwork: true,
      priorityClassName: "system-node-critical",
      // Of a static pod the kubelet takes the class only together with its number.
      priority: 2_000_001_000,
      automountServiceAccountToken: false,
      securityContext: { seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name,
          image,
          imagePullPolicy: "IfNotPresent",
          ...container,
          volumeMounts: [
            ...mounts.map(({ name: volume, mountPath }) => ({ name: volume, mountPath, readOnly: true })),
            { name: "run", mountPath: "/run" },
          ],
        },
      ],
      volumes: [
        ...mounts.map(({ name: volume, hostPath }) => ({ name: volume, hostPath: { path: hostPath } })),
        { name: "run", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
      ],
      ...more,
    },
  };
  return stringify(pod, { lineWidth: 0 });
}

/** @param folder of haproxy.cfg and ca.crt on the host */
export function haproxyManifest(image: string, folder: string): string {
  const probe = { httpGet: { host: "127.0.0.1", port: balancerHealthPort, path: "/healthz" }, timeoutSeconds: 5 };
  return staticPod(
    "haproxy",
    image,
    {
      command: ["haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"],
      livenessProbe: { ...probe, periodSeconds: 10, failureThreshold: 3 },
      startupProbe: { ...probe, periodSeconds: 2, failureThreshold: 30 },
      resources: { requests: { cpu: "25m", memory: "64Mi" }, limits: { memory: "512Mi" } },
      securityContext: {
        runAsUser: nobody,
        runAsGroup: nobody,
        runAsNonRoot: true,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
    },
    [{ name: "config", hostPath: folder, mountPath: "/etc/haproxy" }],
    // By SIGTERM it ends at once; some images ask for a soft stop, which waits for watches of hours.
    { terminationGracePeriodSeconds: 5 },
  );
}

/** @param folder of keepalived.conf and check.sh on the host */
export function keepalivedManifest(image: string, folder: string): string {
  return staticPod(
    "keepalived",
    image,
    {
      command: [
        ...["keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp"],
        ...["--use-file", "/etc/keepalived/keepalived.conf"],
        ...["--pid", "/run/keepalived.pid", "--vrrp_pid", "/run/vrrp.pid"],
      ],
      livenessProbe: {
        exec: { command: ["/bin/sh", "-c", "kill -0 $(cat /run/keepalived.pid) && kill -0 $(cat /run/vrrp.pid)"] },
        periodSeconds: 10,
        timeoutSeconds: 5,
        failureThreshold: 3,
      },
      resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { memory: "64Mi" } },
      // It sets addresses on the host's interface and sends VRRP's raw packets.
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_BROADCAST", "NET_RAW"] },
      },
    },
    [{ name: "config", hostPath: folder, mountPath: "/etc/keepalived" }],
  );
}

/** Seconds of kube-vip's Lease. @see https://kube-vip.io/docs/installation/flags/ */
const kubeVipLease = { duration: 5, renewDeadline: 3, retryPeriod: 1 };

/** kube-vip: the API servers themselves listen on the address, wherever it is. */
export function kubeVipManifest(balancer: BalancerPlan, image: string, device: string): string {
  const env = {
    vip_arp: "true",
    address: balancer.address,
    port: String(balancer.port),
    vip_interface: device,
    vip_subnet: "32",
    cp_enable: "true",
    cp_namespace: "kube-system",
    svc_enable: "false",
    vip_leaderelection: "true",
    vip_leasename: "plndr-cp-lock",
    vip_leaseduration: String(kubeVipLease.duration),
    vip_renewdeadline: String(kubeVipLease.renewDeadline),
    vip_retryperiod: String(kubeVipLease.retryPeriod),
  };
  return staticPod(
    "kube-vip",
    image,
    {
      args: ["manager"],
      env: Object.entries(env).map(([name, value]) => ({ name, value })),
      resources: { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "128Mi" } },
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
      },
    },
    [{ name: "kubeconfig", hostPath: kubeconfigPlaceholder, mountPath: "/etc/kubernetes/admin.conf" }],
    // It asks the API server of its own host: the address that it is to set cannot be needed for that.
    { hostAliases: [{ hostnames: ["kubernetes"], ip: "127.0.0.1" }] },
  );
}
