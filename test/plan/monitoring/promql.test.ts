import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { imageCatalog } from "../../../config.ts";
import { shippedRules } from "../../../components/monitoring/alert-rules.ts";
import { expressionProblems } from "../../../components/plan/monitoring/promql.ts";
import { ruleGroups } from "../../../components/plan/monitoring/rule-files.ts";
import { binaryPath } from "../../../local/toolchain.ts";
import { temporaryFolder } from "../../engine/programs.ts";
import { metricNames } from "../../monitoring/metric-names.ts";

const promtool = binaryPath("prometheus", "promtool");
const told = (expression: string) =>
  expressionProblems(expression).map(({ line, column, text }) => `${line}:${column} ${text}`);

/** Expressions that Prometheus takes. */
const good = [
  'sum by (a) (rate(x{b=~"c|d", e!="f"}[5m] offset 1h)) / on (a, b) group_left (c) y > bool 1',
  "x @ end() - -3 ^ 2",
  "a + b offset 1h",
  "a / b @ end() > 3",
  "-x offset -5m",
  'topk(3, x) or vector(0) unless on () absent(y{a="b"})',
  'label_replace(x, "a", "$1", "b", "(.*)\\\\d")',
  "max_over_time(rate(x[5m])[1h:1m]) >= 0.5",
  "histogram_quantile(0.99, sum by (le) (rate(a_bucket[5m])))",
  '{__name__="a", b="c"} * 1e3',
  "{\"utf8.name\", a='b\\'c'}",
  'count_values("v", x) + time() % 60',
  "quantile_over_time(0.9, x[1h]) == ignoring (a) group_right () y",
  "round(x, 0.1) < bool scalar(y) * 2",
  "day_of_week() < 6 and hour(x) > 3",
  "stddev without (a) (clamp(x, 0, 1)) atan2 y",
  "predict_linear(x[1h], 4 * 3600) < 0",
  'x{a!="", b=~"(?i)a.+", c!~"x|y"} # why',
  'label_join(x, "a", ",", "b", "c") + Inf',
  "1 + 2 * 3 == bool 4",
  'x{a=~`\\d+`} or {a=~"b.+"}',
];

/** Expressions that it refuses, and what is said of them. */
const bad: [string, string][] = [
  ["", "1:1 is empty; write an expression"],
  ["foo bar", '1:5 "bar" cannot stand here; take it away, or write what is missing before it'],
  ["sum(x", "1:4 ( is not closed; close it"],
  ['x{a="(", b="c"\n', "1:2 { is not closed; close it"],
  ['x{a="b}', "1:5 a text is not closed; close it"],
  ["x +", "1:4 something is missing at the end; write it"],
  ["a +\n  and b", '2:7 "b" cannot stand here; take it away, or write what is missing before it'],
  ["x[5mm]", '1:5 "m" cannot stand here; take it away, or write what is missing before it'],
  ["1 + rats(x[5m])", "1:5 rats is no function; did you mean rate?"],
  ["anything(x)", "1:1 anything is no function; use one that Prometheus has"],
  [
    "mad_over_time(x[5m])",
    "1:1 mad_over_time needs a feature flag that this stack's Prometheus has not; do without it",
  ],
  ["limitk(2, x)", "1:1 limitk needs a feature flag that this stack's Prometheus has not; do without it"],
  ["rate(x)", "1:6 x is an instant vector, but rate takes a range vector; give it a range, such as [5m]"],
  [
    "sum(x[5m])",
    "1:5 x[5m] is a range vector, but sum takes an instant vector; put rate(), increase() or a function that ends in _over_time around it",
  ],
  [
    "a + x[5m]",
    "1:5 x[5m] is a range vector, but stands beside an operator; put rate(), increase() or a function that ends in _over_time around it",
  ],
  ["vector(x)", "1:8 x is an instant vector, but vector takes a number; write a number"],
  ['-"a"', '1:2 "a" is a text, but a sign takes an instant vector or a number; write an instant vector'],
  ["rate(sum(x)[5m])", "1:6 sum(x) is no series, so it takes a step too; write [5m:] for [5m]"],
  ["sum(rate(1[1h:]))", "1:10 1 is a number, but a subquery takes an instant vector; write an instant vector"],
  ["a + sum(x) offset 5m", "1:5 sum(x) is no series, but has offset; put it after each series"],
  ["sum(x) @ 5", "1:1 sum(x) is no series, but has @; put it after each series"],
  ["topk(x)", "1:1 topk has 1 arguments, but takes 2; give it as many"],
  ["clamp(x, 1)", "1:1 clamp has 2 arguments, but takes 3; give it as many"],
  ["round(x, 1, 2)", "1:1 round has 3 arguments, but takes 1 to 2; give it as many"],
  ['label_join(x, "a")', "1:1 label_join has 2 arguments, but takes 3 to more; give it as many"],
  ["1 > 2", "1:3 > compares two numbers; write > bool"],
  ["x + bool y", "1:5 bool after +, which compares nothing; take it away"],
  ["x and 1", "1:3 and is for instant vectors, but a side is a number; write vector() around it"],
  ["x + on (a) 1", "1:5 matches labels, but a side is a number; take on or ignoring away"],
  ["x and on (a) group_left () y", "1:14 group_left is not for and; take it away"],
  ["x + on (a) group_left (a) y", "1:5 a is in on and in group_left; name it once"],
  ["rate(x[0s])", "1:8 0s is no time; write one above 0, such as 5m"],
  ['{a=~".*"}', "1:1 would take every series there is; name one, or a label's value"],
  ['x{__name__="y"}', "1:3 names the series a second time; name it once"],
  ['x{"y"}', "1:1 names the series a second time; name it once"],
  ['x{a=~"("}', "1:3 ( is no regular expression (unterminated group); mend it"],
  ['x{a!~"(?!b)."}', "1:3 (?!b). looks around, which RE2 cannot; match the surroundings too"],
  ['x{a=~"(a)\\\\1"}', "1:3 (a)\\1 refers back to a group, which RE2 cannot; write the group again"],
  ['x{a=~"\\d"}', "1:6 has \\d in a string, which stands for nothing; write \\\\d for a backslash"],
];

