import { quorumOf } from "./hosts.ts";

/** What of the control plane runs on one host. */
export interface Placement {
  readonly host: string;
  readonly zone?: string | undefined;
  /** Physical machine under a virtual one: hosts that share it are lost together. */
  readonly hypervisor?: string | undefined;
  /** Voting etcd members. */
  readonly etcd: number;
  /** Voting members of an etcd cluster for events alone. */
  readonly events: number;
  readonly apiServers: number;
  readonly schedulers: number;
  readonly controllerManagers: number;
  /** Whether the loss of one disk loses nothing. */
  readonly redundantStorage: boolean;
  /** Whether ordinary pods run here. */
  readonly takesPods: boolean;
  /** Whether the API's one address is this host's own. */
  readonly holdsEndpoint: boolean;
}

/** What still works once some hosts are gone, for as long as they are. */
export interface LossEffect {
  /** `all`; `cached`: only what API servers hold in memory; `none`: no API answers. */
  readonly reads: "all" | "cached" | "none";
  readonly writes: boolean;
  /** Whether new pods find a place and controllers act. */
  readonly scheduling: boolean;
  /**
   * `safe`: every acknowledged write is on a quorum that is left. `partial`: a copy is left, which may lack the last writes,
   * and must be recovered by hand. `gone`: no copy is left but a backup.
   */
  readonly data: "safe" | "partial" | "gone";
  /** Whether events are still kept, where they have an etcd cluster of their own. */
  readonly events: boolean;
  /**
   * Whether an API server that ends comes up again. One that runs goes on without the etcd of events, with all but events; one that
   * starts waits 20 s for each etcd that it is told of, and ends: "etcd grpc connection not ready" (seen with 1.37.2).
   */
  readonly apiRestarts: boolean;
}

/** A loss of several hosts at once, and what it costs. */
export interface Loss extends LossEffect {
  readonly kind: "disk" | "host" | "machine" | "zone" | "two hosts";
  /** What is lost, as people call it: a host, two hosts, a zone, a physical machine. */
  readonly what: string;
  readonly hosts: readonly string[];
}

/** What works when these hosts are lost: counted, not looked up. */
export function effectOf(placements: readonly Placement[], lost: ReadonlySet<string>): LossEffect {
  const left = placements.filter(({ host }) => !lost.has(host));
  const sum = (of: (placement: Placement) => number, among: readonly Placement[] = left) =>
    among.reduce((total, placement) => total + of(placement), 0);
  const members = sum(({ etcd }) => etcd, placements);
  const alive = sum(({ etcd }) => etcd);
  const eventMembers = sum(({ events }) => events, placements);
  const hasQuorum = members > 0 && alive >= quorumOf(members);
  const keepsEvents = eventMembers === 0 || sum(({ events }) => events) >= quorumOf(eventMembers);
  const reached = placements.every(({ host, holdsEndpoint }) => !holdsEndpoint || !lost.has(host));
  const answers = reached && sum(({ apiServers }) => apiServers) > 0;
  const acts = sum(({ schedulers }) => schedulers) > 0 && sum(({ controllerManagers }) => controllerManagers) > 0;
  return {
    reads: !answers ? "none" : hasQuorum ? "all" : "cached",
    writes: answers && hasQuorum,
    scheduling: answers && hasQuorum && acts && left.some(({ takesPods }) => takesPods),
    data: hasQuorum ? "safe" : alive > 0 ? "partial" : "gone",
    events: answers && hasQuorum && keepsEvents,
    apiRestarts: answers && hasQuorum && keepsEvents,
  };
}

/** Every loss of one host, of two, of a zone and of a physical machine that holds several hosts. */
export function lossesOf(placements: readonly Placement[]): Loss[] {
  const loss = (kind: Loss["kind"], what: string, hosts: readonly string[]): Loss => ({
    kind,
    what,
    hosts,
    ...effectOf(placements, new Set(hosts)),
  });
  const names = placements.map(({ host }) => host);
  const nothing = effectOf(placements, new Set());
  const disks = placements.filter(({ etcd, redundantStorage }) => etcd > 0 && redundantStorage);
  return [
    ...disks.map(({ host }): Loss => ({ kind: "disk", what: `a disk of ${host}`, hosts: [], ...nothing })),
    ...names.map((name) => loss("host", name, [name])),
    ...groups(placements, "hypervisor").map(([machine, hosts]) => loss("machine", `machine ${machine}`, hosts)),
    ...groups(placements, "zone").map(([zone, hosts]) => loss("zone", `zone ${zone}`, hosts)),
    ...names.flatMap((name, index) =>
      names.slice(index + 1).map((other) => loss("two hosts", `${name} and ${other}`, [name, other])),
    ),
  ];
}

/** Places that hold several of the hosts, but not all of them in a zone that is the only one. */
function groups(placements: readonly Placement[], by: "zone" | "hypervisor"): [string, string[]][] {
  const found = new Map<string, string[]>();
  for (const placement of placements) {
    const place = placement[by];
    if (place !== undefined) found.set(place, [...(found.get(place) ?? []), placement.host]);
  }
  return [...found].filter(([, hosts]) => hosts.length > 1).sort(([a], [b]) => (a < b ? -1 : 1));
}
