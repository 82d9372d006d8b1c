import { describe, expect, test } from "vitest";
import { redactionProblems } from "../../../components/plan/monitoring/redaction-checks.ts";
import {
  literal,
  redacted,
  redactionStatements,
  secretKeys,
  secretTexts,
} from "../../../components/plan/monitoring/redaction.ts";
import { redactedLines } from "./redacted-lines.ts";

const own = "cust-[0-9]{8}";

/** RE2's expressions with the flags that JavaScript wants outside. */
function expression(pattern: string): RegExp {
  const [, flags = "", rest = ""] = /^(?:\(\?([is]+)\))?(.*)$/.exec(pattern) ?? [];
  return new RegExp(rest, `g${flags}`);
}

function kept(line: string): string {
  return [...secretTexts, { pattern: own, replacement: redacted }].reduce(
    (text, { pattern, replacement }) => text.replace(expression(pattern), replacement.replace("${1}", "$1")),
    line,
  );
}

describe("what is taken out of a text", () => {
  test.each(redactedLines)("%s", (_what, line, expected) => {
    expect(kept(line)).toBe(expected);
  });

  test("a line that passes twice stays as it is", () => {
    for (const [, , expected] of redactedLines) expect(kept(expected)).toBe(expected);
  });

  test.each([
    ["password", true],
    ["db.password", true],
    ["http.request.header.authorization", true],
    ["X-API-Key", true],
    ["url.path", false],
    ["messaging.tokens_used", false],
  ])("the attribute %s goes: %s", (name, goes) => {
    expect(secretKeys.some((pattern) => expression(pattern).test(name))).toBe(goes);
  });
});

describe("the collectors' statements", () => {
  test("a line's text and its attributes lose the same", () => {
    const statements = redactionStatements("log", [own]);
    const bodies = statements.filter((statement) => statement.startsWith("replace_pattern(log.body, "));
    const attributes = statements.filter((statement) => statement.startsWith("replace_all_patterns(log.attributes, "));
    expect(bodies).toHaveLength(secretTexts.length + 1);
    expect(attributes).toHaveLength(secretTexts.length + 1);
    expect(bodies.at(-1)).toBe('replace_pattern(log.body, "cust-[0-9]{8}", "[redacted]")');
  });

  test("a span has a name and a status in place of a text", () => {
    const statements = redactionStatements("span", ["cust-[0-9]{8}"]);
    expect(statements.join("\n")).not.toContain("body");
    for (const field of ["span.name", "span.status.message"])
      expect(statements).toContain(`replace_pattern(${field}, "cust-[0-9]{8}", "[redacted]")`);
    expect(statements).toContain("flatten(span.attributes)");
  });

  test("no dollar sign is taken for a variable of the configuration", () => {
    expect(literal("^a$|${1}")).toBe("^a$$|$${1}");
    expect(redactionStatements("log", ["^a$"]).join("\n")).not.toMatch(/(?<!\$)(?:\$\$)*\$(?!\$)/);
  });
});

describe("patterns of the configuration", () => {
  test.each([
    "cust-[0-9]{8}",
    "(?i)iban:\\s*[A-Z]{2}[0-9]{20}",
    "(?P<name>a+)\\z",
    "[[:alpha:]]{3}-x",
    "a\\(b",
    "\\{1,2000\\}x",
    "a{1000}",
  ])("%s is taken", (pattern) => {
    expect(redactionProblems([pattern])).toEqual([]);
  });

  test.each([
    "[*+?]+x",
    String.raw`\(?=x`,
    "(?i)a",
    "a(?i:b)",
    "(?P<name>a)",
    "[[:alpha:]_]+",
    String.raw`\Aa\z`,
    "a{1000}",
  ])("those that RE2 reads otherwise than JavaScript does are taken: %s", (pattern) => {
    expect(redactionProblems([pattern])).toEqual([]);
  });

  test("those that the Collector cannot read, or that match everywhere, are refused by name", () => {
    const problems = redactionProblems(["ok", "(?<=a)b", "(a)\\1", "a++", "a{2000}", "x*", "(a"]);
    expect(problems.map(({ key, text }) => `${key} ${text}`)).toEqual([
      'quorum:monitoring.collector.redact[1] is "(?<=a)b", but it looks around, which RE2 cannot; match the surroundings too',
      'quorum:monitoring.collector.redact[2] is "(a)\\\\1", but it refers back to a group, which RE2 cannot; write the group again',
      'quorum:monitoring.collector.redact[3] is "a++", but it has an atomic group or a possessive quantifier, which RE2 has not; leave it out',
      'quorum:monitoring.collector.redact[4] is "a{2000}", but it repeats more than 1000 times, which is the most that RE2 does; repeat less often',
      'quorum:monitoring.collector.redact[5] is "x*", but it matches an empty text, and so everywhere; let it match at least one character',
      'quorum:monitoring.collector.redact[6] is "(a", but it is no regular expression (unterminated group); mend it',
    ]);
  });
});
