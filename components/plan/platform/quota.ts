import type { Place } from "../connections/parties.ts";
import { type MonitoringPods, nodePods, ownPods } from "../monitoring/pods.ts";
import { hasEgressGateway, isMeshed, type MeshMode } from "../mesh/mesh-parts.ts";
import { type CareControlPlane, careNeeds } from "../control-plane/care.ts";
import { scaleOf, type WorkloadKind } from "../workload/scaling.ts";
import { type VersionSettings, workloadsOf } from "../workload/versions.ts";

/** What the pods of a namespace may have together. */
export interface Quota {
  readonly pods: number;
  /** Thousandths of a core that are set aside. */
  readonly cpuMillis: number;
  /** Memory that is set aside, and that may be used. */
  readonly memoryMiB: number;
  readonly storageGiB: number;
  /** Services that the outside reaches through a balancer. */
  readonly loadBalancers: number;
}

/** The most that one container may ask for, and what it gets when it asks for nothing. */
export interface ContainerRange {
  readonly defaultRequest: Quantities;
  readonly defaultLimit: Quantities;
  readonly max: Quantities;
}

export interface Quantities {
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly ephemeralMiB: number;
}

interface ResourceNeeds {
  readonly cpuMillis: number;
  readonly cpuLimitMillis?: number | undefined;
  readonly memoryMiB: number;
  readonly ephemeralMiB: number;
}

/** What of a configuration decides how much its pods need. */
export interface QuotaNeeds {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly kind: WorkloadKind;
        readonly replicas?: number | undefined;
        readonly autoscale?: { readonly maxReplicas: number } | undefined;
        readonly expose?: unknown;
        readonly resources: ResourceNeeds;
        readonly versions?: Readonly<Record<string, VersionSettings>> | undefined;
        readonly volumes: Readonly<Record<string, { readonly storageGiB: number }>>;
      }
    >
  >;
  readonly jobs: Readonly<Record<string, { readonly resources: ResourceNeeds }>>;
  readonly monitoring: MonitoringPods;
  readonly registry?: { readonly storageGiB: number } | undefined;
  readonly mesh?: MeshPods | undefined;
  readonly controlPlane?: CareControlPlane | undefined;
  readonly security: { readonly quota: { readonly [P in Place]?: QuotaOverrides | undefined } };
}

/** What of a mesh decides how much its pods need, and what it adds to others. */
interface MeshPods extends MeshMode {
  readonly istiod: ReplicatedPods;
  readonly egress?: ReplicatedPods | undefined;
  readonly external?: Readonly<Record<string, { readonly gateway?: boolean | undefined }>> | undefined;
  readonly proxy: { readonly cpuMillis: number; readonly cpuLimitMillis: number; readonly memoryLimitMiB: number };
}

interface ReplicatedPods {
  readonly replicas: number;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
}

/** What a user says of a quota; the rest is sized. */
export type QuotaOverrides = { readonly [Key in keyof Quota]?: Quota[Key] | undefined };

const nothing: Quota = { pods: 0, cpuMillis: 0, memoryMiB: 0, storageGiB: 0, loadBalancers: 0 };
/** Pods that come and go: one-off runs, backups, restores, a look inside. */
const headroom: Quota = { pods: 20, cpuMillis: 2000, memoryMiB: 4096, storageGiB: 20, loadBalancers: 1 };
/** What the largest container may ask for where all of the stack's own are small. */
const leastMax: Quantities = { cpuMillis: 4000, memoryMiB: 4096, ephemeralMiB: 8192 };

/**
 * What the stack's own pods of a namespace need together, with all of them at their most and each service in a roll-out.
 *
 * @param nodes hosts that a DaemonSet has a pod on
 */
export function needOf(purpose: Place, needs: QuotaNeeds, nodes = 1): Quota {
  switch (purpose) {
    case "apps":
      return appsNeed(needs, nodes);
    case "monitoring":
      return sum(
        ownPods(needs.monitoring).map(({ replicas = 1, expose, cpuMillis, memoryMiB, storageGiB = 0 }) => ({
          ...times({ ...nothing, pods: 1, cpuMillis, memoryMiB, storageGiB }, replicas),
          loadBalancers: expose === undefined ? 0 : 1,
        })),
      );
    case "agents":
      return sum([
        ...nodePods(needs.monitoring).map(({ cpuMillis, memoryMiB }) =>
          times({ ...nothing, pods: 1, cpuMillis, memoryMiB }, nodes),
        ),
        ...careNeeds(careSettings(needs)).map(({ cpuMillis, memoryMiB }) => ({
          ...nothing,
          pods: 1,
          cpuMillis,
          memoryMiB,
        })),
      ]);
    case "registry":
      return { ...nothing, storageGiB: needs.registry?.storageGiB ?? 0 };
    case "mesh":
      return needs.mesh?.mode === "install" ? sum(controlPods(needs.mesh).map(podsNeed)) : nothing;
    case "meshAgents":
      return times({ ...nothing, pods: 1, ...agentResources }, nodes);
    case "ingress":
    case "ui":
      return nothing;
  }
}

/** What istio-cni takes on each node. */
export const agentResources = { cpuMillis: 20, memoryMiB: 128 } as const;

/** istiod, and what calls leave the mesh through. */
function controlPods(mesh: MeshPods): ReplicatedPods[] {
  return [mesh.istiod, ...(mesh.egress !== undefined && hasEgressGateway(mesh) ? [mesh.egress] : [])];
}

function podsNeed({ cpuMillis, memoryMiB, replicas }: ReplicatedPods): Quota {
  return times({ ...nothing, pods: 1, cpuMillis, memoryMiB }, replicas);
}

