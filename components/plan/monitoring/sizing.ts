import {
  type CountNeeds,
  nodesOf,
  partsOf,
  podsOf,
  podsOfCluster,
  podsOfStack,
  runsPerJob,
  sum,
} from "./pod-counts.ts";
import { type Call, calleeOf } from "../connections/calls.ts";
import { hasEgressGateway, isMeshed, type MeshMode } from "../mesh/mesh-parts.ts";
import type { MonitoringPods } from "./pods.ts";
import { blockShare } from "./prometheus.ts";
import type { ScrapeNeeds } from "./scrape-jobs.ts";

/** What of a stack decides how many series it has. */
export interface SizingNeeds extends CountNeeds {
  readonly services: Readonly<
    Record<
      string,
      CountNeeds["services"][string] & {
        readonly calls?: readonly Call[] | undefined;
        readonly mesh?: boolean | undefined;
        readonly ingress?: unknown;
      }
    >
  >;
  readonly ingress: ScrapeNeeds["ingress"] & { readonly replicas?: number | undefined };
  readonly mesh?: MeshOfSizing | undefined;
  readonly monitoring: MonitoringPods & { readonly prometheus: MonitoringPods["prometheus"] & StorageSettings };
}

interface MeshOfSizing extends MeshMode {
  readonly istiod: { readonly replicas: number };
  readonly egress?: { readonly replicas: number } | undefined;
  readonly external?: Readonly<Record<string, { readonly gateway?: boolean | undefined }>> | undefined;
}

/** What a server has for its series. */
export interface StorageSettings {
  readonly retentionDays: number;
  readonly storageGiB: number;
  readonly scrapeIntervalSeconds: number;
  readonly memoryMiB: number;
  readonly expectedSeries?: number | undefined;
}

/** What the series of a stack need. */
export interface Sizing {
  /** That each server has at one time, those of pods that are just gone among them. */
  readonly series: number;
  /** That the series of all days fill. */
  readonly diskGiB: number;
  /** Days until size retention takes the oldest. */
  readonly days: number;
  /** Least volume that holds them for all days. */
  readonly storageGiB: number;
  /** Least memory of a server. */
  readonly memoryMiB: number;
}

/**
 * Series of one of each, after relabelling. Measured on a cluster of one host under Kubernetes 1.37, with 20 pods; of what answers
 * nowhere there (Grafana, kube-state-metrics), from the metrics that its documentation lists.
 */
const seriesOf = {
  // Of the cluster: on each host of the control plane, on each node, of each pod.
  apiServer: 4000,
  etcd: 1450,
  controllerManager: 600,
  scheduler: 200,
  kubelet: 400,
  kubeProxy: 130,
  nodeExporter: 350,
  coreDns: 260,
  cadvisor: 30,
  // Of what kube-state-metrics tells of: a pod, a node, and any other object.
  statePod: 60,
  stateNode: 60,
  stateObject: 25,
  // Of the stack's own parts; a service is taken to have twice as many as the sample app.
  service: 200,
  prometheus: 3000,
  alertmanager: 550,
  grafana: 1500,
  loki: 2700,
  collector: 100,
  zipkin: 350,
  ingress: 400,
  // Of a mesh, counted from what is kept (kept-series.ts): a proxy with what it takes in, and each service or version that it calls, with
  // Istio's own two families of it.
  proxy: 110,
  proxyCallee: 65,
  istiod: 300,
  meshAgent: 60,
} as const;

/** Objects beside its pods that a service has: controller, volume claims, budget, autoscaler. */
const objectsPerService = 4;
/** Recorded series and alerts, and those of pods that a roll-out replaced, which stay in memory for up to 3 hours. */
const growth = 1.4;

/**
 * Bytes of a sample on disk, with its part of the index: 1.2 of an idle stack like dev at 5 seconds, 1.9 of a busy one, and 1 to 2 in
 * Prometheus' manual. A series of a pod that is gone takes no more room, so growth is room to spare here.
 *
 * @see https://prometheus.io/docs/prometheus/latest/storage/#operational-aspects
 */
const bytesPerSample = 1.5;
/**
 * Memory of a server without series, of each series with its newest samples, and of what it remembers of the 32,000 series of an API
 * server that are not kept. Of 105 MB at 950 series, and 210 MB at 9,500 with an API server's.
 */
const memory = { baseMiB: 100, bytesPerSeries: 6 * 1024, apiServerMiB: 40 };
const bytesPerMebibyte = 1024 ** 2;
const bytesPerGibibyte = 1024 ** 3;
const secondsPerDay = 86_400;

/** How many series a stack has, and what they need: from what it is configured to run, or from `expectedSeries`. */
export function sizing(needs: SizingNeeds): Sizing {
  const { prometheus } = needs.monitoring;
  const series = prometheus.expectedSeries ?? roundUp(estimatedSeries(needs) * growth);
  return sizeOf(series, prometheus, needs.platform === "owned" ? partsOf(needs).apiServers : 0);
}

