import type { Problem } from "../problems.ts";
import { type CountNeeds, nodesOf, podsOf, podsOfCluster, sum } from "./pod-counts.ts";

/** What Loki has for its lines. */
export interface LogStorage {
  readonly enabled: boolean;
  readonly retentionDays: number;
  readonly storageGiB: number;
  readonly expectedMiBPerDay?: number | undefined;
}

/** What of a stack decides how many lines it has. */
export type LogNeeds = CountNeeds & { readonly monitoring: { readonly loki: LogStorage } };

/** What the lines of a stack need. */
export interface LogSizing {
  /** As they are written. */
  readonly mebibytesPerDay: number;
  /** That the lines of all days fill. */
  readonly diskGiB: number;
  /** Days until the volume is full. */
  readonly days: number;
  /** Least volume that holds them for all days. */
  readonly storageGiB: number;
}

/**
 * MiB of lines a day. Measured by what the agent of a host of stack dev sent, a job each minute among it: 40 of the kubelet and the
 * container runtime, 2 of events, 0.5 to 2 of a pod that does little. A service is taken to write a line of 250 bytes, which is one
 * of the sample app, each second.
 */
const mebibytesOf = { node: 40, events: 2, quietPod: 2, servicePod: 20 } as const;

/**
 * Part of the lines' size that they take on the volume, with their index and fields: 0.16 measured on stack dev; more where streams
 * are so thin that each file has little in it.
 */
const storedShare = 0.25;
/** Part of the volume that lines may fill: the rest is for the write-ahead log, and for what is past its days and not yet taken away. */
const lineShare = 0.8;
const mebibytesPerGibibyte = 1024;
const key = "quorum:monitoring.loki";

/** How many lines a stack has, and what they need: from what it is configured to run, or from `expectedMiBPerDay`. */
export function logSizing(needs: LogNeeds): LogSizing {
  const { expectedMiBPerDay, retentionDays, storageGiB } = needs.monitoring.loki;
  const mebibytesPerDay = expectedMiBPerDay ?? estimatedMebibytes(needs);
  const storedPerDay = (mebibytesPerDay * storedShare) / mebibytesPerGibibyte;
  return {
    mebibytesPerDay,
    diskGiB: storedPerDay * retentionDays,
    days: (storageGiB * lineShare) / storedPerDay,
    storageGiB: Math.max(1, Math.ceil((storedPerDay * retentionDays) / lineShare)),
  };
}

/** The same in words, for a preview. */
export function logSizingText({ mebibytesPerDay, diskGiB, days }: LogSizing, storage: LogStorage): string {
  const { retentionDays, storageGiB } = storage;
  return [
    `loki: about ${mebibytesPerDay} MiB of lines a day, ${Math.ceil(diskGiB * 10) / 10} GiB for ${retentionDays} days`,
    `the volume of ${storageGiB} GiB holds ${Math.floor(days)} days`,
  ].join("; ");
}

/** Whether Loki's volume holds its days: it takes no line away before, and when the volume is full it takes no further one. */
export function logSizingProblems(needs: LogNeeds): Problem[] {
  const { loki } = needs.monitoring;
  if (!loki.enabled) return [];
  const size = logSizing(needs);
  if (size.storageGiB <= loki.storageGiB) return [];
  return [
    {
      key: `${key}.retentionDays`,
      text: `is ${loki.retentionDays}, but about ${size.mebibytesPerDay} MiB of lines a day fill a volume of ${loki.storageGiB} GiB in ${Math.floor(size.days)} days; set storageGiB to ${size.storageGiB} or more, or expectedMiBPerDay if there are fewer`,
    },
  ];
}

/** Without the log agent, which a shared platform has none of, there is only what services send by themselves. */
function estimatedMebibytes(needs: LogNeeds): number {
  const nodes = nodesOf(needs);
  const servicePods = sum(Object.values(needs.services).map((service) => podsOf(service, nodes)));
  const services = servicePods * mebibytesOf.servicePod;
  if (!needs.monitoring.collector.agent.enabled) return Math.max(1, services);
  const quietPods = podsOfCluster(needs, nodes) - servicePods;
  return services + quietPods * mebibytesOf.quietPod + nodes * (mebibytesOf.node + mebibytesOf.events);
}
