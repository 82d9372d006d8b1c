import { stringify } from "yaml";
import type { EtcdMember } from "./etcd-members.ts";
import { etcdFlags, type Flag } from "./hardening.ts";
import type { KubeadmSettings } from "./hosts.ts";

/**
 * What only the host knows when it writes the manifest; no flag of etcd holds such a word by itself. An image stands there without
 * quotes, as kubeadm writes it: what reads manifests by their lines would take quotes for a part of its name.
 */
export const placeholders = { image: "IMAGE@HOST", initialCluster: "@INITIAL_CLUSTER@", state: "@STATE@" } as const;

/** Members of another cluster are told apart by it, should one ever reach a wrong port. That of main is etcd's own, as kubeadm leaves it. */
const eventsToken = "quorum-events";
const certificates = "/etc/kubernetes/pki/etcd";
/** As kubeadm has them: a member that is slow to start is not killed for it, and one that hangs is after 80 s. */
const probe = { initialDelaySeconds: 10, periodSeconds: 10, timeoutSeconds: 15 };

/**
 * The static pod of a member that kubeadm does not make: what kubeadm writes for a stacked one, with its own name, ports and data
 * directory. @see k8s.io/kubernetes/cmd/kubeadm/app/phases/etcd/local.go
 */
export function etcdManifest(settings: KubeadmSettings, member: EtcdMember): string {
  const { pod, cluster, dataDir, clientUrl } = member;
  const ask = (path: string) => ({ host: "127.0.0.1", path, port: "probe-port", scheme: "HTTP" });
  const manifest = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      annotations: { "kubeadm.kubernetes.io/etcd.advertise-client-urls": clientUrl },
      // An events member with the label of the others would be counted, scraped and asked as one of them.
      labels: { component: cluster === "main" ? "etcd" : "events-etcd", tier: "control-plane" },
      name: pod,
      namespace: "kube-system",
    },
    spec: {
      containers: [
        {
          name: cluster === "main" ? "etcd" : "events-etcd",
          image: placeholders.image,
          imagePullPolicy: "IfNotPresent",
          command: ["etcd", ...commandLine(settings, member)],
          ports: [{ containerPort: member.ports.metrics, name: "probe-port", protocol: "TCP" }],
          livenessProbe: { failureThreshold: 8, httpGet: ask("/livez"), ...probe },
          readinessProbe: { failureThreshold: 3, httpGet: ask("/readyz"), periodSeconds: 1, timeoutSeconds: 15 },
          startupProbe: { failureThreshold: 24, httpGet: ask("/readyz"), ...probe },
          resources: { requests: { cpu: "100m", memory: "100Mi" } },
          volumeMounts: [
            { mountPath: dataDir, name: "etcd-data" },
            { mountPath: certificates, name: "etcd-certs" },
          ],
        },
      ],
      hostNetwork: true,
      priority: 2000001000,
      priorityClassName: "system-node-critical",
      securityContext: { seccompProfile: { type: "RuntimeDefault" } },
      volumes: [
        { hostPath: { path: certificates, type: "DirectoryOrCreate" }, name: "etcd-certs" },
        { hostPath: { path: dataDir, type: "DirectoryOrCreate" }, name: "etcd-data" },
      ],
    },
  };
  return stringify(manifest, { lineWidth: 0 });
}

function commandLine(settings: KubeadmSettings, member: EtcdMember): string[] {
  const { address, ports, cluster } = member;
  const own: Flag[] = [
    { name: "advertise-client-urls", value: member.clientUrl },
    { name: "cert-file", value: `${certificates}/server.crt` },
    { name: "client-cert-auth", value: "true" },
    { name: "data-dir", value: member.dataDir },
    { name: "initial-advertise-peer-urls", value: member.peerUrl },
    { name: "initial-cluster", value: placeholders.initialCluster },
    { name: "initial-cluster-state", value: placeholders.state },
    ...(cluster === "events" ? [{ name: "initial-cluster-token", value: eventsToken }] : []),
    { name: "key-file", value: `${certificates}/server.key` },
    { name: "listen-client-urls", value: `https://127.0.0.1:${ports.client},${member.clientUrl}` },
    {
      name: "listen-metrics-urls",
      value: ["127.0.0.1", ...(settings.metrics ? [address] : [])]
        .map((host) => `http://${host}:${ports.metrics}`)
        .join(","),
    },
    { name: "listen-peer-urls", value: member.peerUrl },
    { name: "name", value: member.name },
    { name: "peer-cert-file", value: `${certificates}/peer.crt` },
    { name: "peer-client-cert-auth", value: "true" },
    { name: "peer-key-file", value: `${certificates}/peer.key` },
    { name: "peer-trusted-ca-file", value: `${certificates}/ca.crt` },
    { name: "snapshot-count", value: "10000" },
    { name: "trusted-ca-file", value: `${certificates}/ca.crt` },
    { name: "watch-progress-notify-interval", value: "5s" },
  ];
  const shared = etcdFlags(cluster === "main" ? settings : { ...settings, etcd: ofEvents(settings) });
  const chosen = new Set(shared.map(({ name }) => name));
  return [...own.filter(({ name }) => !chosen.has(name)), ...shared].map(({ name, value }) => `--${name}=${value}`);
}

function ofEvents({ etcd }: KubeadmSettings): KubeadmSettings["etcd"] {
  return { ...etcd, quotaMiB: etcd.eventsQuotaMiB ?? etcd.quotaMiB };
}