function appsNeed({ services, jobs, mesh }: QuotaNeeds, nodes: number): Quota {
  const sidecar = isMeshed(mesh) ? { cpuMillis: mesh.proxy.cpuMillis, memoryMiB: mesh.proxy.memoryLimitMiB } : nothing;
  const podOf = ({ cpuMillis, memoryMiB }: ResourceNeeds): Quota => ({
    ...nothing,
    pods: 1,
    cpuMillis: cpuMillis + sidecar.cpuMillis,
    memoryMiB: memoryMiB + sidecar.memoryMiB,
  });
  const ofWorkload = ({ autoscale, kind, replicas, resources, volumes }: QuotaNeeds["services"][string]) => {
    const pods = scaleOf({ kind, replicas, autoscale, volumes })?.most ?? nodes;
    // A Deployment's new pod comes before an old one goes; the others' goes first.
    const surge = kind === "Deployment" ? 1 : 0;
    const copies = kind === "StatefulSet" ? pods : 1;
    const storageGiB = Object.values(volumes).reduce((total, volume) => total + volume.storageGiB, 0) * copies;
    return { ...times(podOf(resources), pods + surge), storageGiB };
  };
  const ofServices = Object.values(services).map((service) => ({
    ...sum(workloadsOf(service).map(({ settings }) => ofWorkload(settings))),
    loadBalancers: service.expose === undefined ? 0 : 1,
  }));
  return sum([...ofServices, ...Object.values(jobs).map(({ resources }) => podOf(resources))]);
}

/**
 * The quota of a namespace: twice what the stack's own pods need at their most, so that every service can be rolled out at
 * once, and some more for pods that come and go. What the user gives counts instead.
 */
export function quotaOf(purpose: Place, needs: QuotaNeeds, nodes: number): Quota {
  const exact = sum([times(needOf(purpose, needs, nodes), 2), largeParts(purpose, needs), headroom]);
  const { pods, cpuMillis, memoryMiB, storageGiB, loadBalancers } = exact;
  const sized = {
    pods: roundUp(pods),
    cpuMillis: roundUp(cpuMillis),
    memoryMiB: roundUp(memoryMiB),
    storageGiB: roundUp(storageGiB),
    loadBalancers,
  };
  const given = Object.entries(needs.security.quota[purpose] ?? {}).filter(([, value]) => value !== undefined);
  return { ...sized, ...(Object.fromEntries(given) as Partial<Quota>) };
}

/** To the next of 1, 2, 5, 10, 20, 50 and so on, so that one more pod does not change the quota with every edit. */
function roundUp(amount: number): number {
  if (amount <= 0) return 0;
  const decade = 10 ** Math.floor(Math.log10(amount));
  return decade * ([1, 2, 5].find((step) => step * decade >= amount) ?? 10);
}

/** What parts of others' making need, whose pods the configuration does not count one by one. */
function largeParts(purpose: Place, { registry }: QuotaNeeds): Quota {
  if (purpose === "registry" && registry !== undefined)
    return { pods: 30, cpuMillis: 8000, memoryMiB: 16_384, storageGiB: 100, loadBalancers: 1 };
  if (purpose === "ingress")
    return { pods: 200, cpuMillis: 32_000, memoryMiB: 65_536, storageGiB: 0, loadBalancers: 1 };
  return nothing;
}

/** What one container may have, and has by default. */
export function containerRange(needs: QuotaNeeds): ContainerRange {
  const all = [
    ...Object.values(needs.services).flatMap((one) => workloadsOf(one).map(({ settings }) => settings.resources)),
    ...Object.values(needs.jobs).map(({ resources }) => resources),
    ...ownPods(needs.monitoring).map(({ cpuMillis, memoryMiB }) => ({ cpuMillis, memoryMiB, ephemeralMiB: 0 })),
    ...meshContainers(needs.mesh),
    ...careNeeds(careSettings(needs)),
  ];
  // A CPU limit is at least twice what is set aside, so twice more is room for a larger one.
  const largest = (of: (one: ResourceNeeds) => number) => Math.max(...all.map(of));
  return {
    defaultRequest: { cpuMillis: 50, memoryMiB: 128, ephemeralMiB: 64 },
    defaultLimit: { cpuMillis: 1000, memoryMiB: 256, ephemeralMiB: 256 },
    max: {
      cpuMillis: Math.max(leastMax.cpuMillis, 2 * largest((one) => Math.max(one.cpuMillis, one.cpuLimitMillis ?? 0))),
      memoryMiB: Math.max(leastMax.memoryMiB, 2 * largest((one) => one.memoryMiB)),
      ephemeralMiB: Math.max(leastMax.ephemeralMiB, 2 * largest((one) => one.ephemeralMiB)),
    },
  };
}

function careSettings({ controlPlane = { mode: "existing" } }: QuotaNeeds): CareControlPlane {
  return controlPlane;
}

function meshContainers(mesh: MeshPods | undefined): ResourceNeeds[] {
  if (!isMeshed(mesh)) return [];
  const { proxy } = mesh;
  return [
    ...controlPods(mesh).map((pods) => ({ ...pods, ephemeralMiB: 0 })),
    { ...proxy, memoryMiB: proxy.memoryLimitMiB, ephemeralMiB: 0 },
  ];
}

function times(quota: Quota, factor: number): Quota {
  return mapQuota(quota, (value) => value * factor);
}

function sum(quotas: readonly Quota[]): Quota {
  return quotas.reduce((total, one) => mapQuota(total, (value, key) => value + one[key]), nothing);
}

function mapQuota(quota: Quota, map: (value: number, key: keyof Quota) => number): Quota {
  const keys = Object.keys(nothing) as (keyof Quota)[];
  return Object.fromEntries(keys.map((key) => [key, map(quota[key], key)])) as unknown as Quota;
}
