import { egressGateway, egressPortOf } from "../mesh/mesh-parts.ts";
import { type Connection, type Endpoint, type Party, tcp } from "./parties.ts";

/** Where something outside the mesh is, for the network. */
export interface ExternalPlace {
  readonly host?: string | undefined;
  readonly address?: string | undefined;
  readonly port: number;
  readonly protocol?: string | undefined;
  readonly subnets?: readonly string[] | undefined;
  /** Whether callers reach it through the egress gateway. */
  readonly gateway?: boolean | undefined;
}

/** quorum:mesh.external, as far as the network is concerned. */
export interface ExternalHosts {
  readonly external?: Readonly<Record<string, ExternalPlace>> | undefined;
}

const anywhere = "0.0.0.0/0";

/** Ranges that an external host's addresses lie in. */
function rangesOf({ address, subnets }: ExternalPlace): readonly string[] {
  return address === undefined ? (subnets ?? [anywhere]) : [`${address}/32`];
}

/** What lets a caller reach an external host: by itself, or only as far as the egress gateway. */
export function externalConnections(from: Party, name: string, external: ExternalPlace, why: string): Connection[] {
  if (external.gateway === true)
    return [{ ...tcp(from, egressGateway, egressPortOf(external.protocol), why), external: name }];
  return toExternal(from, name, external, why);
}

/** What the egress gateway itself reaches. */
export function gatewayToExternal({ external = {} }: ExternalHosts): Connection[] {
  return Object.entries(external).flatMap(([name, one]) =>
    one.gateway === true ? toExternal(egressGateway, name, one, `quorum:mesh.external.${name}.gateway`) : [],
  );
}

function toExternal(from: Party, name: string, external: ExternalPlace, why: string): Connection[] {
  return rangesOf(external).map((subnet) => {
    const to: Endpoint = { kind: "subnet", subnet };
    return { ...tcp(from, to, external.port, why), external: name };
  });
}
