import type { PolicySpec } from "../../../components/plan/connections/network-policies.ts";

/** A NetworkPolicy as the API server has it. */
export interface Policy {
  readonly namespace: string;
  readonly spec: PolicySpec;
}

/** A pod, or with no namespace an address outside of the cluster. */
export interface Point {
  readonly ip: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Packet {
  readonly from: Point;
  readonly to: Point;
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
}

type Selector = { readonly matchLabels?: Readonly<Record<string, string>> } | undefined;
interface Rule {
  readonly ports: readonly { readonly port: number; readonly protocol: string }[];
  readonly peers: readonly {
    readonly podSelector?: Selector;
    readonly namespaceSelector?: Selector;
    readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
  }[];
}

/**
 * NetworkPolicy as Kubernetes defines it, written from its documentation and from nothing of the planner: a pod that no
 * policy of a direction selects may do all in it; a selected one may do what any of those policies allows.
 */
export function allows(policies: readonly Policy[], direction: "Ingress" | "Egress", packet: Packet): boolean {
  const [own, other] = direction === "Ingress" ? [packet.to, packet.from] : [packet.from, packet.to];
  if (own.namespace === undefined) return true;
  const selecting = policies.filter(
    ({ namespace, spec }) =>
      namespace === own.namespace &&
      spec.policyTypes.includes(direction) &&
      matches(spec.podSelector, own.labels ?? {}),
  );
  if (selecting.length === 0) return true;
  return selecting.some((policy) =>
    rulesOf(policy.spec, direction).some(
      ({ ports, peers }) =>
        ports.some(({ port, protocol }) => port === packet.port && protocol === packet.protocol) &&
        peers.some((peer) => fits(peer, other, policy.namespace)),
    ),
  );
}

/** Whether a packet passes where it begins and where it ends. */
export function passes(policies: readonly Policy[], packet: Packet): boolean {
  return allows(policies, "Egress", packet) && allows(policies, "Ingress", packet);
}

function rulesOf(spec: PolicySpec, direction: "Ingress" | "Egress"): Rule[] {
  return direction === "Ingress"
    ? (spec.ingress ?? []).map(({ ports, from }) => ({ ports, peers: from }))
    : (spec.egress ?? []).map(({ ports, to }) => ({ ports, peers: to }));
}

function fits(peer: Rule["peers"][number], point: Point, policyNamespace: string): boolean {
  if (peer.ipBlock) {
    const { cidr, except = [] } = peer.ipBlock;
    return holds(cidr, point.ip) && !except.some((one) => holds(one, point.ip));
  }
  if (point.namespace === undefined) return false;
  const namespaceFits =
    peer.namespaceSelector === undefined
      ? point.namespace === policyNamespace
      : matches(peer.namespaceSelector, { "kubernetes.io/metadata.name": point.namespace });
  return namespaceFits && (peer.podSelector === undefined || matches(peer.podSelector, point.labels ?? {}));
}

function matches(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}

function holds(cidr: string, ip: string): boolean {
  const [base = "", prefix = ""] = cidr.split("/");
  const bits = (address: string) =>
    address
      .split(".")
      .map((octet) => Number(octet).toString(2).padStart(8, "0"))
      .join("");
  return bits(base).slice(0, Number(prefix)) === bits(ip).slice(0, Number(prefix));
}
