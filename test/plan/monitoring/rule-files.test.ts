import { describe, expect, it } from "vitest";
import { formatProblem } from "../../../components/plan/problems.ts";
import { ruleFileProblems, type RuleText } from "../../../components/plan/monitoring/rule-files.ts";

const alert = { alert: "ShopDown", expr: "up == 0", labels: { severity: "warning" } };
const record = { record: "shop:up:sum", expr: "sum(up)" };

const file = (name: string, groups: unknown, shipped = false): RuleText => ({
  file: `rules/${name}.yaml`,
  text: typeof groups === "string" ? groups : JSON.stringify({ groups }),
  shipped,
});
const one = (rule: unknown) => [file("shop", [{ name: "shop", rules: [rule] }])];
const told = (files: readonly RuleText[]) => ruleFileProblems(files).map(formatProblem);

it("rule files that are too large for their ConfigMap are refused, with those of data/rules counted", () => {
  const sized = (name: string, kibibytes: number, shipped: boolean) => {
    const groups = [{ name: shipped ? `quorum-${name}` : name, rules: [{ ...record, record: `${name}:up:sum` }] }];
    const { text } = file(name, groups, shipped);
    return file(name, text.padEnd(kibibytes * 1024), shipped);
  };
  expect(told([sized("ours", 100, true), sized("shop", 700, false)])).toEqual([]);
  expect(told([sized("ours", 100, true), sized("shop", 701, false)])).toEqual([
    "quorum:monitoring.prometheus.rules has files of 701 KiB, but the cluster keeps at most 700 KiB of them beside those of data/rules; leave some out",
  ]);
});

describe("a rule file of the user", () => {
  it.each([
    ["an alert", alert],
    ["a recorded series", record],
    [
      "every field",
      { ...alert, for: "1d12h", keep_firing_for: "0", annotations: { summary: "s", runbook_url: "/wiki" } },
    ],
    [
      "a template",
      { ...alert, annotations: { summary: "{{ range query `up` }}{{ .Labels.job }}{{ end }}{{/* } */}}" } },
    ],
  ])("with %s is taken", (_title, rule) => {
    expect(told(one(rule))).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    [
      "no severity",
      { ...alert, labels: {} },
      "(ShopDown), labels.severity is missing, but must be critical, warning or info, by which it is routed; set it",
    ],
    [
      "a severity of its own",
      { ...alert, labels: { severity: "page" } },
      '(ShopDown), labels.severity is "page", but must be critical, warning or info, by which it is routed; set it',
    ],
    [
      "a wrong time",
      { ...alert, for: "5 min" },
      '(ShopDown), for is "5 min", but must be a time such as 5m; write it so',
    ],
    ["no expression", { ...alert, expr: "" }, '(ShopDown), expr is "", but must be a PromQL expression; write one'],
    [
      "an unknown field",
      { ...alert, fore: "1m" },
      "(ShopDown), fore is no field here, so Prometheus would refuse the file; take it away, or mend its spelling",
    ],
    [
      "a label that is no text",
      { ...alert, labels: { severity: "info", level: 1 } },
      "(ShopDown), labels.level is 1, but must be text; put it in quotes",
    ],
    [
      "a label's wrong name",
      { ...record, labels: { "a-b": "c" } },
      '(shop:up:sum), labels.a-b is "c", but must be a label\'s name: letters, digits and _; rename it',
    ],
    [
      "a time where none is",
      { ...record, for: "1m" },
      "(shop:up:sum), for is no field here, so Prometheus would refuse the file; take it away, or mend its spelling",
    ],
    [
      "a rule of both kinds",
      { ...alert, ...record },
      " has both record and alert, but a rule is one of them; write the one that is meant",
    ],
    [
      "a rule of no kind",
      { expr: "up" },
      " has neither record nor alert, but a rule is one of them; write the one that is meant",
    ],
    [
      "a rule that is none",
      "up == 0",
      " has neither record nor alert, but a rule is one of them; write the one that is meant",
    ],
    [
      "an expression over lines",
      { ...alert, expr: "sum(\n  rate(up)\n)" },
      "(ShopDown), expr at 2:8: up is an instant vector, but rate takes a range vector; give it a range, such as [5m]",
    ],
    [
      "a template that is open",
      { ...alert, annotations: { summary: "{{ $value" } },
      '(ShopDown), annotations.summary has a {{ that no }} closes at "{{ $value"; close it',
    ],
    [
      "a template's unknown function",
      { ...alert, annotations: { summary: "{{ $value | humanise }}" } },
      "(ShopDown), annotations.summary has humanise, which is no function in {{ $value | humanise }}; use humanize",
    ],
    [
      "a template's unknown variable",
      { ...alert, labels: { severity: "info", x: "{{ $label.a }}" } },
      "(ShopDown), labels.x has $label, which is not there in {{ $label.a }}; use $labels",
    ],
    [
      "a template that does not end",
      { ...alert, annotations: { summary: "{{ if true }}a" } },
      "(ShopDown), annotations.summary has an if, range or with that no {{ end }} closes; close it",
    ],
    [
      "a template that ends too often",
      { ...alert, annotations: { summary: "a{{ end }}" } },
      "(ShopDown), annotations.summary has an end too many; take it away",
    ],
  ])("with %s is refused by place", (_title, rule, message) => {
    const place = message.startsWith(" ") ? "" : " ";
    expect(told(one(rule))).toEqual([`rules/shop.yaml: group shop, rule 1${place}${message}`]);
  });

  it.each([
    [
      "is no YAML",
      "groups: [",
      "is no YAML: Flow sequence in block collection must be sufficiently indented and end with a ] at line 1, column 10:; mend it",
    ],
    ["has no groups", "rules: []", "groups is missing, but must be a list of groups; write it as one"],
    ["is empty", "", "is null, but must be a mapping with groups"],
    [
      "has a field twice",
      "groups: []\ngroups: []",
      "is no YAML: Map keys must be unique at line 2, column 1:; mend it",
    ],
    [
      "has a group without a name",
      "groups: [{rules: []}]",
      "groups.0.name is missing, but must be a name; give it one",
    ],
    [
      "has a wrong interval",
      "groups: [{name: a, interval: 5, rules: []}]",
      "groups.0.interval is 5, but must be a time such as 5m; write it so",
    ],
  ])("that %s is refused", (_title, text, message) => {
    expect(told([file("shop", text)])).toContain(`rules/shop.yaml: ${message}`);
  });

  it("tells of all that is wrong, in all files, at once", () => {
    const files = [
      ...one({ ...alert, expr: "rate(up) > nofunc(x)", for: "x", annotations: { summary: "{{ end }}" } }),
      file("other", [{ name: "other", rules: [{ ...record, expr: "sum(rate(x) + y[5m])" }] }]),
    ];
    expect(told(files)).toEqual([
      'rules/shop.yaml: group shop, rule 1 (ShopDown), for is "x", but must be a time such as 5m; write it so',
      "rules/shop.yaml: group shop, rule 1 (ShopDown), expr at 1:12: nofunc is no function; use one that Prometheus has",
      "rules/shop.yaml: group shop, rule 1 (ShopDown), annotations.summary has an end too many; take it away",
      "rules/other.yaml: group other, rule 1 (shop:up:sum), expr at 1:10: x is an instant vector, but rate takes a range vector; give it a range, such as [5m]",
      "rules/other.yaml: group other, rule 1 (shop:up:sum), expr at 1:15: y[5m] is a range vector, but stands beside an operator; put rate(), increase() or a function that ends in _over_time around it",
    ]);
  });
});

