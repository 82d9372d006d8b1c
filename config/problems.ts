import type { z } from "zod";
import { didYouMean, type Problem } from "../components/plan/problems.ts";

/** Parts of a key below which a value may be secret. No message shows one. */
const secretParts = /^(credentials|env|config|privateKey|basicAuth|url|apiUrl|routingKey)$|pass|secret|token/i;
const shownLength = 60;
const hidden = "a value not shown here";

/** What a value is checked with, and whether it is known to hold a secret. */
export interface Inspection {
  /** Such as `quorum:images`. */
  readonly key: string;
  readonly value: unknown;
  readonly secret: boolean;
}

/** The problems that a schema finds in a value, in the user's words. */
export function schemaProblems(issues: readonly z.core.$ZodIssue[], inspection: Inspection): Problem[] {
  return issues.flatMap((issue) => problemsOf(issue, inspection));
}

function problemsOf(issue: z.core.$ZodIssue, { key, value, secret }: Inspection): Problem[] {
  const path = issue.path.map(String);
  const at = [key, ...path].join(".");
  if (issue.code === "unrecognized_keys") {
    const known = issue.message.split(", ");
    return issue.keys.map((name) => unknownKey(`${at}.${name}`, name, known));
  }
  if (issue.code === "invalid_key") {
    const [reason] = issue.issues;
    return [{ key: at, text: `is a name that is not allowed; it must be ${reason?.message ?? "another"}` }];
  }
  const got = valueAt(value, path);
  if (got === undefined) return [{ key: at, text: `is missing, but it must be ${issue.message}` }];
  const shown = secret || path.some((part) => secretParts.test(part)) ? hidden : show(got);
  return [{ key: at, text: `is ${shown}, but it must be ${issue.message}` }];
}

/** A key that nothing reads: its value is not shown, as it may be a misspelt secret. */
export function unknownKey(at: string, name: string, known: readonly string[]): Problem {
  const near = didYouMean(name, known);
  const fix = near === undefined ? "remove it" : `did you mean ${near}?`;
  return { key: at, text: `is not a known key, but it must be one of ${known.join(", ")}; ${fix}` };
}

/** A problem without the value it is about, when its section holds a secret: which value that is, nobody tells us. */
export function withoutSecret(problem: Problem, secretSections: readonly string[]): Problem {
  if (!secretSections.some((section) => problem.key.startsWith(`quorum:${section}.`))) return problem;
  return { ...problem, text: problem.text.replace(/^is (?!missing,).*?, but/, `is ${hidden}, but`) };
}

function show(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a mapping";
  const shown = JSON.stringify(value);
  return shown.length > shownLength ? `${shown.slice(0, shownLength)}…"` : shown;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (node, part) => (typeof node === "object" && node !== null ? (node as Record<string, unknown>)[part] : undefined),
    value,
  );
}