/** What a number of series needs. @param apiServers that are scraped */
export function sizeOf(series: number, settings: StorageSettings, apiServers = 0): Sizing {
  const { retentionDays, storageGiB, scrapeIntervalSeconds } = settings;
  const bytesPerDay = (series * bytesPerSample * secondsPerDay) / scrapeIntervalSeconds;
  const needed = bytesPerDay * retentionDays;
  return {
    series,
    diskGiB: needed / bytesPerGibibyte,
    days: (storageGiB * bytesPerGibibyte * blockShare) / bytesPerDay,
    storageGiB: Math.max(1, Math.ceil(needed / (bytesPerGibibyte * blockShare))),
    memoryMiB: Math.ceil(
      memory.baseMiB + apiServers * memory.apiServerMiB + (series * memory.bytesPerSeries) / bytesPerMebibyte,
    ),
  };
}

/** The same in words, for a preview. */
export function sizingText(size: Sizing, { retentionDays, storageGiB, memoryMiB }: StorageSettings): string {
  const { series, diskGiB, days } = size;
  return [
    `prometheus: about ${series} series, ${round(diskGiB)} GiB for ${retentionDays} days`,
    `the volume of ${storageGiB} GiB holds ${Math.floor(days)} days`,
    `${size.memoryMiB} MiB of the ${memoryMiB} MiB of memory`,
  ].join("; ");
}

/** Series of all that a stack's Prometheus scrapes, without growth. */
export function estimatedSeries(needs: SizingNeeds): number {
  const { monitoring, ingress } = needs;
  const scraped = Object.values(needs.services).filter(({ scrape }) => scrape);
  const replicasOf = ({
    enabled,
    replicas = 1,
  }: {
    readonly enabled: boolean;
    readonly replicas?: number | undefined;
  }) => (enabled ? replicas : 0);
  const nodes = nodesOf(needs);
  const own = [
    sum(scraped.map((service) => podsOf(service, nodes))) * seriesOf.service,
    replicasOf(monitoring.prometheus) * seriesOf.prometheus,
    replicasOf(monitoring.alertmanager) * seriesOf.alertmanager,
    replicasOf(monitoring.grafana) * seriesOf.grafana,
    replicasOf(monitoring.loki) * seriesOf.loki,
    replicasOf(monitoring.zipkin) * seriesOf.zipkin,
    replicasOf(monitoring.collector.gateway) * seriesOf.collector,
    replicasOf(monitoring.collector.agent) * nodes * seriesOf.collector,
    replicasOf(monitoring.nodeExporter) * nodes * seriesOf.nodeExporter,
    ingress.controller === "traefik" ? seriesOf.ingress : 0,
  ];
  return (
    sum(own) +
    meshSeries(needs, nodes) +
    stateSeries(needs, nodes) +
    (needs.platform === "owned" ? clusterSeries(needs, nodes) : 0)
  );
}

/** Of the proxies, which have series of each service that they call, and of what is the mesh's own. */
function meshSeries({ ingress, mesh, services }: SizingNeeds, nodes: number): number {
  if (!isMeshed(mesh)) return 0;
  const destinations = (name: string) => 1 + Object.keys(services[name]?.versions ?? {}).length;
  const proxy = (callees: readonly string[]) => seriesOf.proxy + sum(callees.map(destinations)) * seriesOf.proxyCallee;
  const members = Object.values(services).filter((one) => one.mesh ?? true);
  const sidecars = members.map((one) => podsOf(one, nodes) * proxy((one.calls ?? []).map(calleeOf)));
  if (mesh.mode === "existing") return sum(sidecars);
  const reached = Object.keys(services).filter((name) => services[name]?.ingress !== undefined);
  const left = Object.entries(mesh.external ?? {}).flatMap(([name, { gateway }]) => (gateway === true ? [name] : []));
  return sum([
    ...sidecars,
    mesh.istiod.replicas * seriesOf.istiod,
    nodes * seriesOf.meshAgent,
    ingress.controller === "istio" ? (ingress.replicas ?? 1) * proxy(reached) : 0,
    hasEgressGateway(mesh) ? (mesh.egress?.replicas ?? 1) * proxy(left) : 0,
  ]);
}

/** Of the cluster itself, which only its owner looks at. */
function clusterSeries(needs: SizingNeeds, nodes: number): number {
  const { apiServers, members, events } = partsOf(needs);
  const reached = needs.controlPlane.mode === "kubeadm" && needs.controlPlane.metrics;
  const { apiServer, etcd, controllerManager, scheduler, kubelet, kubeProxy, coreDns, cadvisor } = seriesOf;
  return (
    apiServers * apiServer +
    nodes * kubelet +
    2 * coreDns +
    podsOfCluster(needs, nodes) * cadvisor +
    (reached ? (members + events) * etcd + apiServers * (controllerManager + scheduler) + nodes * kubeProxy : 0)
  );
}

/** What kube-state-metrics tells of: on a shared platform the stack's own objects. */
function stateSeries(needs: SizingNeeds, nodes: number): number {
  if (!needs.monitoring.kubeStateMetrics.enabled) return 0;
  const owned = needs.platform === "owned";
  const pods = owned ? podsOfCluster(needs, nodes) : podsOfStack(needs, nodes);
  const objects = Object.keys(needs.services).length * objectsPerService + Object.keys(needs.jobs).length * runsPerJob;
  return pods * seriesOf.statePod + objects * seriesOf.stateObject + (owned ? nodes * seriesOf.stateNode : 0);
}

/** To two digits: an estimate claims no more, and one more pod changes no rule. */
function roundUp(series: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, series))) - 1);
  return Math.ceil(series / step) * step;
}

function round(amount: number): number {
  return Math.ceil(amount * 10) / 10;
}
