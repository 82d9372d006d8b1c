import { refusals, type PolicyReport, type Violation } from "./check.ts";

const plural = (number: number, thing: string) => `${number} ${thing}${number === 1 ? "" : "s"}`;

/** One line that says how a stack stands. */
export function policySummary(report: PolicyReport): string {
  const { rules, objects, violations, exceptions } = report;
  const mandatory = refusals(report).length;
  const used = exceptions.filter(({ passed }) => passed.length > 0);
  const passed = used.reduce((sum, exception) => sum + exception.passed.length, 0);
  const counts = [
    plural(mandatory, "violation"),
    ...(violations.length > mandatory ? [`${violations.length - mandatory} advisory`] : []),
    `${plural(used.length, "exception")} with a reason (${plural(passed, "finding")})`,
  ];
  return `policy: ${plural(rules.length, "rule")}, ${plural(objects, "object")}: ${counts.join(", ")}`;
}

/** A finding in one line: `probes: Deployment apps/web: spec.… is missing, but …; add one`. */
export function violationLine({ rule, object, field, text }: Violation): string {
  return `${rule}: ${object}: ${field === "" ? "" : `${field} `}${text}`;
}

/** For people at a terminal. */
export function policyText(report: PolicyReport): string {
  const lines = report.violations.map((one) => `  ${one.level.padEnd(9)}  ${violationLine(one)}`);
  const exceptions = report.exceptions.map(
    (one) => `  exception  ${one.rule}: ${aboutException(one)}: ${stateOf(one)}: ${one.reason}`,
  );
  return [policySummary(report), ...lines, ...exceptions].join("\n");
}

/** For a pull request. */
export function policyMarkdown(report: PolicyReport): string {
  const { violations, exceptions, stack } = report;
  const row = (...cells: string[]) => `| ${cells.map(cell).join(" | ")} |`;
  const found = violations.map(({ rule, level, object, field, text }) =>
    row(level, rule, object, `${field === "" ? "" : `\`${field}\` `}${text}`),
  );
  const passed = exceptions.map((one) => row(one.rule, aboutException(one), stateOf(one), one.reason));
  return [
    `### Policy of stack ${stack}`,
    "",
    policySummary(report),
    ...(found.length === 0 ? [] : ["", "| level | rule | object | finding |", "| --- | --- | --- | --- |", ...found]),
    ...(passed.length === 0
      ? []
      : ["", "| exception from | object | findings | reason |", "| --- | --- | --- | --- |", ...passed]),
  ].join("\n");
}

type Exception = PolicyReport["exceptions"][number];

function aboutException({ object, field }: Exception): string {
  return field === undefined ? object : `${object} ${field}`;
}

function stateOf({ ended, until, passed }: Exception): string {
  if (ended) return `ended on ${until ?? ""}; mend it, or set a later day with a reason`;
  return passed.length === 0 ? "0 findings, so take it away" : plural(passed.length, "finding");
}

/** A value may end a cell or a line. */
function cell(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll("\n", " ");
}
