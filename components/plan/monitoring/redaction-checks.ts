import type { Problem } from "../problems.ts";
import { matchesEmpty, re2Fault } from "./re2.ts";

/** What of the monitoring says what is taken out of logs and traces. */
export interface RedactionWanted {
  readonly collector: { readonly redact: readonly string[] };
}

const key = "quorum:monitoring.collector.redact";
const everywhere = "matches an empty text, and so everywhere; let it match at least one character";

/** Patterns that the Collector could not read, or that would take out everything. */
export function redactionProblems(patterns: readonly string[]): Problem[] {
  return patterns.flatMap((pattern, index) => {
    const fault = re2Fault(pattern) ?? (matchesEmpty(pattern) ? everywhere : undefined);
    return fault === undefined
      ? []
      : [{ key: `${key}[${index}]`, text: `is ${JSON.stringify(pattern)}, but it ${fault}` }];
  });
}
