import type { ClusterNetwork } from "./cluster-network.ts";
import { type Connection, type Party, tcp } from "./parties.ts";

/** What pods need that read or write objects of the cluster. */
export function callsApiServer(from: Party, network: ClusterNetwork, why: string): Connection[] {
  const to = { kind: "api-server", addresses: network.apiServers } as const;
  return network.apiPorts.map((port) => tcp(from, to, port, why));
}
