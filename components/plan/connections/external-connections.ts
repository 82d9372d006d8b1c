import { egressGateway } from "../mesh/mesh-parts.ts";
import { type Connection, type Endpoint, type Party, tcp } from "./parties.ts";

/** Where something outside the mesh is, for the network. */
export interface ExternalPlace {
  readonly host?: string | undefined;
  readonly address?: string | undefined;
  readonly port: number;
  readonly subnets?: readonly string[] | undefined;
  readonly gateway?: boolean | undefined;
}

/** quorum:mesh.external, as far as the network is concerned. */
export interface ExternalHosts {
  readonly external?: Readonly<Record<string, ExternalPlace>> | undefined;
}

/** Port at which the egress gateway takes calls of the mesh, by mutual TLS. */
export const egressGatewayPort = 15_443;
const anywhere = "0.0.0.0/0";

/** Ranges that an external host's addresses lie in. */
export function rangesOf({ address, subnets }: ExternalPlace): readonly string[] {
  return address === undefined ? (subnets ?? [anywhere]) : [`${address}/32`];
}

/** What lets a caller reach an external host, by itself or through the egress gateway. */
export function externalConnections(own: Party, name: string, external: ExternalPlace, why: string): Connection[] {
  if (external.gateway === true) return [{ ...tcp(own, egressGateway, egressGatewayPort, why), external: name }];
  return toExternal(own, name, external, why);
}

/** What the egress gateway itself reaches. */
export function gatewayToExternal(hosts: NonNullable<ExternalHosts["external"]>): Connection[] {
  return Object.entries(hosts).flatMap(([name, external]) =>
    external.gateway === true ? toExternal(egressGateway, name, external, `quorum:mesh.external.${name}.gateway`) : [],
  );
}

function toExternal(from: Party, name: string, external: ExternalPlace, why: string): Connection[] {
  return rangesOf(external).map((subnet) => {
    const to: Endpoint = { kind: "subnet", subnet };
    return { ...tcp(from, to, external.port, why), external: name };
  });
}
