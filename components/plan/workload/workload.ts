import type { Priority } from "../platform/priorities.ts";
import type { ResourceSettings } from "./resources.ts";
import { budgetOf, scaleOf, type ScaleSettings, type Scale, type WorkloadKind } from "./scaling.ts";
import { type VersionSettings, workloadsOf } from "./versions.ts";
import { planSpread, type PlacementSettings, type PodHost, type Spread } from "./spread.ts";

export interface VolumeSettings {
  readonly mountPath: string;
  readonly storageGiB: number;
  readonly className?: string | undefined;
  /** Whether it outlives the service. @default true */
  readonly retain?: boolean | undefined;
  readonly backup?: boolean | undefined;
}

/** What of a service its plan needs. */
export interface WorkloadSettings extends ScaleSettings {
  readonly placement?: PlacementSettings | undefined;
  readonly volumes?: Readonly<Record<string, VolumeSettings>> | undefined;
  readonly resources?: ResourceSettings | undefined;
  readonly priority?: Priority | undefined;
  readonly versions?: Readonly<Record<string, VersionSettings>> | undefined;
}

export interface WorkloadPlan {
  readonly kind: WorkloadKind;
  /** Undefined for a DaemonSet. */
  readonly scale: Scale | undefined;
  /** Undefined where an autoscaler or the nodes decide: who sets it too would fight with them. */
  readonly replicas: number | undefined;
  /** Pods that a drain may take away at once; undefined without a budget. */
  readonly budget: number | "25%" | undefined;
  /** Undefined for a DaemonSet, which has one pod on each host anyway. */
  readonly spread: Spread | undefined;
  /**
   * `replace`: the old pod ends before the new one begins, because they share a volume. ReadWriteOnce keeps other hosts from it,
   * not another pod of the same host, and an application that has a volume expects no second writer.
   */
  readonly rollOut: "one-by-one" | "replace";
}

/** @param hosts those that take pods; undefined: not known */
export function planWorkload(settings: WorkloadSettings, hosts?: readonly PodHost[]): WorkloadPlan {
  const kind = settings.kind ?? "Deployment";
  const scale = scaleOf(settings);
  const shared = kind === "Deployment" && Object.keys(settings.volumes ?? {}).length > 0;
  return {
    kind,
    scale,
    replicas: settings.autoscale === undefined ? scale?.least : undefined,
    budget: budgetOf(kind, scale),
    spread: scale && planSpread(scale.most, settings.placement ?? {}, hosts),
    rollOut: shared ? "replace" : "one-by-one",
  };
}

/** What the operator should know of services that are allowed as they are. */
export function workloadWarnings(services: Readonly<Record<string, WorkloadSettings>>): string[] {
  const workloads = Object.entries(services).flatMap(([name, service]) =>
    workloadsOf(service).map(({ version, settings }) => ({ name, version, service: settings })),
  );
  return workloads.flatMap(({ name, version, service }) => {
    if (scaleOf(service)?.least !== 1) return [];
    const key = `quorum:services.${name}${version === undefined ? "" : `.versions.${version}`}`;
    const { kind = "Deployment", volumes = {} } = service;
    const fix =
      service.autoscale !== undefined
        ? `set ${key}.autoscale.minReplicas to 2`
        : kind === "Deployment" && Object.keys(volumes).length > 0
          ? `make it a StatefulSet with 2 replicas, if the application can share its work`
          : `set ${key}.replicas to 2`;
    return [
      `${key} has one pod: no disruption budget guards it, as one would block every drain of its host, so a drain or a lost host interrupts it; ${fix}`,
    ];
  });
}

/** Names of the objects of a service. A change of one replaces the object. */
export function workloadNames(name: string) {
  return {
    /** Of the workload, its Service, its account, its autoscaler and its budget. */
    name,
    config: `${name}-config`,
    secretEnv: `${name}-env`,
    secretFiles: `${name}-files`,
    /** Service that gives the pods of a StatefulSet names of their own. */
    peers: `${name}-peers`,
    /** A Deployment's claim; those of a StatefulSet are `<volume>-<service>-<number>`. */
    claim: (volume: string) => `${name}-${volume}`,
    configPath: `/etc/${name}`,
    secretsPath: `/etc/${name}-secrets`,
  };
}
