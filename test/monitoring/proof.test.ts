import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Dashboard, Panel } from "./panels.ts";
import { filledIn } from "./panels.ts";
import { Proof, rulesOn } from "./proof.ts";
import { prometheusBinary, ScratchPrometheus } from "./scratch-prometheus.ts";
import { pageAfter, withPodsOfToday } from "./series-files.ts";
import { selectors } from "./selectors.ts";

function panel(title: string, ...expressions: string[]): Panel {
  return {
    id: 1,
    type: "timeseries",
    title,
    gridPos: { x: 0, y: 0, w: 12, h: 8 },
    datasource: { type: "prometheus", uid: "prometheus" },
    fieldConfig: { defaults: {} },
    targets: expressions.map((expr, index) => ({ refId: "ABC".charAt(index), expr })),
  };
}

function dashboard(panels: readonly Panel[], list: Dashboard["templating"]["list"] = []): Dashboard {
  return { file: "x.json", uid: "x", title: "X", tags: [], schemaVersion: 42, templating: { list }, panels };
}

const livePage = `# TYPE calls counter
calls{job="shop",code="200"} 40
# TYPE up gauge
up{job="shop"} 1
# TYPE idle_seconds histogram
idle_seconds_bucket{job="shop",le="1"} 0
idle_seconds_bucket{job="shop",le="+Inf"} 0
`;
const writtenPage = `# TYPE up gauge
up{job="mesh"} 1
# TYPE mesh_calls counter
mesh_calls{job="mesh"} 7
`;
const eventPage = `# TYPE calls counter
calls{job="shop",code="500"} 1
`;

// Left out until the local run has built Prometheus: building it takes minutes, and unit tests take seconds.
describe.skipIf(!existsSync(prometheusBinary))("the proof, on real Prometheus servers,", () => {
  let all: ScratchPrometheus[] = [];
  let proof: Proof;

  beforeAll(async () => {
    const live = await ScratchPrometheus.start({ pages: { live: livePage } });
    const rules = [
      { record: "mesh:per_call", expr: "mesh:doubled / scalar(calls)" },
      { record: "mesh:doubled", expr: "mesh_calls * 2" },
    ];
    const [written, events] = await Promise.all([
      ScratchPrometheus.start({ pages: { written: writtenPage }, rules, reads: [live.api] }),
      ScratchPrometheus.start({ pages: { events: eventPage } }),
    ]);
    all = [live, written, events];
    proof = new Proof({ live: live.api, written: written.api, events: events.api }, { scrapeIntervalSeconds: 1 });
  });

  afterAll(async () => {
    for (const each of all) await each.stop();
  });

  it("finds no fault with panels that show something", async () => {
    const panels = [
      panel("live", "sum(rate(calls[$__rate_interval]))"),
      panel("both", "mesh_calls + on () group_left () sum(calls)", 'up{job="mesh"}'),
      panel("recorded", "mesh:per_call"),
      panel("fallback", 'sum(calls{code="500"}) or 0 * sum(calls)'),
    ];
    expect(await proof.dashboard(dashboard(panels))).toEqual([]);
  });

  it("names a panel whose metric is misspelt, one that would be empty and one that does not parse", async () => {
    const panels = [
      panel("misspelt", "sum(rate(callls[5m]))"),
      panel("empty", 'calls{code="404"}'),
      panel("nothing but NaN", "calls", "histogram_quantile(0.9, rate(idle_seconds_bucket[$__rate_interval]))"),
      panel("broken", "sum(rate(calls))"),
    ];
    expect((await proof.dashboard(dashboard(panels))).map((problem) => problem.replace(/: .*/, ""))).toEqual([
      'x.json, "misspelt" (A) names what nothing makes',
      'x.json, "empty" (A) would be empty',
      'x.json, "nothing but NaN" (B) would be empty',
      'x.json, "broken" (A) does not parse',
    ]);
  });

  it("does not take what only a fault makes, nor what is written of another part, for what a panel shows", async () => {
    const panels = [panel("faults", 'calls{code="500"}'), panel("part", 'up{job="absent"}')];
    expect(await proof.dashboard(dashboard(panels))).toEqual([
      'x.json, "faults" (A) would be empty: calls{code="500"}',
      'x.json, "part" (A) would be empty: up{job="absent"}',
    ]);
  });

  it("asks the queries of variables, and names one that gives nothing to choose", async () => {
    const variable = (name: string, query: string, all = false) => ({
      name,
      type: "query",
      datasource: { uid: "prometheus" },
      query: { query },
      includeAll: all,
      allValue: ".+",
    });
    const shown = [panel("chosen", 'calls{job="$job", code=~"$code"}')];
    const job = variable("job", "label_values(calls, job)");
    const code = variable("code", 'label_values(calls{job="$job"}, code)', true);
    expect(await proof.dashboard(dashboard(shown, [job, code]))).toEqual([]);
    const none = variable("code", 'label_values(calls{job="none"}, code)');
    expect(await proof.dashboard(dashboard(shown, [job, none]))).toContain(
      "x.json, variable code has no value to choose",
    );
  });

  it("wants series for each selector of a rule, those of faults among them", async () => {
    expect(await proof.rule('calls{code="500"} > 0')).toBeUndefined();
    expect(await proof.rule('rate(calls{code="418"}[5m]) > 0 and up == 1')).toBe(
      'names what nothing makes: calls{code="418"}',
    );
    expect(await proof.rule("sum(")).toMatch(/^does not parse/);
  });
});

