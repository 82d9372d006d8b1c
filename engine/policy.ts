import { join } from "node:path";
import type { Config } from "../config/parse.ts";
import { checkPolicy, type PolicyReport, refusals } from "../policy/check.ts";
import { policyFacts } from "../policy/facts.ts";
import { policySummary, violationLine } from "../policy/format.ts";
import type { PolicyResource } from "../policy/types.ts";
import type { DesiredObject } from "./direct/objects.ts";
import { renderObjects } from "./direct/render.ts";
import { ExitError } from "./errors.ts";
import { workspace } from "./load-stack.ts";
import { readStack, type StackOptions } from "./stack.ts";

/** Exit code of a stack that breaks a mandatory rule: a check can tell it from a command that failed. */
export const policyExitCode = 3;
/** Advice beyond this many lines would hide what a command is about. */
const shownAdvice = 5;

/** What the rules say of objects that a program makes. */
export function judge(config: Config, stack: string, objects: readonly DesiredObject[]): PolicyReport {
  const resources = objects.map(({ object, protect, retain }): PolicyResource => ({ object, kept: protect || retain }));
  const today = new Date().toISOString().slice(0, 10);
  return checkPolicy({ facts: policyFacts(config, stack), resources }, config.policy, today);
}

/** What they say of a stack's render: needs no cluster, no Docker and no credentials. */
export async function judgeRender(
  config: Config,
  options: StackOptions,
  log: (line: string) => void,
): Promise<PolicyReport> {
  const values = readStack(workspace, { ...options, secrets: "placeholder" });
  const objects = await renderObjects({ config: values, program: join(workspace.root, "index.ts"), log });
  return judge(config, options.stack, objects);
}

/**
 * Tells of every violation.
 *
 * @throws ExitError when a mandatory rule is broken
 */
export function enforce(report: PolicyReport, log: (line: string) => void): void {
  const refused = refusals(report);
  const advisory = report.violations.filter(({ level }) => level === "advisory");
  for (const one of advisory.slice(0, shownAdvice)) log(`advisory: ${violationLine(one)}`);
  if (advisory.length > shownAdvice)
    log(`advisory: ${advisory.length - shownAdvice} more; npm run policy -- --stack ${report.stack} shows all`);
  log(policySummary(report));
  if (refused.length === 0) return;
  const lines = refused.map((one) => `  ${violationLine(one)}`);
  throw new ExitError(
    `stack ${report.stack} breaks its policy, so nothing was changed; mend it, or let it pass by quorum:policy.exceptions with a reason:\n${lines.join("\n")}`,
    policyExitCode,
  );
}
