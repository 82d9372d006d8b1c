import { join } from "node:path";
import { ESLint } from "eslint";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
// The rules that need types would need the files to exist; those that guard the layout do not.
const eslint = new ESLint({
  cwd: root,
  overrideConfig: {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: false, project: false } },
    rules: Object.fromEntries(
      ["await-thenable", "no-floating-promises", "consistent-type-imports"].map((rule) => [
        `@typescript-eslint/${rule}`,
        "off",
      ]),
    ),
  },
  ruleFilter: ({ ruleId }) => ["no-restricted-imports", "no-restricted-syntax", "eqeqeq"].includes(ruleId),
});

async function lint(filePath: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: join(root, filePath) });
  return (result?.messages ?? []).map((message) => `${message.ruleId}: ${message.message}`);
}

const plan = "components/plan/example.ts";
const component = "components/workload/example.ts";

describe("a plan", () => {
  it.each([
    'import * as pulumi from "@pulumi/pulumi";',
    'import type { Output } from "@pulumi/pulumi";',
    'export { Output } from "@pulumi/pulumi";',
    'import { readFileSync } from "node:fs";',
    'import { execFile } from "child_process";',
    'export const later = import("@pulumi/pulumi");',
    'export const home = process.env["HOME"];',
  ])("may not say %s", async (code) => {
    expect(await lint(plan, code)).toEqual([expect.stringMatching(/^no-restricted-(imports|syntax): /)]);
  });

  it("may use other plans and pure packages", async () => {
    expect(
      await lint(
        plan,
        'import { createHash } from "node:crypto"; import { parse } from "yaml"; import { list } from "./problems.ts"; export const all = [createHash, parse, list];',
      ),
    ).toEqual([]);
  });
});

describe("a component", () => {
  it.each([
    "export const home = process.env.HOME;",
    'export const home = process["env"];',
    'import { env } from "node:process"; export const home = env;',
    'import * as pulumi from "@pulumi/pulumi"; export const config = new pulumi.Config();',
    'import { Config } from "@pulumi/pulumi"; export const config = new Config("other");',
    'import * as pulumi from "@pulumi/pulumi"; export const stack = pulumi.getStack();',
    'import { getProject } from "@pulumi/pulumi"; export const project = getProject();',
    'import * as k8s from "@pulumi/kubernetes"; export const provider = new k8s.Provider("own");',
    'import { Provider } from "@pulumi/kubernetes"; export const provider = new Provider("own");',
  ])("may not say %s", async (code) => {
    expect(await lint(component, code)).toEqual([expect.stringMatching(/^no-restricted-(imports|syntax): /)]);
  });

  it("may use Pulumi, and plans", async () => {
    expect(
      await lint(
        component,
        'import * as pulumi from "@pulumi/pulumi"; import { list } from "../plan/problems.ts"; export const all = [pulumi.output(1), list];',
      ),
    ).toEqual([]);
  });
});

it("every source is checked with types, so that no promise is left alone", async () => {
  for (const file of ["index.ts", plan, "engine/cli.ts", "local/cli.ts", "test/recorder.ts"]) {
    const { rules } = (await new ESLint({ cwd: root }).calculateConfigForFile(join(root, file))) as {
      rules: Record<string, unknown>;
    };
    expect(rules["@typescript-eslint/no-floating-promises"]).toEqual([2]);
    expect(rules["@typescript-eslint/no-misused-promises"]).toEqual([2]);
  }
});

it("config.ts and index.ts may read the configuration and make providers", async () => {
  const code =
    'import * as pulumi from "@pulumi/pulumi"; export const all = [new pulumi.Config(), pulumi.getStack(), process.env];';
  expect(await lint("config.ts", code)).toEqual([]);
});