describe("the proof", () => {
  it("reads selectors by the grammar", () => {
    expect(selectors('sum by (job) (rate(calls{a="}"}[5m] offset 1h)) / on () count(up) + up')).toEqual([
      'calls{a="}"}',
      "up",
    ]);
  });

  it("puts values in place of variables, and refuses one that nobody declared", () => {
    const values = { node: "a" };
    const one = { scrapeIntervalSeconds: 30 };
    expect(filledIn('x{n="$node",m="${node:regex}"}[$__rate_interval]', values, one)).toBe('x{n="a",m="a"}[120s]');
    expect(() => filledIn("x[$__range] + $nod", values, one)).toThrow("$nod is no variable of the dashboard");
  });

  it("lets counters of a page go on, and nothing else", () => {
    const page = '# TYPE a counter\na 600\n# TYPE b gauge\nb 600\n# TYPE c histogram\nc_bucket{le="1"} 6\nc_sum 60\n';
    expect(pageAfter(page, 300)).toBe(
      '# TYPE a counter\na 900\n# TYPE b gauge\nb 600\n# TYPE c histogram\nc_bucket{le="1"} 9\nc_sum 90\n',
    );
  });

  it("gives written pods the names of those that run", () => {
    const page = [
      'x{namespace="apps",uid="1",pod="web-76dcdcc99b-aaaaa"} 1',
      'y{namespace="apps",pod="web-76dcdcc99b-aaaaa"} 1',
      'x{namespace="apps",pod="web-76dcdcc99b-bbbbb"} 1',
      'x{namespace="apps",pod="db-0"} 1',
    ].join("\n");
    const today = [
      { namespace: "apps", pod: "web-5b6c7d8e9f-22222" },
      { namespace: "apps", pod: "web-5b6c7d8e9f-11111" },
      { namespace: "other", pod: "web-5b6c7d8e9f-00000" },
    ];
    expect(withPodsOfToday(page, today).match(/pod="[^"]+/g)).toEqual([
      'pod="web-5b6c7d8e9f-11111',
      'pod="web-5b6c7d8e9f-11111',
      'pod="web-5b6c7d8e9f-22222',
      'pod="db-0',
    ]);
  });

  it("takes the rules that read what is written, by way of others too", () => {
    const rules = [
      { record: "b", expr: "a + 1" },
      { record: "a", expr: "written" },
      { record: "c", expr: "live" },
    ];
    expect(rulesOn(["written"], rules).map(({ record }) => record)).toEqual(["b", "a"]);
  });
});
