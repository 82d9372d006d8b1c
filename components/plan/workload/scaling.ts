export type WorkloadKind = "Deployment" | "StatefulSet" | "DaemonSet";

export interface AutoscaleSettings {
  /** @default 2 */
  readonly minReplicas?: number | undefined;
  readonly maxReplicas: number;
  /** Average use of the CPU that is set aside, in percent of it. @default 70, when memoryPercent is not given either */
  readonly cpuPercent?: number | undefined;
  readonly memoryPercent?: number | undefined;
  /** @default 300 (Kubernetes' own) */
  readonly scaleInSeconds?: number | undefined;
}

/** What of a service decides how many pods it has. */
export interface ScaleSettings {
  readonly kind?: WorkloadKind | undefined;
  readonly replicas?: number | undefined;
  readonly autoscale?: AutoscaleSettings | undefined;
  readonly volumes?: Readonly<Record<string, unknown>> | undefined;
}

/** Pods that a service has: at least and at most. */
export interface Scale {
  readonly least: number;
  readonly most: number;
}

const defaultReplicas = 2;
/** Pods from which on one at a time is slow: a quarter of them is two or more. */
const manyPods = 8;

/**
 * How many pods a service has; undefined for a DaemonSet, whose nodes decide.
 *
 * A Deployment with volumes has one: they are ReadWriteOnce, and pods that take each other's place share them.
 */
export function scaleOf(settings: ScaleSettings): Scale | undefined {
  const { kind = "Deployment", autoscale, volumes = {} } = settings;
  if (kind === "DaemonSet") return undefined;
  if (autoscale !== undefined) return { least: autoscale.minReplicas ?? defaultReplicas, most: autoscale.maxReplicas };
  const byDefault = kind === "Deployment" && Object.keys(volumes).length > 0 ? 1 : defaultReplicas;
  const replicas = settings.replicas ?? byDefault;
  return { least: replicas, most: replicas };
}

/**
 * Pods that a drain may take away at once; undefined where no budget can be kept.
 *
 * One pod at a time, so that an eviction is always possible and never takes all; with many pods a quarter (rounded up by
 * Kubernetes), or the upgrade of a large cluster takes a day. A StatefulSet's pods hold parts of one whole, often a quorum:
 * one at a time, however many. Said as maxUnavailable, not minAvailable, because the number of pods may change under an autoscaler.
 * With one pod a budget either blocks every drain of its host or guards nothing.
 *
 * @see https://kubernetes.io/docs/tasks/run-application/configure-pdb/#rounding-logic-when-specifying-percentages
 */
export function budgetOf(kind: WorkloadKind, scale: Scale | undefined): number | "25%" | undefined {
  if (scale === undefined || scale.least < 2) return undefined;
  return kind === "Deployment" && scale.least >= manyPods ? "25%" : 1;
}

/** What an autoscaler goes by: percent of what is set aside. */
export function scaleMetrics(
  autoscale: AutoscaleSettings,
): { readonly name: "cpu" | "memory"; readonly percent: number }[] {
  const { memoryPercent } = autoscale;
  const cpuPercent = autoscale.cpuPercent ?? (memoryPercent === undefined ? 70 : undefined);
  return [
    ...(cpuPercent === undefined ? [] : [{ name: "cpu" as const, percent: cpuPercent }]),
    ...(memoryPercent === undefined ? [] : [{ name: "memory" as const, percent: memoryPercent }]),
  ];
}
