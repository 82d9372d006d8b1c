import { unknownNamespace } from "./objects.ts";
import { rules as allRules } from "./rules.ts";
import type { RuleName } from "./rule-names.ts";
import type { Finding, PolicyFacts, PolicyInput, Rule } from "./types.ts";

export type Enforcement = "advisory" | "mandatory";

/** `quorum:policy` of a stack. */
export interface PolicySettings {
  readonly enforcement?: Enforcement | undefined;
  readonly mandatory: readonly RuleName[];
  readonly exceptions: readonly PolicyException[];
}

export interface PolicyException {
  readonly rule: string;
  readonly object: string;
  readonly field?: string | undefined;
  readonly reason: string;
  /** Last day that it holds, such as 2027-06-30, in UTC. */
  readonly until?: string | undefined;
}

export interface Violation extends Finding {
  readonly rule: string;
  readonly level: Enforcement;
}

/** What the rules say of a stack. */
export interface PolicyReport {
  readonly stack: string;
  /** Names of the rules that were asked. */
  readonly rules: readonly string[];
  readonly objects: number;
  readonly violations: readonly Violation[];
  /** Each exception with what it lets pass; nothing: nobody needs it any more. */
  readonly exceptions: readonly (PolicyException & { readonly passed: readonly Finding[]; readonly ended: boolean })[];
}

/**
 * Asks every rule about a stack.
 *
 * @param today a day such as 2026-11-23, after whose end exceptions until then hold no more
 */
export function checkPolicy(
  input: PolicyInput,
  settings: PolicySettings,
  today: string,
  rules: readonly Rule[] = allRules,
): PolicyReport {
  const exceptions = settings.exceptions.map((exception) => ({
    ...exception,
    passed: [] as Finding[],
    ended: exception.until !== undefined && exception.until < today,
    matches: matcher(exception),
  }));
  const violations: Violation[] = [];
  for (const { name, check } of rules) {
    const level = levelOf(name, settings, input.facts);
    const asked = exceptions.filter(({ rule, ended }) => rule === name && !ended);
    for (const one of check(input)) {
      const exception = asked.find(({ matches }) => matches(one));
      if (exception === undefined) violations.push({ ...one, rule: name, level });
      else exception.passed.push(one);
    }
  }
  return {
    stack: input.facts.stack,
    rules: rules.map(({ name }) => name),
    objects: input.resources.length,
    violations,
    exceptions: settings.exceptions.map((exception, index) => ({
      ...exception,
      passed: exceptions[index]?.passed ?? [],
      ended: exceptions[index]?.ended ?? false,
    })),
  };
}

/** How much a finding of a rule counts in a stack. */
export function levelOf(
  rule: string,
  { enforcement, mandatory }: PolicySettings,
  { stack }: Pick<PolicyFacts, "stack">,
): Enforcement {
  if ((mandatory as readonly string[]).includes(rule)) return "mandatory";
  return enforcement ?? (stack.startsWith("prod") ? "mandatory" : "advisory");
}

export function refusals({ violations }: PolicyReport): Violation[] {
  return violations.filter(({ level }) => level === "mandatory");
}

/** Where an object's namespace is not known yet, the rest of its name decides. */
function matcher({ object, field }: PolicyException): (finding: Finding) => boolean {
  const ofObject = glob(object);
  const anywhere = glob(object.replace(/ [^/]+\//, ` ${unknownNamespace}/`));
  const ofField = field === undefined ? undefined : glob(field);
  return (one) => (ofObject.test(one.object) || anywhere.test(one.object)) && (ofField?.test(one.field) ?? true);
}

function glob(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s");
}
