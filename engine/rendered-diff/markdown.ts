import { showChange } from "../direct/diff.ts";
import { count } from "../words.ts";
import { type RenderedChange, type Risk, risks } from "./compare.ts";
import type { Fact } from "./topics.ts";

/** All that the Markdown tells. */
export interface DiffReport {
  readonly stack: string;
  /** What is compared, in words: `main (1a2b3c4)`. */
  readonly base: string;
  readonly head: string;
  readonly changes: readonly RenderedChange[];
  readonly images: readonly Fact[];
  readonly routes: readonly Fact[];
  readonly policies: readonly Fact[];
  readonly alerts: readonly Fact[];
  readonly controlPlane: ControlPlaneReport;
  readonly notes: readonly string[];
}

export interface ControlPlaneReport {
  /** One line; undefined where nothing of it changes. */
  readonly summary: string | undefined;
  /** Markdown of the whole change, made from checked settings. */
  readonly details?: string | undefined;
  readonly problems: readonly string[];
}

/** Characters that a comment on GitHub may have. @see the message "body is too long (maximum is 65536 characters)" of its API */
export const commentLimit = 65_536;
const fieldsShown = 20;
const factsShown = 15;
/** Objects with the very same changes from which on they share one entry. */
const groupFrom = 3;

const titles: Readonly<Record<Risk, string>> = {
  data: "Data loss",
  replace: "Replaced",
  remove: "Removed",
  widen: "Security: more is allowed or reachable",
  change: "Changed",
  add: "Added",
};
/** What a reader must see without opening anything. */
const open: readonly Risk[] = ["data", "replace", "remove", "widen"];

/** A heading of a risk with its entries, each of which may be left out. */
interface Section {
  readonly risk: Risk;
  readonly entries: readonly string[];
  readonly size: number;
}

/**
 * The difference for a pull request. Values and names may come from somebody who is not trusted: they stand in code spans alone.
 *
 * @param limit characters at most; the least risky entries are left out first, and a line says so
 */
export function diffMarkdown(report: DiffReport, limit: number = commentLimit): string {
  const head = headOf(report);
  const sections = risks
    .map((risk) =>
      sectionOf(
        risk,
        report.changes.filter((change) => change.risk === risk),
      ),
    )
    .filter(({ size }) => size > 0);
  const topics = topicsOf(report);
  const build = (kept: readonly number[]) =>
    `${[head, ...topics, ...sections.map((section, index) => sectionText(section, kept[index] ?? 0))].join("\n\n")}\n`;
  const kept = sections.map(({ entries }) => entries.length);
  let text = build(kept);
  for (let index = sections.length - 1; index >= 0 && text.length > limit; index--) {
    // The most entries of this section that fit; all that is less risky has gone already.
    let [fits, tooMany] = [0, kept[index] ?? 0];
    while (fits < tooMany - 1) {
      const middle = Math.floor((fits + tooMany) / 2);
      kept[index] = middle;
      if (build(kept).length <= limit) fits = middle;
      else tooMany = middle;
    }
    kept[index] = fits;
    text = build(kept);
  }
  return text.length <= limit ? text : `${text.slice(0, limit - cutLine.length)}${cutLine}`;
}

const cutLine = "\n\n*Cut here: the rest does not fit.*\n";

function headOf({ stack, base, head, changes, notes }: DiffReport): string {
  const number = (action: RenderedChange["action"], word: string) => {
    const found = changes.filter((change) => change.action === action).length;
    return found === 0 ? [] : [`${found} ${word}`];
  };
  const counts = [
    ...number("replace", "replaced"),
    ...number("remove", "removed"),
    ...number("change", "changed"),
    ...number("add", "added"),
  ];
  const data = changes.filter(({ risk }) => risk === "data").length;
  const lines = [
    `<!-- quorum diff: ${stack} -->\n## Stack ${code(stack)}: ${counts.length === 0 ? "no object changes" : counts.join(", ")}`,
    `${code(base)} → ${code(head)}`,
    ...(data > 0 ? [`**Data may be lost: ${count(data, "object")}.**`] : []),
    ...notes.map((note) => `> ${plain(note)}`),
  ];
  return lines.join("\n\n");
}

/** What the objects mean together, in a few lines. */
function topicsOf(report: DiffReport): string[] {
  const { summary, details, problems } = report.controlPlane;
  const controlPlane = [
    ...(summary === undefined ? [] : [`**Control plane**: ${plain(summary)}`]),
    ...problems.map((problem) => `- refused by \`up\`: ${plain(problem)}`),
    ...(details === undefined ? [] : ["", fold("the control plane, step by step", details)]),
  ].join("\n");
  return [
    ...(controlPlane === "" ? [] : [controlPlane]),
    ...facts("Images", report.images),
    ...facts("Routes and their weights", report.routes),
    ...facts("Policies", report.policies),
    ...facts("Alerts", report.alerts),
  ];
}

