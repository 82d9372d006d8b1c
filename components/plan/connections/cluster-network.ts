import { apiPort } from "../control-plane/hosts.ts";
import type { ControlPlaneLayout } from "../control-plane/targets.ts";
import { overlap, parseSubnet } from "../subnet.ts";

/** What a stack knows of the network of its cluster. */
export interface ClusterNetwork {
  /** Addresses of pods and of Services. Empty where they are not known. */
  readonly inside: readonly string[];
  /** Addresses of the API servers. Empty where they are not known. */
  readonly apiServers: readonly string[];
  /** Addresses of all hosts. Empty where they are not known. */
  readonly nodes: readonly string[];
  /** Ports that the API servers may have. */
  readonly apiPorts: readonly number[];
  /** Further ports of hosts at which parts of the control plane give series. */
  readonly metricsPorts?: readonly number[];
}

/** The part of a control plane that says it. */
export type NetworkSettings =
  | { readonly mode: "existing" }
  | {
      readonly mode: "kubeadm";
      readonly hosts: Readonly<Record<string, { readonly address: string; readonly role: string }>>;
      readonly network: { readonly podSubnet: string; readonly serviceSubnet: string };
      readonly layout?: ControlPlaneLayout | undefined;
    };

/** Where nothing is known, an API server is behind one of the two ports in use. */
const unknown: ClusterNetwork = { inside: [], apiServers: [], nodes: [], apiPorts: [443, apiPort] };

export function clusterNetwork(controlPlane: NetworkSettings): ClusterNetwork {
  if (controlPlane.mode === "existing") return unknown;
  const { hosts, network, layout } = controlPlane;
  const targets = Object.values(layout?.targets ?? {}).flat();
  return {
    inside: [network.podSubnet, network.serviceSubnet],
    apiServers: Object.values(hosts)
      .filter(({ role }) => role === "control-plane")
      .map(({ address }) => address)
      .sort(),
    nodes: Object.values(hosts)
      .map(({ address }) => address)
      .sort(),
    apiPorts: numbers([apiPort, ...(layout?.apiPorts ?? [])]),
    metricsPorts: numbers(targets.map(({ address }) => Number(address.split(":")[1]))),
  };
}

function numbers(given: readonly number[]): number[] {
  return [...new Set(given)].sort((a, b) => a - b);
}

/** Whether all of a subnet lies in another. Both are taken as checked. */
export function within(subnet: string, other: string): boolean {
  const [a, b] = [parseSubnet(subnet), parseSubnet(other)];
  return a !== undefined && b !== undefined && overlap(a, b) && a.prefix >= b.prefix;
}
