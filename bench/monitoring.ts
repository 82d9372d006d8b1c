import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { sizeOf } from "../components/plan/monitoring/sizing.ts";
import { toolPath } from "../local/tools.ts";
import { clusterProblem } from "./cluster.ts";
import { median, runCommand } from "./measure.ts";
import { Cluster, namespace, type Sample, stack } from "./monitoring-cluster.ts";
import { morePods, pauseImage, peer, peerObjects, podObjects, podsNamespace } from "./monitoring-peer.ts";
import { benchDir, launcher, root } from "./paths.ts";
import type { Row } from "./table.ts";

/** Time after which a rate over a minute is of the new state alone. */
const settleSeconds = 90;
const mebibyte = 1024 * 1024;

export interface MonitoringOptions {
  readonly rounds: number | undefined;
  readonly log: (line: string) => void;
}

/** What the monitoring of stack dev costs, beside a bare Prometheus, and how soon a new rule is in force. */
export async function benchMonitoring({ rounds = 3, log }: MonitoringOptions): Promise<Row[]> {
  const problem = clusterProblem();
  if (problem !== undefined) throw new Error(problem);
  const cluster = new Cluster(await toolPath("kubectl"));
  const times = await timesOf(cluster);
  const sizes = await measureSizes(cluster, log);
  log(`${rounds} rounds of a new rule`);
  return [...sizes, ...times, await measureNewRule(cluster, rounds)];
}

/** How long the slowest scrape of each job took, and one evaluation of all rules, over the last ten minutes. */
async function timesOf(cluster: Cluster): Promise<Row[]> {
  const rules = await cluster.number(`sum(max by (rule_group) (prometheus_rule_group_rules))`);
  return [
    ...(await timesOver(cluster, "max by (job) (scrape_duration_seconds)", (job) => `scrape: ${job}`)),
    ...(await timesOver(
      cluster,
      "sum(max by (rule_group) (prometheus_rule_group_last_duration_seconds))",
      () => `evaluation of all ${rules} rules`,
    )),
  ];
}

async function timesOver(cluster: Cluster, query: string, name: (job: string) => string): Promise<Row[]> {
  const [mean = [], least = [], most = []] = await Promise.all(
    ["avg", "min", "max"].map((how) => cluster.vector(`${how}_over_time((${query})[10m:15s])`)),
  );
  const byJob = (samples: readonly Sample[]) =>
    new Map(samples.map(({ labels, value }) => [labels["job"] ?? "", value]));
  const [low, high] = [byJob(least), byJob(most)];
  return [...byJob(mean)]
    .sort(([, a], [, b]) => b - a)
    .map(([job, seconds]) => ({
      measurement: name(job),
      seconds,
      range: [low.get(job) ?? NaN, high.get(job) ?? NaN],
    }));
}

interface Sizes {
  readonly pods: number;
  readonly series: number;
  readonly samplesPerSecond: number;
  readonly memoryMiB: number;
  readonly cores: number;
}

/** What a server has at this moment, by its own series. */
async function sizesOf(cluster: Cluster, pod: string): Promise<Sizes> {
  const self = `{job="${pod === peer ? "self" : "prometheus"}"}`;
  const running = ["get", "pods", "--all-namespaces", "--field-selector", "status.phase=Running", "--output", "name"];
  const pods = (await cluster.kubectl(running)).trim().split("\n").length;
  const [series = NaN, samplesPerSecond = NaN, memory = NaN, cores = NaN] = await Promise.all(
    [
      `max(prometheus_tsdb_head_series${self})`,
      `max(rate(prometheus_tsdb_head_samples_appended_total${self}[1m]))`,
      `max(process_resident_memory_bytes${self})`,
      `max(rate(process_cpu_seconds_total${self}[1m]))`,
    ].map((query) => cluster.number(query, pod)),
  );
  return { pods, series, samplesPerSecond, memoryMiB: memory / mebibyte, cores };
}

/** The stack's Prometheus, and one that scrapes the same targets and keeps all that they tell, before and after more pods. */
async function measureSizes(cluster: Cluster, log: (line: string) => void): Promise<Row[]> {
  const both = async () =>
    Promise.all([sizesOf(cluster, "prometheus-0"), sizesOf(cluster, peer), partsOf(cluster)] as const);
  try {
    log("a bare Prometheus with the same targets");
    await cluster.kubectl(["apply", "--filename", "-"], await peerObjects(cluster));
    await cluster.kubectl(["wait", "--for=condition=Ready", `pod/${peer}`, "--namespace", namespace, "--timeout=120s"]);
    await sleep(settleSeconds * 1000);
    await requireSameTargets(cluster);
    const [own, bare, parts] = await both();
    log(`${morePods} more pods`);
    await cluster.kubectl(["apply", "--filename", "-"], podObjects(await pauseImage(cluster)));
    const rollout = ["rollout", "status", "deployment/pods", "--namespace", podsNamespace, "--timeout=300s"];
    await cluster.kubectl(rollout);
    await sleep(settleSeconds * 1000);
    const [ownAfter, bareAfter] = await both();
    return [
      ...sizeRows("stack dev's Prometheus", own, ownAfter, own),
      ...sizeRows("bare Prometheus, same targets", bare, bareAfter, own),
      ...parts,
    ];
  } finally {
    await cluster.kubectl(["delete", "pod,configmap", peer, "--namespace", namespace, "--ignore-not-found"]);
    await cluster.kubectl(["delete", "namespace", podsNamespace, "--ignore-not-found"]);
  }
}

