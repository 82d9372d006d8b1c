import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { faults } from "./faults.ts";
import { pageFiles, parsePage, readPage, rowFor, runbooks } from "./pages.ts";

const index = readFileSync(join(runbooks, "README.md"), "utf8");
const pages = pageFiles().map(readPage);
const marked = pages.filter(({ checks }) => checks.length > 0);

describe("a page is read", () => {
  const page = parsePage(
    "p.md",
    [
      "# Title",
      "```sh check",
      "ask $POD",
      "```",
      "| the answer holds | it means | go to |",
      "| --- | --- | --- |",
      "| `a` `b  c` | both | [Fix](#do-it-now) |",
      "| `$POD` † | one | check 2 |",
      "| any other answer | none | [x](other.md#y) |",
      "### Do it, now",
      "```sh fix",
      "do",
      "```",
      "```sh over",
      "done",
      "```",
    ].join("\n"),
  );
  const [check] = page.checks;

  test("its commands and rows", () => {
    expect(page.checks).toEqual([
      {
        command: "ask $POD",
        rows: [
          { name: "a b  c", words: ["a", "b  c"], untried: false, target: "p.md#do-it-now" },
          { name: "$POD", words: ["$POD"], untried: true, target: undefined },
          { name: "any other answer", words: [], untried: false, target: "other.md#y" },
        ],
      },
    ]);
    expect([...page.fixes]).toEqual([["do-it-now", "do"]]);
    expect(page.over).toBe("done");
  });

  test.each([
    ["b   c then a", 0],
    ["pod-1 and a", 1],
    ["nothing of it", 2],
  ])("the first row that is wholly in %j", (answer, row) => {
    expect(check && rowFor(check, answer, { POD: "pod-1" })).toBe(check?.rows[row]);
  });
});

describe.each(pages.map((page) => [page.file, page] as const))("%s", (file, page) => {
  test("is in the index", () => expect(index).toContain(`(${file})`));

  test("links only what there is", () => {
    for (const [, link = ""] of page.text.matchAll(/\]\(([^)]*)\)/g)) {
      if (link.startsWith("https://")) continue;
      const [name = "", anchor] = link.split("#");
      expect(name === "" || existsSync(join(runbooks, name)), link).toBe(true);
      if (anchor === undefined) continue;
      const { anchors } = parsePage(name, readFileSync(join(runbooks, name === "" ? file : name), "utf8"));
      expect(anchors, link).toContain(anchor);
    }
    for (const [, reference = ""] of page.text.matchAll(/\]\[([a-z-]+)\]/g))
      expect(page.text).toMatch(new RegExp(`^\\[${reference}\\]: https://`, "m"));
  });
});

describe.each(marked.map((page) => [page.file, page] as const))("%s", (file, page) => {
  const own = faults.filter((fault) => fault.page === file);

  test("every row is tried or marked †", () => {
    page.checks.forEach(({ rows }, place) => {
      const tried = new Set(own.map(({ finds }) => finds[place + 1]));
      for (const { name, words, untried } of rows) {
        if (words.length > 0) expect(tried.has(name), `check ${place + 1}, ${name}`).toBe(!untried);
      }
    });
  });

  test("every fix is tried", () => {
    const led = own.map(({ finds }) => {
      const [place = 0, name] = Object.entries(finds).at(-1) ?? [];
      return page.checks[Number(place) - 1]?.rows.find((row) => row.name === name)?.target;
    });
    for (const anchor of page.fixes.keys())
      if (!untriedFixes.includes(`${file}#${anchor}`)) expect(led).toContain(`${file}#${anchor}`);
  });

  test("says when it is over", () => expect(page.over).toBeDefined());
});

/** The rows that lead here are marked †: dev's admission policy refuses images of any registry that could be out of reach. */
const untriedFixes = ["pod-image-pull.md#reach-the-registry"];
