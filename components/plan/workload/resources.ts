/** What a container may use, as the user says it. */
export interface ResourceSettings {
  /** Thousandths of a core that are set aside. @default 100 */
  readonly cpuMillis?: number | undefined;
  /** Most that it gets, in thousandths of a core. @default twice cpuMillis, at least 1000: start-up needs more than the service itself */
  readonly cpuLimitMillis?: number | undefined;
  /** Memory that is set aside, and at which the container is killed. @default 128 */
  readonly memoryMiB?: number | undefined;
  /** Most that it may write to its own disk, its logs and /tmp together. @default 256 */
  readonly ephemeralMiB?: number | undefined;
}

/** The same with every default in its place. */
export interface PlannedResources {
  readonly cpuMillis: number;
  readonly cpuLimitMillis: number;
  readonly memoryMiB: number;
  /** Disk that is set aside: a quarter of the limit, as most services write only their logs. */
  readonly ephemeralRequestMiB: number;
  readonly ephemeralMiB: number;
}

/** Lowest CPU limit by default: start-up of a runtime needs more than the service itself. */
const leastCpuLimitMillis = 1000;

export function planResources(settings: ResourceSettings = {}): PlannedResources {
  const cpuMillis = settings.cpuMillis ?? 100;
  const ephemeralMiB = settings.ephemeralMiB ?? 256;
  return {
    cpuMillis,
    cpuLimitMillis: settings.cpuLimitMillis ?? Math.max(leastCpuLimitMillis, 2 * cpuMillis),
    memoryMiB: settings.memoryMiB ?? 128,
    ephemeralRequestMiB: Math.ceil(ephemeralMiB / 4),
    ephemeralMiB,
  };
}
