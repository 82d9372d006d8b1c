import type { Figures } from "./measure.ts";

/** A line of the table. Figures that a measurement does not have stay away. */
export interface Row {
  readonly measurement: string;
  readonly seconds?: number | undefined;
  /** Fastest and slowest of the rounds. */
  readonly range?: readonly [number, number] | undefined;
  /** Its time as a multiple of ours. */
  readonly ratio?: number | undefined;
  readonly inProcessSeconds?: number | undefined;
  readonly peakMiB?: number | undefined;
  readonly remark?: string | undefined;
  /** What is too long for the table: a line under it. */
  readonly note?: string | undefined;
}

export function toRow(measurement: string, figures: Figures): Row {
  const { seconds, inProcessSeconds, peakMiB, fastestSeconds, slowestSeconds } = figures;
  return { measurement, seconds, inProcessSeconds, peakMiB, range: [fastestSeconds, slowestSeconds] };
}

const columns: readonly { readonly title: string; readonly right: boolean; readonly cell: (row: Row) => string }[] = [
  { title: "measurement", right: false, cell: (row) => row.measurement },
  { title: "seconds", right: true, cell: (row) => time(row.seconds) },
  { title: "range", right: true, cell: (row) => (row.range ? `${time(row.range[0])}–${time(row.range[1])}` : "") },
  { title: "× ours", right: true, cell: (row) => row.ratio?.toFixed(2) ?? "" },
  { title: "in process", right: true, cell: (row) => time(row.inProcessSeconds) },
  { title: "peak MiB", right: true, cell: (row) => row.peakMiB?.toFixed(0) ?? "" },
  { title: "remark", right: false, cell: (row) => row.remark ?? "" },
];

/** Three digits that mean something, whether it took a millisecond or an hour. */
export function time(seconds: number | undefined): string {
  if (seconds === undefined) return "";
  return seconds >= 100
    ? seconds.toFixed(0)
    : seconds >= 10
      ? seconds.toFixed(1)
      : seconds >= 0.1
        ? seconds.toFixed(2)
        : seconds.toFixed(4);
}

/** The rows as a Markdown table that reads well in a terminal too, with the notes under it. */
export function formatReport(rows: readonly Row[]): string {
  const notes = rows
    .filter(({ note }) => note !== undefined)
    .map(({ measurement, note }) => `- ${measurement}: ${note}`);
  return [formatTable(rows), ...(notes.length === 0 ? [] : ["", ...notes])].join("\n");
}

function formatTable(rows: readonly Row[]): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ cell }) => cell(row)))];
  const widths = columns.map((_, index) => Math.max(3, ...cells.map((line) => [...(line[index] ?? "")].length)));
  const lines = cells.map((line) => {
    const padded = line.map((cell, index) => {
      const space = " ".repeat((widths[index] ?? 0) - [...cell].length);
      return columns[index]?.right ? space + cell : cell + space;
    });
    return `| ${padded.join(" | ")} |`;
  });
  const rule = widths.map((width, index) => (columns[index]?.right ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  lines.splice(1, 0, `| ${rule.join(" | ")} |`);
  return lines.join("\n");
}
