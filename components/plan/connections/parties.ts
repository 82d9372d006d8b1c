import type { Asked } from "./calls.ts";

/** Purpose of a namespace: its key in `quorum:namespaces`. */
export type Place = "apps" | "monitoring" | "agents" | "ingress" | "registry" | "ui" | "mesh" | "meshAgents";

/** Pods that are one end of connections. The network knows them by `app`, a mesh by `account`. */
export interface Party {
  readonly kind: "service" | "job" | "part";
  readonly place: Place;
  /** Value of the pods' label app; no two parties of a namespace share one. */
  readonly app: string;
  /** Their ServiceAccount. */
  readonly account: string;
}

/** Who or what is at one end of a connection. */
export type Endpoint =
  | Party
  /** Every pod of a namespace. */
  | { readonly kind: "everyone"; readonly place: Place }
  /** Whoever reaches an exposed port. */
  | { readonly kind: "outside" }
  /** The cluster's own ingress controller; without a namespace, nobody said where its pods are. */
  | { readonly kind: "controller"; readonly namespace: string | undefined }
  | { readonly kind: "subnet"; readonly subnet: string }
  /** The cluster's DNS. */
  | { readonly kind: "dns" }
  /** The hosts themselves; without addresses, nobody said where they are. */
  | { readonly kind: "nodes"; readonly addresses: readonly string[] }
  /** API servers; without addresses, nobody said where they are. */
  | { readonly kind: "api-server"; readonly addresses: readonly string[] };

/** One allowed connection. What no connection allows is refused, both where it begins and where it ends. */
export interface Connection {
  readonly from: Endpoint;
  readonly to: Endpoint;
  /** Port of the container, not of the Service: policies act on what reaches the pod. */
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
  /** The user's key that asks for it. */
  readonly why: string;
  /** What may be asked for over it, as far as a mesh can tell. @default everything */
  readonly asked?: Asked;
  /** Name in quorum:mesh.external of what it leads to. */
  readonly external?: string;
}

/** Parties, and the connections that they take part in. */
export interface Graph {
  readonly parties: readonly Party[];
  readonly connections: readonly Connection[];
}

export const nobody: Graph = { parties: [], connections: [] };

/** Pods of a service, whose name is also their label and account. */
export function service(name: string): Party {
  return { kind: "service", place: "apps", app: name, account: name };
}

export function job(name: string): Party {
  return { kind: "job", place: "apps", app: name, account: name };
}

/**
 * Pods of the platform.
 *
 * @param account their ServiceAccount. @default app
 */
export function part(place: Place, app: string, account = app): Party {
  return { kind: "part", place, app, account };
}

export function tcp(from: Endpoint, to: Endpoint, port: number, why: string): Connection {
  return { from, to, port, protocol: "TCP", why };
}

/** Something outside the cluster that is called. */
export interface OutboundSettings {
  readonly subnet: string;
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
}

export function outboundOf(from: Party, outbound: readonly OutboundSettings[], why: string): Connection[] {
  return outbound.map(({ subnet, port, protocol }) => ({ from, to: { kind: "subnet", subnet }, port, protocol, why }));
}

export function isParty(endpoint: Endpoint): endpoint is Party {
  return endpoint.kind === "service" || endpoint.kind === "job" || endpoint.kind === "part";
}

export function sameParty(a: Endpoint, b: Endpoint): boolean {
  return isParty(a) && isParty(b) && a.place === b.place && a.app === b.app;
}
