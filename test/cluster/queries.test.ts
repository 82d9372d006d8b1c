import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { shippedRules } from "../../components/monitoring/alert-rules.ts";
import { shippedDashboards } from "../../components/monitoring/dashboards.ts";
import { ruleGroups } from "../../components/plan/monitoring/rule-files.ts";
import { parseConfig } from "../../config/parse.ts";
import { workspace } from "../../engine/load-stack.ts";
import { readUnavailable } from "../../engine/unavailable.ts";
import { eventSeries, writtenParts } from "../monitoring/absent-parts.ts";
import { LokiApi, spansOf } from "../monitoring/loki-api.ts";
import { filledIn, type Panel, readDashboards, stepSeconds } from "../monitoring/panels.ts";
import { Proof, rulesOn, type Sources } from "../monitoring/proof.ts";
import { PrometheusApi } from "../monitoring/prometheus-api.ts";
import { ScratchPrometheus } from "../monitoring/scratch-prometheus.ts";
import { namesIn, readSeries, seriesIn, withPodsOfToday } from "../monitoring/series-files.ts";
import { stackSections } from "../stacks.ts";
import { caredForEtcd } from "./etcd-care.ts";
import { appUrl, eventually, prometheusUrl } from "./quorum.ts";

/** Stack dev as it is brought up on this machine: without what it has no image for. */
const sections = stackSections("dev");
const config = parseConfig({
  ...sections,
  images: { ...sections["images"], unavailable: readUnavailable(workspace, "dev") },
});
const absent = writtenParts.filter((part) => part.reason(config) !== undefined);
const dashboards = readDashboards(shippedDashboards());
const surroundings = config.monitoring.prometheus;
const live = new PrometheusApi(prometheusUrl);
const loki = new LokiApi(config.namespaces.monitoring);

let pages: Record<string, string>;
let inForce: Awaited<ReturnType<PrometheusApi["rules"]>>;
const started: ScratchPrometheus[] = [];
let sources: Sources;
let deadline: number;

beforeAll(async () => {
  await caredForEtcd();
  const pods = await live.labels('group by (namespace, pod) (container_memory_working_set_bytes{job="cadvisor"})');
  const running = pods.map(({ namespace = "", pod = "" }) => ({ namespace, pod }));
  pages = Object.fromEntries(absent.map(({ name }) => [name, withPodsOfToday(readSeries(name), running)]));
  inForce = await live.rules();
  const recorded = inForce.flatMap(({ record, expr, labels }) =>
    record === undefined ? [] : [{ record, expr, labels }],
  );
  const touched = (texts: readonly string[]) => rulesOn(texts.flatMap(namesIn), recorded);
  // What has its turn every five minutes may not have had its first one yet: the same is recorded beside it at once.
  const isThere = await Promise.all(recorded.map(({ record }) => live.has(record)));
  const early = recorded.filter((_rule, index) => isThere[index] === false);
  const rules = [...new Set([...early, ...touched(Object.values(pages))])];
  const written = await ScratchPrometheus.start({ pages, rules, reads: [live] });
  started.push(written);
  const event = readSeries(eventSeries);
  const reads = [live, written.api];
  const events = await ScratchPrometheus.start({ pages: { event }, rules: touched([event]), reads });
  started.push(events);
  sources = { live, written: written.api, events: events.api };
  deadline = performance.now() + 120_000;
});

/** What is wrong, asked again for a while: in a stack that has just begun, a rule waits for the first samples of another. */
async function problems(ask: (proof: Proof) => Promise<string[]>): Promise<string[]> {
  for (;;) {
    const found = await ask(new Proof(sources, surroundings));
    if (found.length === 0 || performance.now() > deadline) return found;
    await sleep(5000);
  }
}

afterAll(async () => {
  for (const each of started) await each.stop();
});

describe("what is written of parts that are not here", () => {
  it("says where it is from, and is of a part on the list", () => {
    const files = readdirSync(join(import.meta.dirname, "../monitoring/series"));
    const listed = [...writtenParts.map(({ name }) => name), eventSeries];
    expect(files.sort()).toEqual(listed.map((name) => `${name}.prom`).sort());
    for (const name of listed) expect(readSeries(name), name).toMatch(/^# \w.{30}/);
  });

  it("is not there for real", async () => {
    const there = await Promise.all(
      Object.values(pages)
        .flatMap(seriesIn)
        .map(async (series) => ((await live.has(series)) ? [series] : [])),
    );
    expect(there.flat()).toEqual([]);
  });
});

describe("no panel is empty:", () => {
  it.each(dashboards.map((each) => [each.title, each] as const))("%s", async (_title, dashboard) => {
    expect(await problems((proof) => proof.dashboard(dashboard))).toEqual([]);
  });
});

describe("each rule", () => {
  it("of data/rules is in force", () => {
    const wanted = shippedRules()
      .files.flatMap(ruleGroups)
      .flatMap((group) => group.rules.map((rule) => ("alert" in rule ? rule.alert : rule.record)));
    const names = inForce.map(({ alert, record }) => alert ?? record);
    expect(wanted.filter((name) => !names.includes(name))).toEqual([]);
  });

  it("names series that are there", async () => {
    const wrong = async (proof: Proof) =>
      Promise.all(
        inForce.map(async ({ alert, record, expr }) => {
          const problem = await proof.rule(expr);
          return problem === undefined ? [] : [`${alert ?? record} ${problem}`];
        }),
      );
    expect(await problems(async (proof) => (await wrong(proof)).flat())).toEqual([]);
  });
});

describe("no panel of logs and traces is empty:", () => {
  const panelsOf = (uid: string) =>
    dashboards.flatMap((dashboard) =>
      dashboard.panels.filter(({ datasource }) => datasource.uid === uid).map((panel) => ({ dashboard, panel })),
    );
  const named = (uid: string) =>
    panelsOf(uid).map(({ dashboard, panel }) => [`${dashboard.title}, ${panel.title}`, panel] as const);
  const values = { namespace: ".+", app: ".+", search: "" };
  let trace = "";

  beforeAll(async () => {
    // A trace of now: Zipkin has those of before its last restart no more.
    trace = (await fetch(`${appUrl}/api/job/run/wakeUp`)).headers.get("x-trace-id") ?? "";
    expect(trace).toMatch(/^[0-9a-f]{32}$/);
    await eventually("a trace is in Loki and in Zipkin", 30, async () => {
      const spans = await spansOf(config.namespaces.monitoring, trace);
      return spans > 0 && (await loki.fields(`{source="pods"} | trace_id="${trace}"`, "trace_id")).length > 0
        ? true
        : undefined;
    });
  });

  const fill = ({ targets }: Panel) =>
    targets.map(({ expr, query }) => filledIn(expr ?? query ?? "", { ...values, trace }, surroundings));

  it.each(named("loki"))("%s", async (_title, panel) => {
    for (const query of fill(panel)) expect(await loki.count(query, stepSeconds), query).toBeGreaterThan(0);
  });

  it.each(named("zipkin"))("%s", async (_title, panel) => {
    for (const id of fill(panel)) expect(await spansOf(config.namespaces.monitoring, id), id).toBeGreaterThan(0);
  });

  it("variables have values to choose", async () => {
    const asked = dashboards
      .flatMap(({ templating }) => templating.list)
      .filter(({ datasource }) => datasource?.uid === "loki");
    expect(asked.length).toBeGreaterThan(0);
    for (const { name, query } of asked) {
      const { label = "", stream = "" } = typeof query === "object" ? query : {};
      expect(await loki.labelValues(label, filledIn(stream, values, surroundings)), name).not.toEqual([]);
    }
  });
});