/** A peer that reaches less than ours would look small for that alone. */
async function requireSameTargets(cluster: Cluster): Promise<void> {
  const query = `count(up{job!="self"} == 1)`;
  const [own, bare] = await Promise.all([cluster.number(query), cluster.number(query, peer)]);
  if (own !== bare) {
    throw new Error(
      `the bare Prometheus reaches ${bare} targets and ours ${own}, so they cannot be compared; see up == 0 of both`,
    );
  }
}

function sizeRows(name: string, before: Sizes, after: Sizes, own: Sizes): Row[] {
  const hundred = 100 / (after.pods - before.pods);
  const more = Math.round((after.series - before.series) * hundred);
  const interval = { scrapeIntervalSeconds: before.series / before.samplesPerSecond, retentionDays: 1 };
  const { diskGiB } = sizeOf(more, { ...interval, storageGiB: 1, memoryMiB: 0 });
  const memory = (before.memoryMiB / before.series) * more;
  const rounded = (value: number) => Math.round(value).toLocaleString("en");
  return [
    {
      measurement: `${name}, ${before.pods} pods`,
      ratio: before.series / own.series,
      peakMiB: before.memoryMiB,
      remark: `${rounded(before.series)} series, ${rounded(before.samplesPerSecond)} samples/s, ${before.cores.toFixed(3)} cores`,
    },
    {
      measurement: `${name}, each 100 pods more`,
      peakMiB: memory,
      remark: `${rounded(more)} series, ${rounded(diskGiB * 1024)} MiB of disk a day, as sizing reckons`,
    },
  ];
}

/** Memory and volume that each part of the monitoring uses. */
async function partsOf(cluster: Cluster): Promise<Row[]> {
  const memory = await cluster.vector(
    `sort_desc(sum by (container) (container_memory_working_set_bytes{namespace=~"monitoring.*", container!=""}))`,
  );
  const blocks = await cluster.number(
    `max(prometheus_tsdb_storage_blocks_bytes) + max(prometheus_tsdb_wal_storage_size_bytes)`,
  );
  return memory
    .filter(({ labels }) => labels["container"] !== peer)
    .map(({ labels, value }) => ({
      measurement: `memory: ${labels["container"]}`,
      peakMiB: value / mebibyte,
      ...(labels["container"] === "prometheus" && { remark: `${(blocks / mebibyte).toFixed(0)} MiB on its volume` }),
    }));
}

/** From the beginning of the `up` that brings a new rule to the first sample that it records. */
async function measureNewRule(cluster: Cluster, rounds: number): Promise<Row> {
  const rules = join(benchDir, "rules.yaml");
  const config = join(benchDir, "monitoring.yaml");
  const up = (file?: string) =>
    runCommand({
      file: process.execPath,
      args: [launcher, "up", "--stack", stack, ...(file === undefined ? [] : ["--config-file", file])],
    });
  mkdirSync(benchDir, { recursive: true });
  const taken: { up: number; all: number }[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const record = `bench:rule_${Date.now()}`;
      const group = { name: "bench", rules: [{ record, expr: "vector(1)" }] };
      writeFileSync(rules, stringify({ groups: [group] }));
      writeFileSync(config, withRules(relative(root, rules)));
      const began = performance.now();
      await up(config);
      const applied = performance.now();
      while (Number.isNaN(await cluster.number(record))) {
        if (performance.now() - applied > 300_000) throw new Error(`${record} was not recorded within 5 minutes`);
        await sleep(500);
      }
      taken.push({ up: (applied - began) / 1000, all: (performance.now() - began) / 1000 });
    }
  } finally {
    rmSync(rules, { force: true });
    await up();
  }
  const all = taken.map((each) => each.all);
  return {
    measurement: "a new rule, from `up` to its first sample",
    seconds: median(all),
    range: [Math.min(...all), Math.max(...all)],
    remark: `of it ${median(taken.map((each) => each.up))?.toFixed(1)} s the up`,
  };
}

function withRules(file: string): string {
  const document = parse(readFileSync(join(root, `Pulumi.${stack}.yaml`), "utf8")) as {
    config: { "quorum:monitoring": { prometheus: { rules?: string[] } } };
  };
  document.config["quorum:monitoring"].prometheus.rules = [file];
  return stringify(document);
}
