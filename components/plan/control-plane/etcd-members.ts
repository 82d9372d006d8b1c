import { apiPort, byName, type KubeadmSettings } from "./hosts.ts";
import type { Placement } from "./losses.ts";
import { placeComponents } from "./topology.ts";

/** Which cluster a member votes in: that of all objects, or that of events alone. */
export type EtcdCluster = "main" | "events";

/** One voting member of an etcd cluster: where it lies, and by what it is reached and run. */
export interface EtcdMember {
  readonly cluster: EtcdCluster;
  /** Its name within etcd; a host's name has no dot, so no two are the same. */
  readonly name: string;
  readonly host: string;
  readonly address: string;
  /** Which of its cluster's members on that host, from 1. */
  readonly number: number;
  readonly ports: { readonly client: number; readonly peer: number; readonly metrics: number };
  readonly clientUrl: string;
  readonly peerUrl: string;
  /** Name of the static pod, without that of the node. */
  readonly pod: string;
  readonly manifest: string;
  readonly dataDir: string;
  /** Whether kubeadm makes its manifest, or a step of ours. Its certificates are those of its host, by kubeadm's names, in any case. */
  readonly madeBy: "kubeadm" | "quorum";
}

/** One API server with its scheduler and controller manager. */
export interface ApiInstance {
  readonly host: string;
  readonly address: string;
  /** Which of that host, from 1. kubeadm makes the first, a step of ours the others. */
  readonly number: number;
  readonly ports: { readonly api: number; readonly controllerManager: number; readonly scheduler: number };
}

export const manifests = "/etc/kubernetes/manifests";
/** Of a cluster's first member on a host; each further one's are `portStep` higher. Those of main are kubeadm's own. */
const firstPorts: Readonly<Record<EtcdCluster, EtcdMember["ports"]>> = {
  main: { client: 2379, peer: 2380, metrics: 2381 },
  events: { client: 2479, peer: 2480, metrics: 2481 },
};
const firstApiPorts: ApiInstance["ports"] = { api: apiPort, controllerManager: 10_257, scheduler: 10_259 };
export const portStep = 10;

/**
 * Whether kubeadm makes the etcd of all objects (`stacked`: one member beside each API server), or is told of one that steps of
 * ours make (`external`).
 */
export function etcdModeOf(placements: readonly Placement[]): "stacked" | "external" {
  return placements.every(({ etcd, apiServers }) => etcd === Math.min(1, apiServers)) ? "stacked" : "external";
}

/** Every voting member of every etcd cluster of the plan: those of main first, by host within each. */
export function etcdMembers(settings: KubeadmSettings): EtcdMember[] {
  const placements = placeComponents(settings);
  const made = etcdModeOf(placements) === "stacked" ? "kubeadm" : "quorum";
  const of = (cluster: EtcdCluster) =>
    placements.flatMap(({ host, ...counts }) =>
      Array.from({ length: cluster === "main" ? counts.etcd : counts.events }, (_, index) =>
        member(cluster, host, settings.hosts[host]?.address ?? "", index + 1, cluster === "main" ? made : "quorum"),
      ),
    );
  return [...of("main"), ...of("events")];
}

function member(
  cluster: EtcdCluster,
  host: string,
  address: string,
  number: number,
  madeBy: EtcdMember["madeBy"],
): EtcdMember {
  const ports = shifted(firstPorts[cluster], number);
  const further = number === 1 ? "" : String(number);
  // A pod's full name ends with its node's: `etcd-2` on node `a` would be called as `etcd` on node `2-a` is.
  const pod = `${cluster === "main" ? "etcd" : "events-etcd"}${further}`;
  return {
    cluster,
    name: [host, ...(cluster === "main" ? [] : ["events"]), ...(further === "" ? [] : [further])].join("."),
    host,
    address,
    number,
    ports,
    clientUrl: `https://${address}:${ports.client}`,
    peerUrl: `https://${address}:${ports.peer}`,
    pod,
    manifest: `${manifests}/${pod}.yaml`,
    dataDir: `/var/lib/${pod}`,
    madeBy,
  };
}

/** Every API server of the plan, by host. */
export function apiInstances(settings: KubeadmSettings): ApiInstance[] {
  const placed = new Map(placeComponents(settings).map(({ host, apiServers }) => [host, apiServers]));
  return byName(settings).flatMap(([host, { address }]) =>
    Array.from({ length: placed.get(host) ?? 0 }, (_, index) => ({
      host,
      address,
      number: index + 1,
      ports: shifted(firstApiPorts, index + 1),
    })),
  );
}

function shifted<Ports extends Readonly<Record<string, number>>>(ports: Ports, number: number): Ports {
  const moved = Object.entries(ports).map(([name, port]) => [name, port + portStep * (number - 1)]);
  return Object.fromEntries(moved) as Ports;
}
