import { askedOf, type Call, calleeOf, isLimited } from "./calls.ts";
import { clusterNetwork, type ClusterNetwork, type NetworkSettings } from "./cluster-network.ts";
import {
  type Connection,
  type Endpoint,
  type Graph,
  isParty,
  job,
  outboundOf,
  type OutboundSettings,
  type Party,
  type Place,
  service,
  tcp,
} from "./parties.ts";
import { externalConnections, type ExternalHosts } from "./external-connections.ts";
import type { CareControlPlane } from "../control-plane/care.ts";
import type { BackedUpService } from "../platform/volume-backup.ts";
import { alertmanager, gateway, monitoringPorts, prometheus } from "./monitoring-parts.ts";
import { controllerOf, platformParts, type PlatformSettings } from "./platform-parts.ts";

/** What a service says of whom it talks to. */
export interface ServiceConnections extends BackedUpService {
  /** Port of the container. */
  readonly port: number;
  readonly calls: readonly Call[];
  readonly outbound: readonly OutboundSettings[];
  readonly expose?: object | undefined;
  readonly ingress?: object | undefined;
  /** @default outside with `expose`, ingress with `ingress` */
  readonly exposedTo?: readonly ("outside" | "ingress")[] | undefined;
  readonly scrape: boolean;
  /** Whether it sends its traces. @default true */
  readonly traces?: boolean | undefined;
}

/** What a job says of whom it talks to. */
export interface JobConnections {
  /** `service/path` */
  readonly call?: string | undefined;
  readonly calls: readonly Call[];
  readonly outbound: readonly OutboundSettings[];
}

/** The parts of a configuration that say who talks to whom. */
export interface ConnectionSettings extends PlatformSettings {
  readonly services: Readonly<Record<string, ServiceConnections>>;
  readonly jobs: Readonly<Record<string, JobConnections>>;
  readonly controlPlane: NetworkSettings & CareControlPlane;
  readonly mesh?: (NonNullable<PlatformSettings["mesh"]> & ExternalHosts) | undefined;
}

/** Who talks to whom in a stack: the one description that every policy comes from. */
export interface ConnectionPlan extends Graph {
  /** Namespaces that have pods of the stack, or may get some. */
  readonly places: readonly Place[];
  readonly network: ClusterNetwork;
}

const dnsPort = 53;
const otlpPorts = [monitoringPorts.otlpGrpc, monitoringPorts.otlpHttp];
const outside: Endpoint = { kind: "outside" };

/** Derives all connections that a configuration allows. The configuration is taken as checked. */
export function planConnections(settings: ConnectionSettings): ConnectionPlan {
  const network = clusterNetwork(settings.controlPlane);
  const platform = platformParts(settings, network);
  const services = Object.keys(settings.services).map(service);
  const jobs = Object.keys(settings.jobs).map(job);
  const parties = [...services, ...jobs, ...platform.parties].sort(byPlaceAndApp);
  const places = [...new Set<Place>(["apps", "monitoring", ...parties.map(({ place }) => place)])].sort();
  return {
    parties,
    places,
    network,
    connections: [
      ...places.flatMap(dnsOf),
      ...Object.entries(settings.services).flatMap(([name, one]) => connectionsOfService(name, one, settings)),
      ...Object.entries(settings.jobs).flatMap(([name, one]) => connectionsOfJob(name, one, settings)),
      ...platform.connections,
    ],
  };
}

/** From where a service may be reached besides its callers. */
export function exposedTo(one: Pick<ServiceConnections, "expose" | "ingress" | "exposedTo">): readonly string[] {
  return one.exposedTo ?? [...(one.expose ? ["outside"] : []), ...(one.ingress ? ["ingress"] : [])];
}

/** The service that a job's `call` names. */
export function calledService(call: string): string {
  return call.slice(0, call.indexOf("/"));
}

function dnsOf(place: Place): Connection[] {
  const from: Endpoint = { kind: "everyone", place };
  const why = `quorum:namespaces.${place}`;
  return (["UDP", "TCP"] as const).map((protocol) => ({ from, to: { kind: "dns" }, port: dnsPort, protocol, why }));
}

function connectionsOfService(name: string, one: ServiceConnections, settings: ConnectionSettings): Connection[] {
  const own = service(name);
  const key = `quorum:services.${name}`;
  const places = exposedTo(one);
  const from: Connection[] = [];
  if (places.includes("outside")) from.push(tcp(outside, own, one.port, `${key}.exposedTo`));
  if (places.includes("ingress")) from.push(tcp(controllerOf(settings), own, one.port, `${key}.exposedTo`));
  if (one.scrape && settings.monitoring.prometheus.enabled) from.push(tcp(prometheus, own, one.port, `${key}.scrape`));
  if ((one.traces ?? true) && settings.monitoring.collector.gateway.enabled)
    from.push(...otlpPorts.map((port) => tcp(own, gateway, port, `${key}.traces`)));
  from.push(...alertsTo(name, own, one.port, settings));
  return [
    ...from,
    ...callsOf(own, one.calls, `${key}.calls`, settings),
    ...outboundOf(own, one.outbound, `${key}.outbound`),
  ];
}

/** What Alertmanager sends to a service of the stack. */
function alertsTo(name: string, own: Party, port: number, { monitoring }: ConnectionSettings): Connection[] {
  const { enabled, receivers, deadMansSwitch } = monitoring.alertmanager;
  if (!enabled) return [];
  const calls = [
    ...Object.entries(receivers).map(([receiver, { webhook }]) => [`receivers.${receiver}`, webhook?.call] as const),
    ["deadMansSwitch", deadMansSwitch?.call] as const,
  ];
  return calls.flatMap(([key, call]) =>
    call !== undefined && calledService(call) === name
      ? [tcp(alertmanager, own, port, `quorum:monitoring.alertmanager.${key}`)]
      : [],
  );
}

function connectionsOfJob(name: string, one: JobConnections, settings: ConnectionSettings): Connection[] {
  const own = job(name);
  const key = `quorum:jobs.${name}`;
  const first = one.call === undefined ? [] : [calledService(one.call)];
  const others = one.calls.filter((call) => !first.includes(calleeOf(call)));
  return [
    ...callsOf(own, first, `${key}.call`, settings),
    ...callsOf(own, others, `${key}.calls`, settings),
    ...outboundOf(own, one.outbound, `${key}.outbound`),
  ];
}

function callsOf(
  own: Party,
  calls: readonly Call[],
  why: string,
  { services, mesh }: ConnectionSettings,
): Connection[] {
  return calls.flatMap((call) => {
    const name = calleeOf(call);
    const callee = services[name];
    if (callee !== undefined)
      return [{ ...tcp(own, service(name), callee.port, why), ...(isLimited(call) && { asked: askedOf(call) }) }];
    const external = mesh?.external?.[name];
    if (external === undefined)
      throw new Error(`${why} names ${name}, which is neither a service nor an external host`);
    return externalConnections(own, name, external, why);
  });
}

function byPlaceAndApp(a: Party, b: Party): number {
  return a.place === b.place ? compare(a.app, b.app) : compare(a.place, b.place);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Finds the connections that a party takes part in at one end, those of its whole namespace left out; quick for each of many. */
export function connectionIndex(plan: Graph, end: "from" | "to"): (party: Party) => readonly Connection[] {
  const key = ({ place, app }: Party) => `${place}/${app}`;
  const ends = plan.connections.filter((one) => isParty(one[end]));
  const byParty = Map.groupBy(ends, (one) => key(one[end] as Party));
  return (party) => byParty.get(key(party)) ?? [];
}