function facts(title: string, all: readonly Fact[]): string[] {
  if (all.length === 0) return [];
  const lines = all.map(({ what, from, to, text }) => {
    const moved =
      from === undefined && to === undefined
        ? []
        : [`${from === undefined ? "(none)" : code(from)} → ${to === undefined ? "(none)" : code(to)}`];
    return `- ${code(what)}: ${[...moved, ...(text === undefined ? [] : [plain(text)])].join(", ")}`;
  });
  const rest = lines.slice(factsShown);
  const more = rest.length === 0 ? [] : ["", fold(`${rest.length} more`, rest.slice(0, 200).join("\n"))];
  return [[`**${title}**`, ...lines.slice(0, factsShown), ...more].join("\n")];
}

function sectionOf(risk: Risk, changes: readonly RenderedChange[]): Section {
  return { risk, entries: entriesOf(changes), size: changes.length };
}

/** One entry for each object, or for all those that change in the very same way. */
function entriesOf(changes: readonly RenderedChange[]): string[] {
  const groups = new Map<string, [RenderedChange, ...RenderedChange[]]>();
  for (const change of changes) {
    const alike = JSON.stringify([change.action, change.reasons, change.fields.map(showChange)]);
    const group = groups.get(alike);
    if (group === undefined) groups.set(alike, [change]);
    else group.push(change);
  }
  return [...groups.values()].flatMap((group) =>
    group.length >= groupFrom ? groupEntries(group) : group.map(entryOf),
  );
}

function entryOf(change: RenderedChange): string {
  const { action, reasons } = change;
  const sign = { add: "+", change: "~", remove: "-", replace: "±" }[action];
  const why = reasons.length === 0 ? "" : `: ${reasons.map(plain).join("; ")}`;
  return [`- ${sign} ${code(nameOf(change))}${why}`, ...fieldLines(change)].join("\n");
}

/** Objects that differ in nothing but their names. Those that come or go have no fields to show: their kinds suffice. */
function groupEntries(group: readonly [RenderedChange, ...RenderedChange[]]): string[] {
  const [first] = group;
  const kinds = new Map<string, string[]>();
  for (const change of group) {
    const { kind, namespace, name } = change.identity;
    kinds.set(kind, [...(kinds.get(kind) ?? []), namespace === undefined ? name : `${namespace}/${name}`]);
  }
  const sign = { add: "+", change: "~", remove: "-", replace: "±" }[first.action];
  const why = first.reasons.length === 0 ? "" : `: ${first.reasons.map(plain).join("; ")}`;
  const names = [...kinds].map(([kind, all]) => `${code(kind)} ${enumerate(all.map(code))}`);
  if (first.fields.length === 0) return names.map((name) => `- ${sign} ${name}${why}`);
  return [
    [`- ${sign} ${count(group.length, "object")} alike${why}`, ...fieldLines(first), `  - in ${names.join("; ")}`].join(
      "\n",
    ),
  ];
}

const namesShown = 30;

function enumerate(names: readonly string[]): string {
  const more = names.length - namesShown;
  return `${names.slice(0, namesShown).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function fieldLines({ fields }: RenderedChange): string[] {
  const lines = fields.slice(0, fieldsShown).map((field) => `  - ${code(showChange(field))}`);
  const more = fields.length - lines.length;
  return more > 0 ? [...lines, `  - and ${more} more fields`] : lines;
}

function sectionText({ risk, entries, size }: Section, kept: number): string {
  const left = entries.length - kept;
  const lines = [
    ...entries.slice(0, kept),
    ...(left > 0
      ? [
          `- *${left} of ${entries.length} entries are left out, as a comment has room for no more: \`npm run diff\` shows them*`,
        ]
      : []),
  ];
  const title = `${titles[risk]} (${size})`;
  return open.includes(risk) ? `### ${title}\n\n${lines.join("\n")}` : fold(title, lines.join("\n"), true);
}

function fold(title: string, body: string, strong = false): string {
  return `<details><summary>${strong ? `<b>${title}</b>` : title}</summary>\n\n${body.trim()}\n\n</details>`;
}

function nameOf({ identity: { kind, namespace, name } }: RenderedChange): string {
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

/** A text that nobody's Markdown, HTML or mention can leave. */
export function code(text: string): string {
  const flat = text.replace(/[\s\p{Cc}\p{Cf}]+/gu, " ").trim();
  const longest = Math.max(0, ...[...flat.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  const pad = flat === "" || flat.startsWith("`") || flat.endsWith("`") ? " " : "";
  return `${fence}${pad}${flat}${pad}${fence}`;
}

/** Words with values in them: shown as they are, with nothing that Markdown would act on. */
export function plain(text: string): string {
  const flat = text.replace(/[\s\p{Cc}\p{Cf}]+/gu, " ").trim();
  return flat
    .replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign] ?? sign)
    .replace(/[\\`*_[\]|~#!]/g, "\\$&")
    .replace(/@/g, "@\u200b")
    .replace(/:\/\//g, ":\u200b//");
}
