import { join } from "node:path";
import { root } from "../local/paths.ts";
import { ensureParts, type PartName } from "../local/toolchain.ts";
import { runProcess } from "./process.ts";

/** One check of the checkout. The workflow for pull requests runs each by its name, so the two cannot differ. */
export interface CheckStep {
  readonly name: string;
  readonly what: string;
  /** Programs that it needs and that are built where they are not there yet. */
  readonly parts?: readonly PartName[];
  /** A program with its arguments for each run, all of them run whatever the others come to. */
  readonly runs: () => readonly CheckRun[];
}

export interface CheckRun {
  readonly program: string;
  readonly args: readonly string[];
  /** Where it runs. @default the checkout */
  readonly cwd?: string;
}

const node = (...args: string[]): CheckRun => ({ program: process.execPath, args });
const module = (path: string, ...args: string[]) => node(join(root, "node_modules", path), ...args);
const quorum = (...args: string[]) => node(join(root, "engine", "cli.ts"), ...args);
const vitest = (...args: string[]) => module("vitest/vitest.mjs", "run", "--project", "unit", ...args);
const stacks = ["dev", "prod"];

/** Folders with a lock file: the program, the sample app, the peers of the measurements. */
export const lockedFolders = [".", "app", "bench"];

/** Asks the registry for the advisories on all that a folder's lock file names. Ends with 1 on one, and where it gets no answer. */
export const auditIn = (cwd: string): CheckRun => ({
  program: "npm",
  args: ["audit", "--package-lock-only", "--audit-level=high"],
  cwd,
});

export const checkSteps: readonly CheckStep[] = [
  { name: "format", what: "the common format", runs: () => [module("prettier/bin/prettier.cjs", "--check", ".")] },
  { name: "lint", what: "the lint rules", runs: () => [module("eslint/bin/eslint.js", ".")] },
  { name: "types", what: "the types", runs: () => [module("typescript/bin/tsc", "--noEmit")] },
  {
    name: "workflows",
    what: "the workflows, by actionlint",
    parts: ["actionlint"],
    runs: () => [vitest("test/workflows.test.ts")],
  },
  {
    name: "secrets",
    what: "secrets in the files and in the history, by gitleaks",
    parts: ["gitleaks"],
    runs: () => [vitest("test/secret-scan.test.ts")],
  },
  {
    name: "dependencies",
    what: "known vulnerabilities, high and critical, of the packages in the lock files, by npm audit",
    runs: () => lockedFolders.map((folder) => auditIn(join(root, folder))),
  },
  {
    name: "policy",
    what: "what no stack may ship, on the renders of dev and prod",
    runs: () => stacks.map((stack) => quorum("policy", "--stack", stack)),
  },
  {
    name: "rules",
    what: "the alerts' tests, by promtool",
    parts: ["prometheus"],
    runs: () => [vitest("test/rules/")],
  },
  {
    name: "schemas",
    what: "the manifests of dev and prod against the schemas of each Kubernetes release, by kubeconform",
    parts: ["kubeconform"],
    runs: () => [vitest("test/conformance/")],
  },
  {
    name: "mesh",
    what: "what dev and prod with a mesh say to it, by istioctl and by kube-score",
    parts: ["helm", "istioctl", "kubeconform", "kube-score"],
    runs: () => [vitest("test/mesh-analysis.test.ts", "test/conformance/mesh.test.ts")],
  },
  { name: "unit", what: "the unit tests", runs: () => [quorum("test", "unit")] },
];

/** Runs one step, its words on this terminal. @returns the worst exit code */
export async function runStep({ parts = [], runs }: CheckStep): Promise<number> {
  await ensureParts(parts, (line) => console.error(line));
  let worst = 0;
  for (const { program, args, cwd = root } of runs()) {
    const { code } = await runProcess(program, args, { cwd, inherit: true });
    worst = Math.max(worst, code);
  }
  return worst;
}
