import { describe, expect, it } from "vitest";
import {
  allDashboardProblems,
  grafanaDashboards,
  ownDashboards,
  shippedDashboards,
} from "../../../components/monitoring/dashboards.ts";
import {
  type DashboardFile,
  dashboardProblems,
  planDashboards,
} from "../../../components/plan/monitoring/dashboards.ts";
import { formatProblem } from "../../../components/plan/problems.ts";

const dashboard = (more: object = {}) => ({ uid: "abc", title: "A", panels: [], ...more });
const file = (name: string, content: object | string, folder = "own"): DashboardFile => ({
  file: `${name}.json`,
  folder,
  text: typeof content === "string" ? content : JSON.stringify(content),
});
const problems = (...files: DashboardFile[]) => dashboardProblems(files).map(formatProblem);

describe("a dashboard", () => {
  it.each<[string, object | string, string[]]>([
    ["that is right", dashboard({ panels: [{ id: 1, datasource: { uid: "prometheus" } }, { id: 2 }] }), []],
    ["that is no JSON", "{", [expect.stringMatching(/^a\.json is no JSON: .*; export the dashboard again$/)]],
    ["that is a list", [], ["a.json is no dashboard, but one is a JSON object; export the dashboard again"]],
    [
      "in another form",
      { kind: "Dashboard", spec: { title: "A" } },
      [
        "a.json has the dashboard inside of another object; export it in the classic form, whose fields uid, title and panels are at the top",
      ],
    ],
    [
      "without uid and title",
      { panels: [] },
      [
        "a.json: uid is missing, but links lead to it, so it must be 1 to 40 letters, digits, hyphens and underscores; set one that stays",
        "a.json: title is missing, but people find a dashboard by it; set one",
      ],
    ],
    [
      "with a uid that is too long",
      dashboard({ uid: "x".repeat(41) }),
      [
        `a.json: uid is "${"x".repeat(41)}", but links lead to it, so it must be 1 to 40 letters, digits, hyphens and underscores; set one that stays`,
      ],
    ],
    [
      "with one panel's id for two, one of them in a row",
      dashboard({
        panels: [
          { id: 1, title: "One" },
          { id: 2, type: "row", panels: [{ id: 1 }] },
        ],
      }),
      ['a.json: panels has id 1 for "One" and for a panel without a title; give one another'],
    ],
    [
      "with datasources that no stack has",
      dashboard({
        panels: [{ id: 1, targets: [{ datasource: { type: "prometheus", uid: "${DS_PROMETHEUS}" } }] }],
        annotations: { list: [{ datasource: "-- Grafana --" }] },
        templating: { list: [{ name: "x", type: "query", datasource: "Tempo" }] },
      }),
      ["${DS_PROMETHEUS}", "Tempo"].map(
        (uid) =>
          `a.json: datasource is "${uid}", but a stack has prometheus, loki, zipkin or alertmanager; set one of these uids, or a variable of the dashboard`,
      ),
    ],
    [
      "with a variable for the datasource, or the default one",
      dashboard({
        panels: [{ datasource: { uid: "${source}" } }, { datasource: "$source" }, { datasource: null }],
        templating: { list: [{ name: "source", type: "datasource" }] },
      }),
      [],
    ],
    [
      "that is too large",
      dashboard({ description: "x".repeat(900 * 1024) }),
      ["a.json has 901 KiB, but the cluster keeps a dashboard of 900 KiB at most; part it into several"],
    ],
  ])("%s", (_, content, expected) => {
    expect(problems(file("a", content))).toEqual(expected);
  });

  it("has a uid to itself, whichever file another is in", () => {
    expect(problems(file("a", dashboard()), file("b", dashboard({ title: "B" }), "other"))).toEqual([
      'b.json: uid is "abc", but a.json has that uid already; give one another',
    ]);
  });
});

describe("folders", () => {
  it("hold their dashboards by uid, so that a file may be renamed", () => {
    const text = JSON.stringify(dashboard());
    const planned = planDashboards([file("b", dashboard({ uid: "b" }), "api-server"), file("x", text)]);
    expect(planned).toEqual([
      {
        folder: "api-server",
        title: "Api server",
        configMaps: [
          { name: "grafana-dashboards-api-server", data: { "b.json": JSON.stringify(dashboard({ uid: "b" })) } },
        ],
      },
      { folder: "own", title: "Own", configMaps: [{ name: "grafana-dashboards-own", data: { "abc.json": text } }] },
    ]);
  });

  it("take a further ConfigMap where one has no room, and lose nothing", () => {
    const large = (uid: string, kib: number) => file(uid, dashboard({ uid, description: "x".repeat(kib * 1024) }));
    const [folder] = planDashboards([large("a", 500), large("b", 500), large("c", 300), large("d", 890)]);
    expect(folder?.configMaps.map(({ name, data }) => [name, Object.keys(data)])).toEqual([
      ["grafana-dashboards-own", ["a.json", "c.json"]],
      ["grafana-dashboards-own-2", ["b.json"]],
      ["grafana-dashboards-own-3", ["d.json"]],
    ]);
  });
});

describe("files", () => {
  it("of the project are as they must be, and have what the sample's article shows", () => {
    const files = shippedDashboards();
    expect(allDashboardProblems([], true)).toEqual([]);
    const seed = files.find(({ text }) => (JSON.parse(text) as { uid: string }).uid === "Dm0tD0Qik");
    expect(JSON.parse(seed?.text ?? "{}")).toMatchObject({
      title: "Business metrics",
      panels: expect.arrayContaining([expect.objectContaining({ title: "Http requests" })]) as unknown,
    });
  });

  it("of the user's are found by pattern, each once; a pattern without any is refused by its key", () => {
    const { files, problems: found } = ownDashboards([
      "test/fixtures/dashboards/*.json",
      "test/fixtures/dashboards/shop.json",
      "dashboards/none*.json",
    ]);
    expect(files.map(({ file: name, folder }) => [name, folder])).toEqual([
      ["test/fixtures/dashboards/cart.json", "own"],
      ["test/fixtures/dashboards/shop.json", "own"],
    ]);
    expect(found.map(formatProblem)).toEqual([
      'quorum:monitoring.grafana.dashboards[2] is "dashboards/none*.json", but the project has no such file; name one that is there, or leave it out',
    ]);
  });

  it("of the user's are checked against those of the project", () => {
    const found = allDashboardProblems(["test/fixtures/dashboards/cart.json"], true).map(formatProblem);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(
      /^test\/fixtures\/dashboards\/cart\.json: uid is "Dm0tD0Qik", but data\/dashboards\/.+\.json has that uid already/,
    );
  });
  it("of both are shown, and refused where nothing would show them", () => {
    const shop = ["test/fixtures/dashboards/shop.json"];
    expect(grafanaDashboards(shop).map(({ file: name }) => name)).toEqual([
      ...shippedDashboards().map(({ file: name }) => name),
      ...shop,
    ]);
    expect(allDashboardProblems(shop, true)).toEqual([]);
    expect(allDashboardProblems([], false)).toEqual([]);
    expect(allDashboardProblems(shop, false).map(formatProblem)).toEqual([
      "quorum:monitoring.grafana.dashboards has files, but this stack has no Grafana to show them; set quorum:monitoring.grafana.enabled to true, or leave it out",
    ]);
  });
});
