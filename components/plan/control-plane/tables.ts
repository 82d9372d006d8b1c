export type PlanFormat = "text" | "markdown";

type Row = readonly string[];

/** A table as a terminal or Markdown shows it. */
export function planTable(head: Row, rows: readonly Row[], format: PlanFormat): string {
  return format === "markdown" ? markdownTable(head, rows) : textTable(head, rows);
}

function textTable(head: Row, rows: readonly Row[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows]
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd())
    .join("\n");
}

function markdownTable(head: Row, rows: readonly Row[]): string {
  const line = (cells: Row) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
