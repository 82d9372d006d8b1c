import type { Problem } from "../problems.ts";
import { sizing, type SizingNeeds } from "./sizing.ts";

const key = "quorum:monitoring.prometheus";

/** Whether the volume and the memory of Prometheus hold what the stack has it keep. */
export function prometheusProblems(needs: SizingNeeds): Problem[] {
  const { prometheus } = needs.monitoring;
  if (!prometheus.enabled) return [];
  const size = sizing(needs);
  const { retentionDays, storageGiB, memoryMiB, scrapeIntervalSeconds } = prometheus;
  const series = `about ${size.series} series`;
  const problems: Problem[] = [];
  if (size.storageGiB > storageGiB) {
    problems.push({
      key: `${key}.retentionDays`,
      text: `is ${retentionDays}, but ${series} every ${scrapeIntervalSeconds} s fill a volume of ${storageGiB} GiB in ${days(size.days)}; set storageGiB to ${size.storageGiB} or more, or expectedSeries if there are fewer`,
    });
  }
  if (size.memoryMiB > memoryMiB) {
    problems.push({
      key: `${key}.memoryMiB`,
      text: `is ${memoryMiB}, but ${series} need ${size.memoryMiB} MiB; set it to that or more, or expectedSeries if there are fewer`,
    });
  }
  return problems;
}

function days(count: number): string {
  return count < 2 ? `${Math.floor(count * 24)} hours` : `${Math.floor(count)} days`;
}