describe("names in rule files", () => {
  const groups = (rules: unknown[], name = "shop") => [{ name, rules }];
  const critical = { ...alert, labels: { severity: "critical" } };

  it("may be had twice where their labels tell them apart", () => {
    expect(told([file("a", groups([alert, critical, record, { ...record, labels: { team: "a" } }]))])).toEqual([]);
    const other = { ...record, labels: { team: "b" } };
    expect(told([file("a", groups([record])), file("b", groups([other], "b"))])).toEqual([]);
  });

  it.each<[string, RuleText[], string]>([
    [
      "a group in two files",
      [file("a", groups([])), file("b", groups([]))],
      "rules/b.yaml: group shop has the name of a group of rules/a.yaml; rename it",
    ],
    [
      "an alert of equal labels",
      [file("a", groups([alert, alert]))],
      "rules/a.yaml: group shop, ShopDown is in group shop of rules/a.yaml already; rename it",
    ],
    [
      "an alert in two files",
      [file("a", groups([alert])), file("b", groups([critical], "b"))],
      "rules/b.yaml: group b, ShopDown is in group shop of rules/a.yaml already; rename it",
    ],
    [
      "a series of equal labels",
      [file("a", groups([record])), file("b", groups([record], "b"))],
      "rules/b.yaml: group b, shop:up:sum is in group shop of rules/a.yaml already; rename it",
    ],
    [
      "a series of ours",
      [file("a", groups([record]), true), file("b", groups([{ ...record, labels: { a: "b" } }], "b"))],
      "rules/b.yaml: group b, shop:up:sum is in group shop of rules/a.yaml already; rename it",
    ],
    [
      "our groups' names",
      [file("a", groups([], "quorum-shop"))],
      "rules/a.yaml: group quorum-shop begins with quorum-, which is kept for this project; rename it",
    ],
    [
      "our series' names",
      [file("a", groups([{ ...record, record: "quorum:up:sum" }]))],
      "rules/a.yaml: group shop, quorum:up:sum begins with quorum:, which is kept for this project; rename it",
    ],
  ])("are refused: %s", (_title, files, message) => {
    expect(told(files)).toEqual([message]);
  });
});

describe("a rule file of ours", () => {
  const whole = { summary: "s", description: "d", runbook_url: "docs/runbooks/a.md" };

  it.each([
    ["summary", { ...whole, summary: "" }, 'is "", but must be a summary; write one'],
    [
      "description",
      { summary: "s", runbook_url: "docs/runbooks/a.md" },
      "is missing, but must be a description; write one",
    ],
    [
      "runbook_url",
      { ...whole, runbook_url: "https://example.com" },
      'is "https://example.com", but must be a page of docs/runbooks; name it',
    ],
  ])("needs %s of every alert", (name, annotations, message) => {
    const files = (own: object) => [file("shop", [{ name: "shop", rules: [{ ...alert, annotations: own }] }], true)];
    expect(told(files(annotations))).toEqual([
      `rules/shop.yaml: group shop, rule 1 (ShopDown), annotations.${name} ${message}`,
    ]);
    expect(told(files(whole))).toEqual([]);
  });
});
