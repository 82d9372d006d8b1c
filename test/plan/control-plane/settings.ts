import type { HostSettings, KubeadmSettings } from "../../../components/plan/control-plane/hosts.ts";

/** One control-plane host, and whatever else a test is about. */
export function settings(more: Partial<KubeadmSettings> = {}): KubeadmSettings {
  return {
    kubernetesVersion: "1.37.2",
    clusterName: "test",
    local: false,
    goal: "minimal",
    metrics: false,
    etcd: { events: "shared", quotaMiB: 2048, roundTripMillis: 10 },
    hosts: { a: { address: "192.0.2.11", role: "control-plane" } },
    network: { podSubnet: "10.244.0.0/16", serviceSubnet: "10.96.0.0/16", plugin: "routed" },
    kubelet: {},
    kubeProxy: {},
    ignorePreflightErrors: [],
    encryption: { provider: "secretbox", resources: ["secrets"], keyGeneration: 1 },
    audit: { enabled: true, maxAgeDays: 30, maxBackups: 10, maxSizeMiB: 100 },
    issuers: {},
    apiServer: {},
    flags: { apiServer: {}, controllerManager: {}, scheduler: {}, etcd: {} },
    certificates: { days: 365, authorityDays: 3650 },
    certSans: [],
    ...more,
  };
}

/** A number of control-plane hosts. */
export function members(count: number, more: Partial<KubeadmSettings> = {}): KubeadmSettings {
  const hosts = Array.from({ length: count }, (_, index): [string, HostSettings] => [
    `h${index}`,
    { address: `192.0.2.${index + 1}`, role: "control-plane" },
  ]);
  return settings({ hosts: Object.fromEntries(hosts), endpoint: "k8s.example.com:6443", ...more });
}
