import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { shippedDashboards } from "../components/monitoring/dashboards.ts";
import { dashboardProblems, datasourceUids } from "../components/plan/monitoring/dashboards.ts";
import { schemaProblems } from "./monitoring/dashboard-schema.ts";
import { type Dashboard, formProblems, readDashboards } from "./monitoring/panels.ts";

const files = shippedDashboards();
const dashboards = readDashboards(files);

const panel = {
  id: 1,
  type: "timeseries",
  title: "Requests",
  description: "Requests in a second.",
  gridPos: { x: 0, y: 0, w: 12, h: 8 },
  datasource: { type: "prometheus", uid: "prometheus" },
  fieldConfig: { defaults: { unit: "reqps" }, overrides: [] },
  targets: [{ refId: "A", expr: "up", legendFormat: "{{job}}" }],
};
const dashboard = {
  uid: "d",
  title: "D",
  schemaVersion: 42,
  templating: { list: [] },
  annotations: { list: [] },
  panels: [panel],
};

describe("the dashboards", () => {
  it("are what Grafana's types allow", () => {
    const changed = (change: object) => ({ file: "x.json", text: JSON.stringify({ ...dashboard, ...change }) });
    const wrong = [
      changed({}),
      changed({ graphTooltip: 7 }),
      changed({ panels: [{ ...panel, type: "graph" }] }),
      changed({ panels: [{ ...panel, options: { tooltip: { mode: "many" } } }] }),
      changed({ panels: [{ ...panel, fieldConfig: { defaults: { unitt: "s" }, overrides: [] } }] }),
      changed({ panels: [{ ...panel, targets: [{ refId: "A", exprr: "up" }] }] }),
    ].map((file, index) => ({ ...file, file: `${index}.json` }));
    const found = schemaProblems([...files, ...wrong]);
    expect(found.filter((problem) => !/^\d\.json/.test(problem))).toEqual([]);
    expect([...new Set(found.map((problem) => problem.slice(0, 6)))]).toEqual(wrong.slice(1).map(({ file }) => file));
  });

  it("are all there, each with a uid that stays", () => {
    expect(dashboardProblems(files)).toEqual([]);
    expect(Object.fromEntries(dashboards.map(({ file, uid }) => [file.slice("data/dashboards/".length), uid]))).toEqual(
      {
        "applications/business-metrics.json": "Dm0tD0Qik",
        "applications/jobs.json": "quorum-jobs",
        "applications/logs.json": "quorum-logs",
        "applications/traces.json": "quorum-traces",
        "applications/workloads.json": "quorum-workloads",
        "backups/backups.json": "quorum-backups",
        "cluster/api-server.json": "quorum-api-server",
        "cluster/certificates.json": "quorum-certificates",
        "cluster/control-plane-care.json": "quorum-control-plane-care",
        "cluster/controllers.json": "quorum-controllers",
        "cluster/coredns.json": "quorum-coredns",
        "cluster/etcd.json": "quorum-etcd",
        "cluster/nodes.json": "quorum-nodes",
        "cluster/overview.json": "quorum-cluster",
        "cluster/pods.json": "quorum-pods",
        "cluster/volumes.json": "quorum-volumes",
        "ingress/ingress.json": "quorum-ingress",
        "mesh/mesh.json": "quorum-mesh",
        "mesh/proxies.json": "quorum-mesh-proxies",
        "monitoring/alertmanager.json": "quorum-alertmanager",
        "monitoring/collector.json": "quorum-collector",
        "monitoring/loki.json": "quorum-loki",
        "monitoring/prometheus.json": "quorum-prometheus",
      },
    );
  });

  it("are in the schema of the release in data/images.yaml", () => {
    const images = parse(readFileSync(join(import.meta.dirname, "../data/images.yaml"), "utf8")) as {
      grafana: { tag: string };
    };
    // Grafana 12.1 to 13.2 have schema 42.
    expect(images.grafana.tag).toMatch(/^(12\.[1-9]|13\.[0-2])\./);
    expect(dashboards.map(({ schemaVersion }) => schemaVersion)).toEqual(dashboards.map(() => 42));
  });

  it.each(dashboards.map((each) => [each.file, each] as const))("%s says all that a reader needs", (_file, each) => {
    expect(formProblems(each)).toEqual([]);
    expect(each.tags).toContain("quorum");
    for (const { datasource } of each.panels) expect(datasourceUids).toContain(datasource.uid);
  });

  it("begin with the seed's own", () => {
    const business = dashboards.find(({ uid }) => uid === "Dm0tD0Qik");
    expect(business?.title).toBe("Business metrics");
    expect(business?.panels[0]).toMatchObject({
      title: "Http requests",
      targets: [
        {
          expr: "sum by (response, action, url, app) (increase(application_api[$__rate_interval]))",
          legendFormat: "{{app}} {{response}} - {{url}}",
        },
      ],
    });
  });
});

describe("a panel that lacks something is named", () => {
  const whole = { ...dashboard, file: "x.json" } as unknown as Dashboard;
  const lacking = (change: object) => formProblems({ ...whole, panels: [{ ...whole.panels[0]!, ...change }] });

  it.each([
    ["nothing", {}, []],
    ["a description", { description: "" }, ['x.json, "Requests" has no description']],
    ["a unit", { fieldConfig: { defaults: {} } }, ['x.json, "Requests" has no unit']],
    ["a legend", { targets: [{ refId: "A", expr: "up" }] }, ['x.json, "Requests" has no legend for A']],
    ["a query", { targets: [] }, ['x.json, "Requests" asks for nothing']],
    ["a place on the page", { gridPos: { x: 14, y: 0, w: 12, h: 8 } }, ['x.json, "Requests" is wider than the page']],
  ])("%s", (_what, change, problems) => {
    expect(lacking(change)).toEqual(problems);
  });

  it("a place of its own", () => {
    const second = { ...whole.panels[0]!, title: "Errors", gridPos: { x: 11, y: 7, w: 12, h: 8 } };
    expect(formProblems({ ...whole, panels: [...whole.panels, second] })).toEqual([
      'x.json, "Errors" lies over "Requests"',
    ]);
  });
});
