import { formatChange } from "../../components/plan/control-plane/format-plan.ts";
import { planControlPlane } from "../../components/plan/control-plane/control-plane.ts";
import { planChange } from "../../components/plan/control-plane/plan-change.ts";
import type { Config } from "../../config/parse.ts";
import type { ControlPlaneReport } from "./markdown.ts";

/** What a change of the settings means for the control plane, and what is tolerated before, during and after it. */
export function controlPlaneReport(before: Config | undefined, after: Config): ControlPlaneReport {
  const [from, to] = [before?.controlPlane, after.controlPlane];
  if (to.mode === "existing") {
    if (from === undefined || from.mode === "existing") {
      const moved = from !== undefined && from.context !== to.context;
      return { summary: moved ? `another cluster: context ${from.context} → ${to.context}` : undefined, problems: [] };
    }
    return {
      summary: `is no longer this stack's: it uses the existing cluster of context ${to.context}`,
      problems: [],
    };
  }
  const planned = planControlPlane(to);
  if (from === undefined || from.mode === "existing") {
    const text = `is new: quorum ${planned.quorum}, tolerates the loss of ${planned.tolerance}`;
    return { summary: text, problems: [] };
  }
  const change = planChange(planControlPlane(from), planned, []);
  const details = formatChange(change, "markdown").trim();
  const same = /Nothing of the layout changes\.\s+No etcd member changes\.$/.test(details);
  if (same && change.problems.length === 0) return { summary: undefined, problems: [] };
  const least = Math.min(
    ...[...change.members, ...change.events].flatMap(({ before, after }) => [before.tolerance, after.tolerance]),
  );
  const parts = [
    moved("Kubernetes", change.from.kubernetesVersion, change.to.kubernetesVersion),
    moved("API at", change.from.endpoint, change.to.endpoint),
    moved("quorum", change.from.quorum, change.to.quorum),
    `tolerates the loss of ${change.from.tolerance}${change.from.tolerance === change.to.tolerance ? ", as before" : ` → ${change.to.tolerance}`}`,
    ...(Number.isFinite(least) ? [`at its weakest step of ${least}`] : []),
    ...(change.added.length > 0 ? [`hosts that come: ${change.added.join(", ")}`] : []),
    ...(change.removed.length > 0 ? [`hosts that go: ${change.removed.join(", ")}`] : []),
  ];
  return {
    summary: parts.filter((part) => part !== undefined).join("; "),
    details,
    problems: change.problems.map(({ key, text }) => `${key} ${text}`),
  };
}

function moved(what: string, from: string | number, to: string | number): string | undefined {
  return from === to ? undefined : `${what} ${from} → ${to}`;
}
