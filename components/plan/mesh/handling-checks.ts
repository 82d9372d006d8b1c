import type { Problem } from "../problems.ts";
import type { Handling, RetrySettings, TextMatch } from "./traffic-settings.ts";

/** Exactly one form of a text. */
export function textMatchProblems(at: string, match: TextMatch): Problem[] {
  const given = (["exact", "prefix", "regex"] as const).filter((form) => match[form] !== undefined);
  if (given.length !== 1) {
    const got = given.length === 0 ? "says nothing" : `has ${given.join(" and ")}`;
    return [{ key: at, text: `${got}, but it must have one of exact, prefix and regex; give it one` }];
  }
  if (match.regex === undefined) return [];
  try {
    // Nearly the same syntax; what RE2 alone refuses, istiod does.
    new RegExp(match.regex, "u");
    return /\(\?<?[=!]|\\[1-9]/.test(match.regex)
      ? [
          {
            key: `${at}.regex`,
            text: `is "${match.regex}", but RE2 has neither looks around nor references back; write it without`,
          },
        ]
      : [];
  } catch (error) {
    return [
      {
        key: `${at}.regex`,
        text: `is "${match.regex}", but it must be a regular expression (${(error as Error).message}); correct it`,
      },
    ];
  }
}

/** What contradicts itself in how requests are handled. */
export function handlingProblems(
  at: string,
  { timeoutMillis, retries, fault }: Handling,
  { local }: { readonly local: boolean },
): Problem[] {
  const problems = retries === undefined ? [] : retryProblems(at, timeoutMillis, retries);
  if (fault === undefined) return problems;
  if (fault.delay === undefined && fault.abort === undefined)
    problems.push({ key: `${at}.fault`, text: "says neither delay nor abort; give it one or leave it out" });
  if (!local && !fault.inProduction) {
    problems.push({
      key: `${at}.fault`,
      text: `is set, but hosts are not local, and real requests would fail of it; leave it out, or set ${at}.fault.inProduction to true`,
    });
  }
  return problems;
}

/** All attempts together must fit into the time for the whole, or the last ones would be cut off without an answer. */
export function retryProblems(at: string, timeoutMillis: number | undefined, retries: RetrySettings): Problem[] {
  const { attempts, perTryMillis, on, budget } = retries;
  const problems: Problem[] = [];
  if (attempts === 0) {
    for (const [field, value] of Object.entries({ perTryMillis, on, budget })) {
      if (value === undefined) continue;
      problems.push({
        key: `${at}.retries.${field}`,
        text: "is set, but attempts is 0, so nothing is tried again; leave it out",
      });
    }
    return problems;
  }
  const needed = (attempts + 1) * (perTryMillis ?? 0);
  if (timeoutMillis !== undefined && perTryMillis !== undefined && needed > timeoutMillis) {
    problems.push({
      key: `${at}.retries.perTryMillis`,
      text: `is ${perTryMillis}, which with ${attempts + 1} attempts is ${needed} ms, but timeoutMillis is ${timeoutMillis}; lower it to ${Math.floor(timeoutMillis / (attempts + 1))} or less, or raise timeoutMillis`,
    });
  }
  return problems;
}
