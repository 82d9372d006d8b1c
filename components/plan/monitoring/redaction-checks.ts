import type { Problem } from "../problems.ts";

/** What of the monitoring says what is taken out of logs and traces. */
export interface RedactionWanted {
  readonly collector: { readonly redact: readonly string[] };
}

const key = "quorum:monitoring.collector.redact";

/** Patterns that the Collector could not read, or that would take out everything. */
export function redactionProblems(patterns: readonly string[]): Problem[] {
  return patterns.flatMap((pattern, index) => {
    const text = whatIsWrong(pattern);
    return text === undefined ? [] : [{ key: `${key}[${index}]`, text: `is ${JSON.stringify(pattern)}, ${text}` }];
  });
}

/** What JavaScript's expressions have and RE2's have not. */
const notInRe2: readonly (readonly [RegExp, string])[] = [
  [/\(\?(?:=|!|<=|<!)/, "which looks around, what RE2 cannot; match the surroundings too"],
  [/\\(?:[1-9]|k<)/, "which refers back to a group, what RE2 cannot; write the group again"],
  [/\(\?>|[*+?}]\+/, "which has an atomic group or a possessive quantifier, what RE2 has not; leave it out"],
  [/\{(?:\d+,)?(?!1000\b)[1-9]\d{3,}(?:,\d*)?\}/, "which repeats more than 1000 times, the most that RE2 does"],
];

function whatIsWrong(pattern: string): string | undefined {
  const withoutEscapes = pattern.replaceAll(/\\[^1-9k]/g, "_");
  const foreign = notInRe2.find(([expression]) => expression.test(withoutEscapes));
  if (foreign !== undefined) return foreign[1];
  try {
    if (asJavaScript(pattern).test(""))
      return "which matches an empty text, so that it would match everywhere; let it match at least one character";
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^.*: /, "") : String(error);
    return `which is no regular expression (${reason.toLowerCase()}); mend it`;
  }
  return undefined;
}

/** The nearest that JavaScript has: its flags stand outside, and its groups and ends have other names. */
function asJavaScript(pattern: string): RegExp {
  const flags = /^\(\?([imsU]+)\)/.exec(pattern);
  const rest = pattern
    .slice(flags?.[0].length ?? 0)
    .replaceAll("(?P<", "(?<")
    .replaceAll(/\\[Az]/g, (end) => (end === String.raw`\A` ? "^" : "$"))
    .replaceAll(/\[\[:\^?[a-z]+:\]\]/g, "[a-z]");
  return new RegExp(rest, flags?.[1]?.replace("U", "") ?? "");
}