describe("an expression", () => {
  it.each(good)("is taken: %s", (expression) => {
    expect(told(expression)).toEqual([]);
  });

  it.each(bad)("is refused: %s", (expression, message) => {
    expect(told(expression)).toEqual([message]);
  });

  it("that is no vector and no number is refused, which Prometheus sees only when it evaluates the rule", () => {
    const [message] = told("x[5m]");
    expect(message).toMatch(/^1:1 x\[5m\] is a range vector, but a rule takes an instant vector or a number/);
  });

  it("nested deep is looked at once a part", () => {
    expect(told(Array.from({ length: 400 }, (_, index) => `(a${index}`).join(" + ") + ")".repeat(400))).toEqual([]);
  });

  it("reads these series", () => {
    const expression =
      'sum(rate(b_total{x="y"}[5m])) / {__name__="a", x!="z"} or {"c.d"} or {__name__=~"e.*"} + on (f) group_left (g) b_total';
    expect(metricNames(expression)).toEqual(["a", "b_total", "c.d"]);
    expect(() => metricNames("sum(x")).toThrow("sum(x: at 1:4, ( is not closed; close it");
  });
});

describe("the grammar", () => {
  it("is that of the stack's Prometheus: 0.<minor, in two digits> of version 3", () => {
    const { dependencies } = JSON.parse(readFileSync(join(import.meta.dirname, "../../../package.json"), "utf8"));
    const [, minor = "", patch = ""] = /^v3\.(\d+)\.(\d+)$/.exec(imageCatalog()["prometheus"]?.tag ?? "") ?? [];
    expect(dependencies["@prometheus-io/lezer-promql"]).toBe(`0.3${minor.padStart(2, "0")}.${patch}`);
  });
});

// Left out until the local run has built promtool: building it takes minutes, and unit tests take seconds.
describe.skipIf(!existsSync(promtool))("promtool", () => {
  /** Whether promtool refuses each of the expressions. */
  function verdicts(expressions: readonly string[]): boolean[] {
    const file = join(temporaryFolder(), "rules.yaml");
    const rules = expressions.map((expr, index) => ({ record: `r${index}`, expr }));
    writeFileSync(file, JSON.stringify({ groups: [{ name: "g", rules }] }));
    const { stdout, stderr } = spawnSync(promtool, ["check", "rules", "--lint=none", file], { encoding: "utf8" });
    const refused = new Set([...(stdout + stderr).matchAll(/rule \d+, "r(\d+)"/g)].map(([, index]) => Number(index)));
    return expressions.map((_, index) => refused.has(index));
  }

  it("thinks the same of these expressions", () => {
    expect(verdicts([...good, ...bad.map(([expression]) => expression)])).toEqual([
      ...good.map(() => false),
      ...bad.map(() => true),
    ]);
  });

  it("thinks the same of our rules with a part left out, said twice or in another's place", () => {
    const ours = shippedRules()
      .files.flatMap(ruleGroups)
      .flatMap(({ rules }) => rules.map(({ expr }) => expr));
    const changed = [...good, ...ours].flatMap(mutants);
    expect(changed.length).toBeGreaterThan(500);
    // What is no rule though it is an expression, promtool takes.
    const refused = changed.map((expression) => told(expression).filter((text) => !/but a rule takes/.test(text)));
    const theirs = verdicts(changed);
    const differ = changed.filter((_, index) => (refused[index] ?? []).length > 0 !== theirs[index]);
    expect(differ).toEqual([]);
  });
});

/** One token left out, doubled or swapped with the next, at places that spread over the expression. */
function mutants(expression: string): string[] {
  const tokens =
    expression.match(/"(?:\\.|[^"])*"|'(?:\\.|[^'])*'|`[^`]*`|[A-Za-z_:][\w:]*|[\d.]+\w*|\s+|[=!><]=|[=!]~|./g) ?? [];
  const step = Math.ceil(tokens.length / 12);
  const changed = tokens.flatMap((token, at) => {
    if (at % step !== 0 || token.trim() === "") return [];
    const [before, after] = [tokens.slice(0, at), tokens.slice(at + 1)];
    const next = after[0] ?? "";
    return [
      [...before, ...after],
      [...before, token, " ", token, ...after],
      [...before, next, " ", token, ...after.slice(1)],
    ].map((parts) => parts.join(""));
  });
  // Prometheus takes a series by the name of offset, and no number with an operator right behind it; nobody writes either.
  return changed.filter((one) => !/\boffset\b|\d(and|or)\b|#/.test(one));
}
