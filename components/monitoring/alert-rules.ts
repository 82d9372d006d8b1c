import { basename } from "node:path";
import { type RuleText, ruleFileProblems } from "../plan/monitoring/rule-files.ts";
import { type Problem, refuse } from "../plan/problems.ts";
import { noSuchFile, projectFiles, projectText } from "./project-files.ts";

const folder = "data/rules";
const ending = /\.ya?ml$/;
const key = "quorum:monitoring.prometheus.rules";
/** How the names of files begin that are made from the configuration. */
const made = "configured-";
let shipped: CheckedRules | undefined;

/**
 * The rule files of data/rules and those of the user, by name without an ending, as they are.
 *
 * @param own the user's: paths from the project's folder, with `*` for any part of a name
 * @throws InputError naming everything that is wrong with any of them
 */
export function alertRules(own: readonly string[] = []): Record<string, string> {
  const { files, problems } = checkedRules(own);
  refuse("the rules of this stack", problems);
  return Object.fromEntries(files.map(({ file, text }) => [nameOf(file), text]));
}

/** What is wrong with the rule files of a stack, each for itself and together. */
export function ruleProblems(own: readonly string[] = [], hasPrometheus = true): readonly Problem[] {
  if (own.length > 0 && !hasPrometheus) {
    return [{ key, text: "is a list, but this stack has no Prometheus to read the files; enable it, or remove them" }];
  }
  return checkedRules(own).problems;
}

interface CheckedRules {
  readonly files: readonly RuleText[];
  readonly problems: readonly Problem[];
}

function checkedRules(own: readonly string[]): CheckedRules {
  if (own.length === 0) return shippedRules();
  const read = readOwn(own);
  const files = [...shippedRules().files, ...read.files];
  return { files, problems: [...read.problems, ...ruleFileProblems(files)] };
}

/** Read and checked once: they do not change while a program runs, and are the same for every stack. */
export function shippedRules(): CheckedRules {
  if (!shipped) {
    const names = projectFiles(`${folder}/*`).filter((name) => ending.test(name));
    const files = names.map((name) => read(name, true));
    shipped = { files, problems: ruleFileProblems(files) };
  }
  return shipped;
}

function readOwn(patterns: readonly string[]): { readonly files: RuleText[]; readonly problems: Problem[] } {
  const problems: Problem[] = [];
  const names = new Map(shippedRules().files.map(({ file }) => [nameOf(file), file]));
  const found = new Set<string>();
  patterns.forEach((pattern, index) => {
    const at = `${key}[${index}]`;
    const files = projectFiles(pattern);
    if (files.length === 0) problems.push({ key: at, text: noSuchFile(pattern) });
    for (const file of files) {
      if (found.has(file)) continue;
      const fault = nameFault(file, names);
      if (fault !== undefined) problems.push({ key: at, text: `takes in ${file}, ${fault}` });
      else {
        found.add(file);
        names.set(nameOf(file), file);
      }
    }
  });
  return { files: [...found].map((file) => read(file, false)), problems };
}

function nameFault(file: string, names: ReadonlyMap<string, string>): string | undefined {
  if (!ending.test(file)) return "but a rule file ends in .yaml or .yml; rename it, or name the others only";
  if (!/^[\w.-]+$/.test(basename(file))) return "but its name must be letters, digits, dots, _ and -; rename it";
  if (nameOf(file).startsWith(made)) return `but names that begin with ${made} are kept for this project; rename it`;
  const taken = names.get(nameOf(file));
  return taken === undefined ? undefined : `but ${taken} has that name already; rename it`;
}

function nameOf(file: string): string {
  return basename(file).replace(ending, "");
}

function read(file: string, isShipped: boolean): RuleText {
  return { file, text: projectText(file), shipped: isShipped };
}
