import { type Policies, PolicyPack, type ReportViolation } from "@pulumi/policy";
import * as pulumi from "@pulumi/pulumi";
import { parseConfig, parseValue } from "../config/parse.ts";
import { policySchema } from "../config/schema/policy.ts";
import { checkPolicy, levelOf, type PolicySettings } from "./check.ts";
import { policyFacts } from "./facts.ts";
import { violationLine } from "./format.ts";
import { readObject } from "./read-object.ts";
import { rules } from "./rules.ts";
import type { PolicyFacts, PolicyResource, Rule } from "./types.ts";

/** The rules for `pulumi preview --policy-pack policy` and `pulumi up --policy-pack policy`. */
const project = "quorum";
const stack = process.env["PULUMI_NODEJS_STACK"] ?? process.env["PULUMI_STACK"] ?? "";
// The CLI gives a pack the configuration of the stack that it judges.
const raw = Object.fromEntries(
  Object.entries(pulumi.runtime.allConfig())
    .filter(([key]) => key.startsWith(`${project}:`))
    .map(([key, value]) => [key.slice(project.length + 1), parseValue(value)]),
);
const settings: PolicySettings = policySchema.parse(raw["policy"] ?? {});

let known: PolicyFacts | undefined;
/** Asked only when there is a stack to judge: the CLI loads a pack for its list of rules too. */
function facts(): PolicyFacts {
  return (known ??= policyFacts(parseConfig(raw, { secretSections: Object.keys(raw) }), stack));
}

function judge(rule: Rule, resources: readonly PolicyResource[], report: (text: string) => void): void {
  const today = new Date().toISOString().slice(0, 10);
  const { violations } = checkPolicy({ facts: facts(), resources }, settings, today, [rule]);
  for (const violation of violations) report(violationLine(violation));
}

const policies: Policies = rules.map((rule) => {
  const { name, description, scope } = rule;
  const common = { name, description, enforcementLevel: levelOf(name, settings, { stack }) };
  if (scope === "object") {
    return {
      ...common,
      validateResource: (resource: Parameters<typeof readObject>[0], report: ReportViolation) => {
        const read = readObject(resource);
        if (read !== undefined) judge(rule, [read], (text) => report(text));
      },
    };
  }
  return {
    ...common,
    validateStack: ({ resources }, report: ReportViolation) => {
      const read = resources.flatMap((resource) => readObject(resource) ?? []);
      judge(rule, read, (text) => report(text));
    },
  };
});

new PolicyPack(project, { policies });
