import { within } from "./cluster-network.ts";
import { connectionIndex, type ConnectionPlan } from "./connections.ts";
import type { Connection, Endpoint, Party, Place } from "./parties.ts";

interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
}

/** One of the peers of a rule, in the form of networking.k8s.io/v1. */
export interface Peer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: string[] };
}

interface Ports {
  readonly ports: { readonly port: number; readonly protocol: "TCP" | "UDP" }[];
}

export interface PolicySpec {
  readonly podSelector: LabelSelector;
  readonly policyTypes: ("Ingress" | "Egress")[];
  readonly ingress?: (Ports & { readonly from: Peer[] })[];
  readonly egress?: (Ports & { readonly to: Peer[] })[];
}

/** A NetworkPolicy, before its namespace is there. */
export interface PlannedPolicy {
  readonly place: Place;
  readonly name: string;
  /** The user's keys that ask for what it allows. */
  readonly why: readonly string[];
  readonly spec: PolicySpec;
}

/** Every address. From outside, packets come from a node's address, which many networks take from the pods' own range. */
const anywhere = "0.0.0.0/0";
/** Never meant by a wider subnet: clouds answer there with the node's credentials. */
const linkLocal = "169.254.0.0/16";

/**
 * The NetworkPolicies of a stack: in each namespace nothing is allowed but DNS, and for each party what its connections say.
 * Probes by the kubelet need no rule: every implementation lets a node reach its own pods.
 *
 * @param names namespaces by their purpose
 */
export function planNetworkPolicies(plan: ConnectionPlan, names: Readonly<Record<Place, string>>): PlannedPolicy[] {
  const peers = (endpoint: Endpoint) => peersOf(endpoint, plan.network.inside, names);
  const of: Ends = { taken: connectionIndex(plan, "to"), made: connectionIndex(plan, "from") };
  return [
    ...plan.places.flatMap((place) => wholeNamespace(place, plan, peers)),
    ...plan.parties.map((party) => policyOf(party, of, peers)),
  ];
}

type Peers = (endpoint: Endpoint) => Peer[];
type Ends = Readonly<Record<"taken" | "made", (party: Party) => readonly Connection[]>>;

function wholeNamespace(place: Place, plan: ConnectionPlan, peers: Peers): PlannedPolicy[] {
  const shared = plan.connections.filter(({ from }) => from.kind === "everyone" && from.place === place);
  const [dns, others] = [shared.filter(({ to }) => to.kind === "dns"), shared.filter(({ to }) => to.kind !== "dns")];
  return [
    {
      place,
      name: "default-deny",
      why: [`quorum:namespaces.${place}`],
      spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
    },
    {
      place,
      name: "allow-dns",
      why: whyOf(dns),
      spec: { podSelector: {}, policyTypes: ["Egress"], egress: egress(dns, peers) },
    },
    ...(others.length === 0
      ? []
      : [
          {
            place,
            name: "allow-mesh",
            why: whyOf(others),
            spec: { podSelector: {}, policyTypes: ["Egress" as const], egress: egress(others, peers) },
          },
        ]),
  ];
}

/** Both directions in each, also where one is empty: a policy then says all there is to say of its party. */
function policyOf(party: Party, of: Ends, peers: Peers): PlannedPolicy {
  const taken = of.taken(party);
  const made = of.made(party);
  return {
    place: party.place,
    name: `${party.kind}-${party.app}`,
    why: whyOf([...taken, ...made]),
    spec: {
      podSelector: { matchLabels: { app: party.app } },
      policyTypes: ["Ingress", "Egress"],
      ingress: byPort(taken).map(({ ports, together }) => ({
        from: unique(together.flatMap(({ from }) => peers(from))),
        ports,
      })),
      egress: egress(made, peers),
    },
  };
}

function egress(connections: readonly Connection[], peers: Peers): (Ports & { to: Peer[] })[] {
  return byPort(connections).map(({ ports, together }) => ({
    to: unique(together.flatMap(({ to }) => peers(to))),
    ports,
  }));
}

/** A rule allows all its peers at all its ports, so only what has the same port may share one. */
function byPort(connections: readonly Connection[]): (Ports & { readonly together: Connection[] })[] {
  const groups = Map.groupBy(connections, ({ port, protocol }) => `${port}/${protocol}`);
  return [...groups.values()]
    .flatMap((together) => {
      const [first] = together;
      return first === undefined ? [] : [{ ports: [{ port: first.port, protocol: first.protocol }], together }];
    })
    .sort((a, b) => portOrder(a) - portOrder(b));
}

function portOrder({ ports }: Ports): number {
  const [first] = ports;
  return first === undefined ? 0 : first.port * 2 + (first.protocol === "UDP" ? 1 : 0);
}

function peersOf(endpoint: Endpoint, inside: readonly string[], names: Readonly<Record<Place, string>>): Peer[] {
  switch (endpoint.kind) {
    case "service":
    case "job":
    case "part":
      return [{ ...namespaceCalled(names[endpoint.place]), podSelector: { matchLabels: { app: endpoint.app } } }];
    case "everyone":
      return [namespaceCalled(names[endpoint.place])];
    case "outside":
      return [{ ipBlock: { cidr: anywhere } }];
    case "controller":
      return [endpoint.namespace === undefined ? { namespaceSelector: {} } : namespaceCalled(endpoint.namespace)];
    case "subnet":
      return [outOfCluster(endpoint.subnet, inside)];
    case "dns":
      return [{ ...namespaceCalled("kube-system"), podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }];
    case "nodes":
    case "api-server":
      return endpoint.addresses.length === 0
        ? [outOfCluster(anywhere, inside)]
        : endpoint.addresses.map((address) => ({ ipBlock: { cidr: `${address}/32` } }));
  }
}

function namespaceCalled(name: string): { readonly namespaceSelector: LabelSelector } {
  return { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } } };
}

/** A subnet without what of it lies in the cluster. */
function outOfCluster(subnet: string, inside: readonly string[]): Peer {
  const except = [...inside, linkLocal].filter((one) => within(one, subnet) && one !== subnet).sort();
  return { ipBlock: { cidr: subnet, ...(except.length > 0 && { except }) } };
}

function whyOf(connections: readonly Connection[]): string[] {
  return [...new Set(connections.map(({ why }) => why))].sort();
}

/** Peers in an order that does not depend on that of the configuration's keys. */
function unique(peers: readonly Peer[]): Peer[] {
  const byText = new Map(peers.map((peer) => [JSON.stringify(peer), peer]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, peer]) => peer);
}
