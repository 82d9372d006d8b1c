import { parseDocument } from "yaml";
import { z } from "zod";
import type { Problem } from "../problems.ts";
import { expressionProblems } from "./promql.ts";
import { templateFault } from "./rule-templates.ts";

/** A rule file, before it is checked. */
export interface RuleText {
  /** As the user names it, such as `rules/shop.yaml`. */
  readonly file: string;
  readonly text: string;
  /** Whether it is one of data/rules. */
  readonly shipped: boolean;
}

const kept = "which is kept for this project; rename it";
const mapping = "a mapping; write it as one";
const text = (what: string, pattern = /\S/) => z.string(what).regex(pattern, what);
const unquoted = "text; put it in quotes";
const labels = z.record(
  z.string().regex(/^(?!__name__$)[a-zA-Z_][a-zA-Z0-9_]*$/, "a label's name: letters, digits and _; rename it"),
  z.string(unquoted),
  mapping,
);
const duration = z
  .string("a time such as 5m; write it so")
  .regex(
    /^(?=\d)(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?$|^0$/,
    "a time such as 5m; write it so",
  );
const severity = z.enum(["critical", "warning", "info"], "critical, warning or info, by which it is routed; set it");
const common = { expr: text("a PromQL expression; write one") };
const recording = z.strictObject({
  record: text("a series' name, such as shop:orders:rate5m; rename it", /^[a-zA-Z_:][a-zA-Z0-9_:]*$/),
  ...common,
  labels: labels.optional(),
});
const alerting = z.strictObject({
  alert: text("a name of letters and digits, such as ShopDown; rename it", /^[A-Z][A-Za-z0-9]*$/),
  ...common,
  for: duration.optional(),
  keep_firing_for: duration.optional(),
  labels: labels.and(z.looseObject({ severity }, "a mapping with severity; add it")),
  annotations: z.record(z.string(), z.string(unquoted), mapping).default({}),
});
/** An alert of ours tells more: people act on it by its page. */
const shippedAlert = alerting.extend({
  annotations: z.strictObject({
    summary: text("a summary; write one"),
    description: text("a description; write one"),
    runbook_url: text("a page of docs/runbooks; name it", /^docs\/runbooks\/[a-z0-9-]+\.md$/),
  }),
});
const group = z.strictObject({
  name: text("a name; give it one"),
  interval: duration.optional(),
  query_offset: duration.optional(),
  limit: z.int("an integer; write one").optional(),
  labels: labels.optional(),
  rules: z.array(z.unknown(), "a list of rules; write it as one"),
});
const ruleFile = z.strictObject(
  { groups: z.array(group, "a list of groups; write it as one") },
  "a mapping with groups",
);

type Alert = z.infer<typeof alerting>;
export type Rule = z.infer<typeof recording> | Alert;
/** A group of rules of a file; those among its rules whose form is wrong are left out. */
export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** The groups of a rule file as far as their form is right. */
export function ruleGroups(source: RuleText): RuleGroup[] {
  return readGroups(source, []);
}

/** Everything for which Prometheus, or whoever gets an alert, could not use these files together. */
export function ruleFileProblems(sources: readonly RuleText[]): Problem[] {
  const problems: Problem[] = [];
  const read = sources.map((source) => ({ ...source, groups: readGroups(source, problems) }));
  return [...problems, ...repeated(read), ...sizeProblems(sources)];
}

/** Most that the ConfigMap with all of them holds: the API server takes 1 MiB, names, labels and the files of the configuration included. */
const roomKiB = 800;

function sizeProblems(sources: readonly RuleText[]): Problem[] {
  const sizeOf = (files: readonly RuleText[]) =>
    Math.ceil(files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0) / 1024);
  const size = sizeOf(sources);
  if (size <= roomKiB) return [];
  const own = sizeOf(sources.filter(({ shipped }) => !shipped));
  return [
    {
      key: "quorum:monitoring.prometheus.rules",
      text: `has files of ${own} KiB, but the cluster keeps at most ${roomKiB - (size - own)} KiB of them beside those of data/rules; leave some out`,
    },
  ];
}

interface ReadFile extends RuleText {
  readonly groups: readonly RuleGroup[];
}

function readGroups(source: RuleText, problems: Problem[]): RuleGroup[] {
  const document = parseDocument(source.text);
  const [broken] = document.errors;
  if (broken) {
    problems.push({ key: `${source.file}:`, text: `is no YAML: ${broken.message.split("\n")[0] ?? ""}; mend it` });
    return [];
  }
  const parsed = ruleFile.safeParse(document.toJS());
  if (!parsed.success) {
    problems.push(...formProblems(parsed.error.issues, `${source.file}:`, document.toJS()));
    return [];
  }
  return parsed.data.groups.map(({ name, rules }) => {
    const found: Rule[] = [];
    rules.forEach((rule, index) => {
      const at = `${source.file}: group ${name}, rule ${index + 1}`;
      const one = readRule(rule, source, at, problems);
      if (one) found.push(one);
    });
    return { name, rules: found };
  });
}

