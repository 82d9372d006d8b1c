import type { ControlPlanePlan } from "./control-plane.ts";

export type PlanFormat = "text" | "markdown";

type Row = readonly string[];

/** A plan for people: in a terminal, or in a pull request. */
export function formatPlan(plan: ControlPlanePlan, format: PlanFormat): string {
  const table = format === "markdown" ? markdownTable : textTable;
  const heading = (title: string) => (format === "markdown" ? `## ${title}` : title.toUpperCase());
  const { members, quorum, tolerance } = plan;
  const sections = [
    [
      heading(`Control plane of ${plan.clusterName}`),
      `Kubernetes ${plan.kubernetesVersion}, API at ${plan.endpoint}. ${count(members.length, "etcd member")}, quorum ${quorum}, tolerates the loss of ${tolerance}.`,
    ],
    [
      heading("Hosts"),
      table(
        ["host", "address", "role", "zone", "pods", "pod addresses"],
        plan.hosts.map((host) => [
          host.name,
          host.address,
          host.role,
          host.zone ?? "-",
          host.schedulable ? "yes" : "no",
          host.podSubnet ?? "by another plugin",
        ]),
      ),
    ],
    [
      heading("What each loss costs"),
      table(
        ["lost host", "cost"],
        plan.losses.map(({ host, cost }) => [host, cost]),
      ),
    ],
    [
      heading("Steps"),
      table(
        ["", "host", "step", "what it does"],
        plan.steps.map((step, index) => [String(index + 1), step.host, step.action, step.summary]),
      ),
    ],
    ...(plan.warnings.length === 0 ? [] : [[heading("Warnings"), ...plan.warnings.map((warning) => `- ${warning}`)]]),
  ];
  const gap = format === "markdown" ? "\n\n" : "\n";
  return `${sections.map((section) => section.join(gap)).join("\n\n")}\n`;
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

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
