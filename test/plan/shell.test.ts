import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { indent, lines, prelude, putFile, shellQuote } from "../../components/plan/shell.ts";

const folder = mkdtempSync(join(tmpdir(), "shell-"));
afterAll(() => rmSync(folder, { recursive: true }));
const sh = (script: string) => execFileSync("sh", ["-c", script], { encoding: "utf8", stdio: "pipe" });

/** What a command line can carry: any text but a zero byte. */
const text = fc.string({ unit: fc.constantFrom("a", "'", '"', "$", "`", "\\", " ", "\n", "é", "!", "*", "(", "#") });

describe("quoting", () => {
  it("carries any text as one word", () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 5 }), (words) => {
        expect(sh(`for word in ${words.map(shellQuote).join(" ")}; do printf '%s\\0' "$word"; done`)).toBe(
          words.map((word) => `${word}\0`).join(""),
        );
      }),
      { numRuns: 40 },
    );
  });

  it("leaves plain words readable", () => {
    expect([shellQuote("a-b_c.d/e:1"), shellQuote(""), shellQuote("it's")]).toEqual([
      "a-b_c.d/e:1",
      "''",
      `'it'\\''s'`,
    ]);
  });
});

describe("a file", () => {
  it("arrives untouched, whatever is in it", () => {
    const content = fc.oneof(text, fc.constant("QUORUM_FILE\n$HOME `id`\nQUORUM_FILE_\n"));
    fc.assert(
      fc.property(content, (body) => {
        const path = join(folder, "deep/er", "it's a file");
        sh(lines(prelude, putFile(path, "640", body)));
        expect(readFileSync(path, "utf8")).toBe(body.endsWith("\n") ? body : `${body}\n`);
        expect(statSync(path).mode & 0o777).toBe(0o640);
        expect(readdirSync(join(folder, "deep/er"))).toEqual(["it's a file"]);
      }),
      { numRuns: 30 },
    );
  });
});

describe("waiting", () => {
  it("ends with success as soon as the command succeeds, with failure after its tries", () => {
    const counter = join(folder, "count");
    const wait = (tries: number, needed: number) =>
      sh(
        lines(
          prelude.replace("sleep 1", ":"),
          `rm -f ${counter}`,
          `try() { echo x >> ${counter}; [ "$(wc -l < ${counter})" -ge ${needed} ]; }`,
          `if wait_for ${tries} try; then echo yes; else echo no; fi`,
          `wc -l < ${counter}`,
        ),
      )
        .trim()
        .split(/\s+/);
    expect(wait(5, 3)).toEqual(["yes", "3"]);
    expect(wait(2, 3)).toEqual(["no", "2"]);
  });
});

it("indents lines that have text", () => {
  expect(indent("a\n\nb\n")).toBe("  a\n\n  b");
});