function readRule(value: unknown, source: RuleText, place: string, problems: Problem[]): Rule | undefined {
  const fields = typeof value === "object" && value !== null ? Object.keys(value) : [];
  const kinds = fields.filter((field) => field === "alert" || field === "record");
  if (kinds.length !== 1) {
    const got = kinds.length === 0 ? "neither record nor alert" : "both record and alert";
    problems.push({ key: place, text: `has ${got}, but a rule is one of them; write the one that is meant` });
    return undefined;
  }
  const alert = source.shipped ? shippedAlert : alerting;
  const parsed = (kinds[0] === "record" ? recording : alert).safeParse(value);
  const at = `${place} (${String((value as Record<string, unknown>)[kinds[0] ?? ""])})`;
  if (!parsed.success) problems.push(...formProblems(parsed.error.issues, `${at},`, value));
  problems.push(...contentProblems(value as Record<string, unknown>, at));
  return parsed.data;
}

/** What is wrong with the texts of a rule, whatever its form. */
function contentProblems(rule: Readonly<Record<string, unknown>>, at: string): Problem[] {
  const { expr } = rule;
  const wrong = typeof expr === "string" && expr !== "" ? expressionProblems(expr) : [];
  const templates = ["labels", "annotations"].flatMap((field) => {
    if (!("alert" in rule)) return [];
    return Object.entries(rule[field] ?? {}).flatMap(([name, template]) => {
      const fault = typeof template === "string" ? templateFault(template) : undefined;
      return fault === undefined ? [] : [{ key: `${at}, ${field}.${name}`, text: fault }];
    });
  });
  return [...wrong.map(({ line, column, text }) => ({ key: `${at}, expr at ${line}:${column}:`, text })), ...templates];
}

function formProblems(issues: readonly z.core.$ZodIssue[], key: string, value: unknown): Problem[] {
  return issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      const fix = "Prometheus would refuse the file; take it away, or mend its spelling";
      return issue.keys.map((name) => ({
        key,
        text: `${[...issue.path, name].join(".")} is no field here, so ${fix}`,
      }));
    }
    const names = issue.code === "invalid_key" ? issue.issues.map(({ message }) => message) : [issue.message];
    const path = issue.path.map(String).join(".");
    const got = issue.path.reduce<unknown>((node, part) => (node as Record<PropertyKey, unknown>)[part], value);
    const shown = got === undefined ? "is missing" : `is ${JSON.stringify(got)?.slice(0, 60)}`;
    return names.map((message) => ({ key, text: `${path} ${shown}, but must be ${message}`.trim() }));
  });
}

/** What two of them must not have alike, and names that are kept for this project. */
function repeated(files: readonly ReadFile[]): Problem[] {
  const groups = files.flatMap((file) => file.groups.map(({ name, rules }) => ({ ...file, name, rules })));
  const first = new Map<string, string>();
  const problems = groups.flatMap(({ file, shipped, name }) => {
    const before = first.get(name);
    first.set(name, before ?? file);
    const key = `${file}: group ${name}`;
    return [
      ...(before === undefined ? [] : [{ key, text: `has the name of a group of ${before}; rename it` }]),
      ...(shipped || !name.startsWith("quorum-") ? [] : [{ key, text: `begins with quorum-, ${kept}` }]),
    ];
  });
  const rules = groups.flatMap(({ file, shipped, name, rules }) =>
    rules.map((rule) => ({ file, shipped, name, rule })),
  );
  return [...problems, ...repeatedRules(rules)];
}

interface PlacedRule {
  readonly file: string;
  readonly shipped: boolean;
  /** Of its group. */
  readonly name: string;
  readonly rule: Rule;
}

function repeatedRules(rules: readonly PlacedRule[]): Problem[] {
  const first = new Map<string, PlacedRule>();
  return rules.flatMap((placed) => {
    const { file, shipped, name, rule } = placed;
    const ruleName = "alert" in rule ? rule.alert : rule.record;
    const exact = `${ruleName} ${JSON.stringify(Object.entries(rule.labels ?? {}).sort())}`;
    const [before, same] = [first.get(ruleName), first.get(exact)];
    for (const key of [ruleName, exact]) if (!first.has(key)) first.set(key, placed);
    // An alert belongs to one file, which its page and its tests are about; what is recorded may be so for many services.
    const elsewhere = before && before.file !== file && ("alert" in rule || before.shipped !== shipped);
    const taken = elsewhere ? before : same;
    const key = `${file}: group ${name}, ${ruleName}`;
    return [
      ...(taken ? [{ key, text: `is in group ${taken.name} of ${taken.file} already; rename it` }] : []),
      ...(shipped || !ruleName.startsWith("quorum:") ? [] : [{ key, text: `begins with quorum:, ${kept}` }]),
    ];
  });
}
