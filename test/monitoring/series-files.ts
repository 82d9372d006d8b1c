import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Name of a file under `series/`, without its ending. */
export function readSeries(name: string): string {
  return readFileSync(join(import.meta.dirname, "series", `${name}.prom`), "utf8");
}

/** Part of its first value by which a counter grows in a second. */
const growth = 1 / 600;

/** A page of series as it would be scraped `seconds` after the one that was written down: its counters have gone on. */
export function pageAfter(text: string, seconds: number): string {
  let counts = false;
  const lines = text.split("\n").map((line) => {
    const type = /^# TYPE \S+ (\w+)/.exec(line)?.[1];
    if (type !== undefined) counts = type === "counter" || type === "histogram";
    const sample = /^([^#\s].*) (\S+)$/.exec(line);
    if (!counts || !sample) return line;
    return `${sample[1]} ${Number(sample[2]) * (1 + seconds * growth)}`;
  });
  return lines.join("\n");
}

/** Names of the series of a page. */
export function namesIn(text: string): string[] {
  const names = text.split("\n").flatMap((line) => /^[a-zA-Z_:][\w:]*(?=[{ ])/.exec(line)?.[0] ?? []);
  return [...new Set(names)];
}

/** A series of each name of a page, as a selector. */
export function seriesIn(text: string): string[] {
  const series = text.split("\n").flatMap((line) => /^([a-zA-Z_:][\w:]*\{.*\}) /.exec(line)?.[1] ?? []);
  return [...new Map(series.map((each) => [each.slice(0, each.indexOf("{")), each])).values()];
}

interface Pod {
  readonly namespace: string;
  readonly pod: string;
}

/**
 * A page with the names of today's pods in place of those that a workload had when the page was written down, so that its
 * series can be joined with those of the pods that run.
 */
export function withPodsOfToday(text: string, today: readonly Pod[]): string {
  const waiting = Map.groupBy(
    [...today].sort((a, b) => (a.pod < b.pod ? -1 : 1)),
    ({ namespace, pod }) => `${namespace}/${workloadOf(pod)}`,
  );
  const renamed = new Map<string, string>();
  return text.replaceAll(
    /namespace="([^"]+)"(.*?),pod="([^"]+)"/g,
    (whole, namespace: string, between: string, pod: string) => {
      const key = `${namespace}/${pod}`;
      const name = renamed.get(key) ?? waiting.get(`${namespace}/${workloadOf(pod)}`)?.shift()?.pod ?? pod;
      renamed.set(key, name);
      return `namespace="${namespace}"${between},pod="${name}"`;
    },
  );
}

/** Name of what made a pod: without the random end, and without the hash before it. */
function workloadOf(pod: string): string {
  return pod.replace(/(-[0-9a-f]{8,10})?-[0-9a-z]{5}$/, "");
}
