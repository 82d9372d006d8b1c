import { givenEndpoint } from "./balancer.ts";
import { byName, type HostSettings, type KubeadmSettings } from "./hosts.ts";
import type { Placement } from "./losses.ts";

/** Members of an etcd cluster that is to outlive the loss of one. */
const redundantMembers = 3;
/** API servers, schedulers and controller managers that outlive the loss of one. */
const redundantInstances = 2;

/** What of a host decides how many members and API servers it has. */
type Placeable = Pick<HostSettings, "etcdMembers" | "reliability"> & { readonly role: string };
type Named = readonly [string, Placeable];
interface Goal {
  readonly goal?: KubeadmSettings["goal"] | undefined;
}

/**
 * Which parts of the control plane run on which host.
 *
 * One or two hosts cannot tolerate the loss of any that holds etcd, so there all its members lie together, on the most
 * reliable host: parting them 2+1 only adds a second host whose loss stops everything. From three hosts on, each has one.
 * Hosts are in the order of their names.
 */
export function placeComponents(settings: KubeadmSettings): Placement[] {
  const hosts = byName(settings);
  const controlPlane = hosts.filter(([, { role }]) => role === "control-plane");
  const dedicated = hosts.filter(([, { role }]) => role === "etcd");
  const forEvents = hosts.filter(([, { role }]) => role === "events");
  const members = memberCounts(dedicated.length > 0 ? dedicated : controlPlane, settings);
  const events = forEvents.length > 0 ? memberCounts(forEvents, settings) : members;
  const instances = instanceCounts(controlPlane, members, settings);
  const workers = hosts.some(([, { role }]) => role === "worker");
  const endpoint = endpointAddress(settings, members, instances);
  return hosts.map(([host, { role, zone, hypervisor, schedulable, address, storage }]) => {
    const etcd = members.get(host) ?? 0;
    const each = instances.get(host) ?? 0;
    return {
      host,
      zone,
      hypervisor,
      etcd,
      events: settings.etcd.events === "own" ? (events.get(host) ?? 0) : 0,
      apiServers: each,
      schedulers: each,
      controllerManagers: each,
      redundantStorage: storage === "redundant",
      takesPods: role === "worker" || (role === "control-plane" && (schedulable ?? !(workers && each > 0))),
      holdsEndpoint: endpoint === address,
    };
  });
}

/** What of a placement kubeadm alone cannot make: it knows one member and one API server on a host. */
export function beyondKubeadm(placements: readonly Placement[]): string[] {
  const several = (count: number, what: string, host: string) => (count > 1 ? [`${count} ${what} on ${host}`] : []);
  return placements.flatMap(({ host, etcd, apiServers, events }) => [
    ...several(etcd, "etcd members", host),
    ...several(apiServers, "API servers", host),
    ...(events > 0 ? [`an etcd cluster for events on ${host}`] : []),
    ...(etcd > 0 && apiServers === 0 ? [`etcd without an API server on ${host}`] : []),
  ]);
}

/** How many of each part a control plane has in all. */
export interface PartCounts {
  readonly apiServers: number;
  /** Voting members of the etcd of all objects, and of that of events alone. */
  readonly members: number;
  readonly events: number;
  /** Static pods of it on Kubernetes nodes: a host of etcd alone is none. */
  readonly staticPods: number;
}

/** What decides how many of each part there are. */
export interface CountedSettings extends Goal {
  readonly hosts: Readonly<Record<string, Placeable>>;
  readonly etcd?: Pick<KubeadmSettings["etcd"], "events"> | undefined;
}

/** What `placeComponents` comes to, from as little as decides it. */
export function countParts(settings: CountedSettings): PartCounts {
  const hosts = Object.entries(settings.hosts).sort(([a], [b]) => (a < b ? -1 : 1));
  const of = (wanted: string) => hosts.filter(([, { role }]) => role === wanted);
  const [controlPlane, dedicated, forEvents] = [of("control-plane"), of("etcd"), of("events")];
  const members = memberCounts(dedicated.length > 0 ? dedicated : controlPlane, settings);
  const shared = forEvents.length > 0 ? memberCounts(forEvents, settings) : members;
  const events = settings.etcd?.events === "own" ? shared : new Map<string, number>();
  const apiServers = total(instanceCounts(controlPlane, members, settings));
  const onNodes = (counts: Counts) => total(new Map(controlPlane.map(([name]) => [name, counts.get(name) ?? 0])));
  return {
    apiServers,
    members: total(members),
    events: total(events),
    // An API server has a controller manager and a scheduler with it.
    staticPods: 3 * apiServers + onNodes(members) + onNodes(events),
  };
}

const total = (counts: Counts) => [...counts.values()].reduce((sum, count) => sum + count, 0);

/** The host to trust most: by what the user says of it, then by its name. */
function mostReliable(hosts: readonly Named[]): string | undefined {
  const reliability = ([, host]: Named) => host.reliability ?? 0;
  return [...hosts].sort((a, b) => reliability(b) - reliability(a))[0]?.[0];
}

function memberCounts(hosts: readonly Named[], { goal }: Goal): Map<string, number> {
  const given = hosts.filter(([, { etcdMembers }]) => etcdMembers !== undefined);
  if (given.length > 0) return new Map(hosts.map(([name, { etcdMembers }]) => [name, etcdMembers ?? 0]));
  if (hosts.length > 2) return new Map(hosts.map(([name]) => [name, 1]));
  const best = mostReliable(hosts);
  const members = goal === "control-plane-redundancy" ? redundantMembers : 1;
  return new Map(hosts.map(([name]) => [name, name === best ? members : 0]));
}

function instanceCounts(
  hosts: readonly Named[],
  members: ReadonlyMap<string, number>,
  { goal }: Goal,
): Map<string, number> {
  const redundant = goal === "control-plane-redundancy";
  if (hosts.length === 1) return new Map(hosts.map(([name]) => [name, redundant ? redundantInstances : 1]));
  // Two hosts of which one holds the only etcd: a second API server elsewhere adds risk and no availability.
  const stackedPair = hosts.length === 2 && hosts.some(([name]) => (members.get(name) ?? 0) > 0);
  if (stackedPair && !redundant) return new Map(hosts.map(([name]) => [name, (members.get(name) ?? 0) > 0 ? 1 : 0]));
  return new Map(hosts.map(([name]) => [name, 1]));
}

type Counts = ReadonlyMap<string, number>;

/** An address of a balancer on the hosts is no host's own: it moves to one that lives. */
function endpointAddress(settings: KubeadmSettings, members: Counts, instances: Counts): string | undefined {
  const endpoint = givenEndpoint(settings);
  if (endpoint !== undefined) return endpoint.split(":")[0];
  return settings.hosts[firstHostOf(settings, members, instances) ?? ""]?.address;
}

/**
 * The host that begins the cluster. An API server starts only once etcd is there: where control-plane hosts have it, one of those.
 *
 * @param members etcd members, and API servers, by host
 */
export function firstHostOf(settings: KubeadmSettings, members: Counts, instances: Counts): string | undefined {
  const serving = byName(settings).flatMap(([name]) => ((instances.get(name) ?? 0) > 0 ? [name] : []));
  return settings.firstHost ?? serving.find((name) => (members.get(name) ?? 0) > 0) ?? serving[0];
}
