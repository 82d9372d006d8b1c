import type { BalancerPlan } from "./balancer.ts";
import { formatOperation } from "./format-operation.ts";
import type { ControlPlanePlan } from "./control-plane.ts";
import type { Loss } from "./losses.ts";
import type { MemberStep } from "./member-change.ts";
import type { PlanChange } from "./plan-change.ts";
import type { Requirement } from "./requirements.ts";
import { type PlanFormat, planTable } from "./tables.ts";
import { keepsakes, openPorts } from "./site.ts";

export type { PlanFormat } from "./tables.ts";

/** A plan for people: in a terminal, or in a pull request. */
export function formatPlan(plan: ControlPlanePlan, format: PlanFormat): string {
  const table = (head: readonly string[], rows: readonly (readonly string[])[]) => planTable(head, rows, format);
  const heading = (title: string) => (format === "markdown" ? `## ${title}` : title.toUpperCase());
  const { placements, quorum, tolerance } = plan;
  const voters = placements.reduce((sum, { etcd }) => sum + etcd, 0);
  const own = placements.some(({ events }) => events > 0);
  const sections = [
    [
      heading(`Control plane of ${plan.clusterName}`),
      `Kubernetes ${plan.kubernetesVersion}, API at ${plan.endpoint}. ${count(voters, "etcd member")}, quorum ${quorum}, tolerates the loss of ${tolerance}.`,
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
      heading("What runs where"),
      table(
        ["host", "etcd", ...(own ? ["events"] : []), "API server", "scheduler", "controller manager", "pods"],
        placements.map((one) => [
          one.host,
          String(one.etcd),
          ...(own ? [String(one.events)] : []),
          ...[one.apiServers, one.schedulers, one.controllerManagers].map(String),
          one.takesPods ? "yes" : "no",
        ]),
      ),
    ],
    ...(plan.balancer === undefined ? [] : [[heading("How the API is reached"), balancerText(plan.balancer)]]),
    [
      heading("What each loss costs"),
      table(
        ["lost", "reads", "writes", "scheduling", "data", ...(own ? ["events", "an API server that restarts"] : [])],
        gathered(plan.losses).map(([what, loss]) => [
          what,
          { all: "go on", cached: "only what API servers remember", none: "stop" }[loss.reads],
          loss.writes ? "go on" : "stop",
          loss.scheduling ? "goes on" : "stops",
          { safe: "safe", partial: "a copy is left; recover", gone: "gone, but for backups" }[loss.data],
          ...(own ? [loss.events ? "kept" : "lost", loss.apiRestarts ? "comes up" : "waits for etcd"] : []),
        ]),
      ),
    ],
    [
      heading("Steps"),
      table(
        ["", "host", "step", "what it does"],
        plan.steps.map((step, index) => [String(index + 1), step.host, step.action, step.summary]),
      ),
    ],
    [
      heading("What the machines need"),
      table(
        ["host", "cores", "memory MiB", "disk GiB", "reserved", "left for pods"],
        plan.requirements.map((need) => [
          need.host,
          ...(["cpus", "memoryMiB", "diskGiB"] as const).map((key) => `${need[key].least}, usually ${need[key].usual}`),
          sizeOf(need.reserved),
          sizeOf(need.allocatable),
        ]),
      ),
    ],
    [
      heading("What the firewall lets through"),
      table(
        ["port", "", "on", "from", "for"],
        openPorts(plan).map(({ port, protocol, on, from, what }) => [port, protocol, on, from, what]),
      ),
    ],
    [
      heading("How it is hardened"),
      table(
        ["what", "how"],
        plan.hardening.map(({ what, how }) => [what, how]),
      ),
    ],
    [
      heading("What expires"),
      table(
        ["certificate", "days", "made anew by"],
        plan.certificates.map(({ name, days, renewed }) => [name, String(days), renewed]),
      ),
    ],
    [
      heading("What the site must keep"),
      table(
        ["what", "where"],
        keepsakes(plan).map(({ what, where }) => [what, where]),
      ),
    ],
    ...(plan.warnings.length === 0 ? [] : [[heading("Warnings"), ...plan.warnings.map((warning) => `- ${warning}`)]]),
  ];
  const gap = format === "markdown" ? "\n\n" : "\n";
  return `${sections.map((section) => section.join(gap)).join("\n\n")}\n`;
}

