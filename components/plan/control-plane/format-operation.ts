import { type PlanFormat, planTable } from "./tables.ts";
import type { Standing } from "./member-change.ts";
import type { OperationOutline } from "./operation.ts";

/** An operation for people, before anything is done: each step on its host, and what etcd tolerates before, during and after it. */
export function formatOperation({ title, steps, notes = [], standing }: OperationOutline, format: PlanFormat): string {
  let now = standing;
  const rows = steps.map(({ host, what, standing: own }, index) => {
    const shown = own ?? (now === undefined ? undefined : { before: now, during: now, after: now });
    now = shown?.after;
    const cells = shown === undefined ? [] : [shown.before, shown.during, shown.after].map(shortStanding);
    return [String(index + 1), host, what, ...cells];
  });
  const withStanding = rows.some((row) => row.length > 3);
  const head = ["", "host", "step", ...(withStanding ? ["before", "during", "after"] : [])];
  const wide = rows.map((row) => [...row, ...Array.from({ length: head.length - row.length }, () => "-")]);
  const heading = format === "markdown" ? `## ${title}` : `${title}:`;
  const gap = format === "markdown" ? "\n\n" : "\n";
  const legend = withStanding
    ? ["Members of etcd that vote and live of all that vote, then how many more may fail while writes go on."]
    : [];
  return [heading, planTable(head, wide, format), ...legend, ...notes.map((note) => `- ${note}`)].join(gap);
}

/** `3 of 3, 1 may fail`. */
function shortStanding({ alive, voters, tolerance }: Standing): string {
  return `${alive} of ${voters}, ${tolerance < 0 ? "no quorum" : `${tolerance} may fail`}`;
}
