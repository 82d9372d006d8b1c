import { describe, expect, it } from "vitest";
import { parseConfig } from "../../config/parse.ts";
import { checkPolicy, levelOf, type PolicyException, type PolicySettings, refusals } from "../../policy/check.ts";
import { policyFacts } from "../../policy/facts.ts";
import { policyMarkdown, policySummary, policyText } from "../../policy/format.ts";
import type { PolicyObject } from "../../policy/types.ts";
import { enforce } from "../../engine/policy.ts";
import { ExitError } from "../../engine/errors.ts";
import { objectsOf, runProgram } from "../program-objects.ts";
import { runnableSections, stackSections } from "../stacks.ts";
import { deployment, facts, object } from "./objects.ts";

const today = "2026-11-23";
const none: PolicySettings = { mandatory: [], exceptions: [] };
const reason = "it listens nowhere, so there is nothing to ask";
const bare = deployment({ livenessProbe: undefined, readinessProbe: undefined }, {}, "bare");
const check = (settings: Partial<PolicySettings>, objects: readonly PolicyObject[] = [bare], stack = "prod") =>
  checkPolicy(
    { facts: { ...facts, stack }, resources: objects.map((one) => ({ object: one })) },
    { ...none, ...settings },
    today,
  );
const except = (changes: Partial<PolicyException> = {}): Partial<PolicySettings> => ({
  exceptions: [{ rule: "probes", object: "Deployment apps/bare", reason, ...changes }],
});

describe("levels", () => {
  it("are mandatory in prod, advisory elsewhere, and as the stack's file says", () => {
    expect(levelOf("probes", none, { stack: "prod" })).toBe("mandatory");
    expect(levelOf("probes", none, { stack: "dev" })).toBe("advisory");
    expect(levelOf("probes", { ...none, enforcement: "mandatory" }, { stack: "dev" })).toBe("mandatory");
    expect(levelOf("probes", { ...none, enforcement: "advisory" }, { stack: "prod" })).toBe("advisory");
    expect(levelOf("probes", { ...none, mandatory: ["probes"] }, { stack: "dev" })).toBe("mandatory");
    expect(levelOf("weights", { ...none, mandatory: ["probes"] }, { stack: "dev" })).toBe("advisory");
  });

  it("decide what stops a run, and with which exit code", () => {
    const lines: string[] = [];
    const log = (line: string) => lines.push(line);
    enforce(check({}, [bare], "dev"), log);
    expect(lines.filter((line) => line.startsWith("advisory: probes: Deployment apps/bare"))).toHaveLength(2);
    const run = () => {
      enforce(check({}), log);
    };
    expect(run).toThrow(ExitError);
    expect(run).toThrow(
      /stack prod breaks its policy, so nothing was changed.*quorum:policy\.exceptions.*probes: Deployment apps\/bare/s,
    );
    try {
      run();
    } catch (error) {
      expect((error as ExitError).code).toBe(3);
    }
  });
});

describe("an exception", () => {
  it("lets its findings pass, and they are counted", () => {
    const report = check(except());
    expect(report.violations).toEqual([]);
    expect(policySummary(report)).toBe(
      "policy: 14 rules, 1 object: 0 violations, 1 exception with a reason (2 findings)",
    );
    expect(policyText(report)).toContain(`exception  probes: Deployment apps/bare: 2 findings: ${reason}`);
  });

  it("is for one rule, one object and, where it says so, one field", () => {
    expect(check(except({ rule: "resources" })).violations).toHaveLength(2);
    expect(check(except({ object: "Deployment apps/bar" })).violations).toHaveLength(2);
    expect(check(except({ object: "Deployment apps/b*" })).violations).toHaveLength(0);
    expect(check(except({ object: "Deployment apps.bare" })).violations).toHaveLength(2);
    expect(check(except({ field: "*.livenessProbe" })).violations.map(({ field }) => field)).toEqual([
      "spec.template.spec.containers.bare.readinessProbe",
    ]);
  });

  it("holds to the end of its last day", () => {
    expect(check(except({ until: today })).violations).toEqual([]);
    const ended = check(except({ until: "2026-11-22" }));
    expect(refusals(ended)).toHaveLength(2);
    expect(policyText(ended)).toContain("ended on 2026-11-22; mend it");
  });

  it("that nobody needs any more is told", () => {
    expect(policyText(check(except(), [deployment()]))).toContain("0 findings, so take it away");
  });

  it("needs a reason, and a rule that exists", () => {
    const parse = (exception: object) => () =>
      parseConfig({ ...stackSections("dev"), policy: { exceptions: [exception] } });
    expect(parse({ rule: "probes", object: "Deployment apps/bare", reason: "because" })).toThrow(
      /quorum:policy\.exceptions\.0\.reason is "because".*20 characters or more/,
    );
    expect(parse({ rule: "probes", object: "Deployment apps/bare" })).toThrow(/exceptions\.0\.reason is missing/);
    expect(parse({ rule: "prods", object: "Deployment apps/bare", reason })).toThrow(
      /exceptions\.0\.rule is "prods".*probes/,
    );
    expect(parse({ rule: "probes", object: "x", reason, until: "soon" })).toThrow(/exceptions\.0\.until is "soon"/);
  });
});

it("Markdown keeps its table whatever a finding holds", () => {
  const piped = object("ConfigMap", "c", { data: { "a|b": "-----BEGIN PRIVATE KEY-----" } });
  const markdown = policyMarkdown(check({}, [piped]));
  expect(markdown).toMatch(/^### Policy of stack prod\n\npolicy: 14 rules, 1 object: 1 violation, /);
  expect(markdown).toContain('| mandatory | no-plain-secrets | ConfigMap apps/c | `data["a\\|b"]` holds a private key');
});

describe.each(["dev", "prod"] as const)("stack %s", (stack) => {
  it("keeps to every rule, and needs each of its exceptions", async () => {
    const sections = runnableSections(stack);
    const config = parseConfig(sections);
    const recording = await runProgram(sections, { stack });
    const resources = objectsOf(recording, stack).map((one) => ({ object: one }));
    const report = checkPolicy({ facts: policyFacts(config, stack), resources }, config.policy, today);
    expect(report.violations).toEqual([]);
    expect(report.objects).toBeGreaterThan(150);
    expect(report.exceptions.filter(({ passed }) => passed.length === 0).map(({ object: name }) => name)).toEqual([]);
  });
});