/** A change from one plan to another, for people: what moves, and what is tolerated at every step. */
export function formatChange(change: PlanChange, format: PlanFormat): string {
  const table = (head: readonly string[], rows: readonly (readonly string[])[]) => planTable(head, rows, format);
  const title = format === "markdown" ? "## Change of the control plane" : "CHANGE OF THE CONTROL PLANE";
  const { from, to, added, removed, members, events } = change;
  const facts: [string, string, string][] = [
    ["Kubernetes", from.kubernetesVersion, to.kubernetesVersion],
    ["API", from.endpoint, to.endpoint],
    ["quorum", String(from.quorum), String(to.quorum)],
    ["tolerates the loss of", String(from.tolerance), String(to.tolerance)],
    ["hosts that come", "", added.join(", ")],
    ["hosts that go", removed.join(", "), ""],
  ];
  const moved = facts.filter(([, before, after]) => before !== after);
  const standing = ({ alive, voters, quorum, tolerance }: MemberStep["after"]) =>
    `${alive} of ${voters} vote, ${quorum} needed, ${tolerance} may fail`;
  const rowsOf = (steps: readonly MemberStep[]) =>
    steps.map((one, index) => [String(index + 1), one.action, one.member, standing(one.before), standing(one.after)]);
  const gap = format === "markdown" ? "\n\n" : "\n";
  const parts = [
    moved.length === 0 ? "Nothing of the layout changes." : table(["", "before", "after"], moved),
    ...(members.length === 0
      ? ["No etcd member changes."]
      : [table(["", "step", "member", "before", "after"], rowsOf(members))]),
    // Its members count among themselves alone.
    ...(events.length === 0 ? [] : [table(["", "step, events", "member", "before", "after"], rowsOf(events))]),
  ];
  const upgrade = change.upgrade === undefined ? [] : [formatOperation(change.upgrade, format)];
  return `${[[title, ...parts].join(gap), ...upgrade].join("\n\n")}\n`;
}

function balancerText({ kind, address, port, hosts }: BalancerPlan): string {
  const names = hosts.map(({ name }) => name).join(", ");
  if (kind === "kube-vip")
    return `kube-vip has one of ${names} hold ${address}; its API server then answers for all. After a loss another holds it within about 5 s.`;
  const order = [...hosts].sort((a, b) => b.priority - a.priority).map(({ name }) => name);
  return `${address} is held by the first of ${order.join(", ")} that is well (keepalived); HAProxy at port ${port} there passes connections on to every API server that is ready. After a loss the next host holds it within about 4 s.`;
}

/** Most losses that one row names. */
const namedInRow = 4;

/** Losses of one kind that cost the same, in one row. */
function gathered(losses: readonly Loss[]): [string, Loss][] {
  const rows = new Map<string, [Loss, ...Loss[]]>();
  for (const loss of losses) {
    const { kind, reads, writes, scheduling, data, events, apiRestarts } = loss;
    const key = JSON.stringify([kind, reads, writes, scheduling, data, events, apiRestarts]);
    const row = rows.get(key);
    if (row === undefined) rows.set(key, [loss]);
    else row.push(loss);
  }
  return [...rows.values()].map((row): [string, Loss] => {
    const named = row.slice(0, namedInRow).map(({ what }) => what);
    const more = row.length - named.length;
    return [`${named.join("; ")}${more > 0 ? `; ${more} more` : ""}`, row[0]];
  });
}

function sizeOf(size: Requirement["reserved"]): string {
  return size === undefined ? "-" : `${size.cpuMillis}m, ${size.memoryMiB} MiB`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
