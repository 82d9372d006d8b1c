import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const duration = z.string().regex(/^\d+(ms|s|m|h|d)$/);
const expression = z.string().min(1);
const recording = z.strictObject({
  record: z.string().regex(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/),
  expr: expression,
  labels: z.record(z.string(), z.string()).optional(),
});
const alerting = z.strictObject({
  alert: z.string().regex(/^[A-Z][A-Za-z0-9]*$/),
  expr: expression,
  for: duration.optional(),
  labels: z.looseObject({ severity: z.enum(["critical", "warning", "info"]) }),
  annotations: z.strictObject({
    summary: z.string().min(1),
    description: z.string().min(1),
    runbook_url: z.string().regex(/^docs\/runbooks\/[a-z0-9-]+\.md$/),
  }),
});
const ruleFile = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string().min(1),
      interval: duration.optional(),
      rules: z.array(z.union([recording, alerting])),
    }),
  ),
});

/** A rule file of Prometheus, as this project writes one: every alert has a severity, a summary, a description and a runbook. */
export type RuleFile = z.infer<typeof ruleFile>;

const folder = join(import.meta.dirname, "../../data/rules");

/**
 * The rule files of data/rules, by name without an ending, as they are.
 *
 * @throws Error naming the file and the place of what is wrong with its form; expressions are checked by promtool in the tests
 */
export function alertRules(): Record<string, string> {
  const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  return Object.fromEntries(
    files.sort().map((name) => {
      const text = readFileSync(join(folder, name), "utf8");
      readRules(text, `data/rules/${name}`);
      return [name.replace(/\.yaml$/, ""), text];
    }),
  );
}

/** @throws Error naming the place of what is wrong */
export function readRules(text: string, file: string): RuleFile {
  const result = ruleFile.safeParse(parse(text));
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`${file} is no rule file of ours; mend:\n${lines.join("\n")}`);
}
