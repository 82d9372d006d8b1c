import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const runbooks = join(import.meta.dirname, "../../docs/runbooks");

/** One row of the table under a check. */
export interface Row {
  /** The first cell without its marks; it names the row. */
  readonly name: string;
  /** What the answer must hold, all of it; none: any answer will do. */
  readonly words: readonly string[];
  /** Marked †: known from its source, not made by the tests. */
  readonly untried: boolean;
  /** Page and heading that the last cell links, as `page.md#heading`. */
  readonly target: string | undefined;
}

export interface Check {
  readonly command: string;
  readonly rows: readonly Row[];
}

export interface Page {
  readonly file: string;
  readonly text: string;
  /** In the page's order. */
  readonly checks: readonly Check[];
  /** By the anchor of their heading. */
  readonly fixes: ReadonlyMap<string, string>;
  /** Anchors of all headings. */
  readonly anchors: readonly string[];
  /** Ends with success once the fault is gone. */
  readonly over: string | undefined;
}

export const pageFiles = () => readdirSync(runbooks).filter((file) => file.endsWith(".md") && file !== "README.md");

export const readPage = (file: string) => parsePage(file, readFileSync(join(runbooks, file), "utf8"));

/** Anchor that a heading gets where Markdown is shown. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

/** Takes the marked blocks and tables out of a page; docs/runbooks/README.md says how they are written. */
export function parsePage(file: string, text: string): Page {
  const checks: { command: string; rows: Row[] }[] = [];
  const fixes = new Map<string, string>();
  const anchors: string[] = [];
  let over: string | undefined;
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const heading = /^#+ (.*)$/.exec(line)?.[1];
    if (heading !== undefined) anchors.push(anchorOf(heading));
    const mark = /^```(.*)$/.exec(line)?.[1];
    if (mark !== undefined) {
      const end = lines.indexOf("```", at + 1);
      const command = lines.slice(at + 1, end).join("\n");
      if (mark === "sh check") checks.push({ command, rows: [] });
      if (mark === "sh fix") fixes.set(anchors.at(-1) ?? "", command);
      if (mark === "sh over") over = command;
      at = end;
    }
    const row = parseRow(file, line);
    // A table before the first check is none of answers.
    if (row) checks.at(-1)?.rows.push(row);
  }
  return { file, text, checks, fixes, anchors, over };
}

function parseRow(file: string, line: string): Row | undefined {
  const cells = line.split("|").map((cell) => cell.trim());
  const [, first = "", , last = ""] = cells;
  if (cells.length < 5 || first === "the answer holds" || /^-+$/.test(first)) return undefined;
  const link = /\]\(([^)]*)\)/.exec(last)?.[1];
  return {
    name: first.replaceAll("`", "").replace(" †", ""),
    words: [...first.matchAll(/`([^`]*)`/g)].map(([, word]) => word ?? ""),
    untried: first.endsWith("†"),
    target: link?.startsWith("#") === true ? file + link : link,
  };
}

const blanks = (text: string) => text.replaceAll(/\s+/g, " ");

/** The row that counts for an answer: the first whose words are all in it. */
export function rowFor(check: Check, answer: string, variables: Readonly<Record<string, string>>): Row | undefined {
  const read = blanks(answer);
  const filled = (word: string) => word.replaceAll(/\$([A-Z_]+)/g, (whole, name: string) => variables[name] ?? whole);
  return check.rows.find(({ words }) => words.every((word) => read.includes(blanks(filled(word)))));
}
