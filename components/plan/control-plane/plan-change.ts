import type { ControlPlanePlan } from "./control-plane.ts";
import type { EtcdCluster } from "./etcd-members.ts";
import { type MemberStep, planMemberChange } from "./member-change.ts";
import type { OperationOutline } from "./operation.ts";
import { versionProblems } from "./upgrade-checks.ts";
import { upgradeOutline } from "./upgrade.ts";
import { didYouMean, list, type Problem } from "../problems.ts";

/** What moves from one plan of a control plane to another. */
export interface PlanChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly from: Pick<ControlPlanePlan, "quorum" | "tolerance" | "kubernetesVersion" | "endpoint">;
  readonly to: Pick<ControlPlanePlan, "quorum" | "tolerance" | "kubernetesVersion" | "endpoint">;
  /** Changes of the etcd cluster, one member at a time. */
  readonly members: readonly MemberStep[];
  /** The same of the cluster for events, which counts by itself. */
  readonly events: readonly MemberStep[];
  /** What the upgrade comes to; undefined where the version stays. */
  readonly upgrade?: OperationOutline | undefined;
  readonly problems: readonly Problem[];
}

/** @param dead hosts of the old plan that are lost */
export function planChange(from: ControlPlanePlan, to: ControlPlanePlan, dead: readonly string[]): PlanChange {
  const names = (plan: ControlPlanePlan) => plan.placements.map(({ host }) => host);
  const unknown = dead.filter((name) => !names(from).includes(name));
  const main = clusterChange(from, to, dead, "main");
  const events = clusterChange(from, to, dead, "events");
  return {
    added: names(to).filter((name) => !names(from).includes(name)),
    removed: names(from).filter((name) => !names(to).includes(name)),
    from: factsOf(from),
    to: factsOf(to),
    members: main.steps,
    events: events.steps,
    ...(from.kubernetesVersion === to.kubernetesVersion ? {} : { upgrade: upgradeShown(from, to) }),
    problems: [
      ...unknown.map((name) => unknownHost(name, names(from))),
      ...main.problems,
      ...events.problems,
      ...versionProblems("quorum:controlPlane.kubernetesVersion", from.kubernetesVersion, to.kubernetesVersion),
    ],
  };
}

function upgradeShown(from: ControlPlanePlan, to: ControlPlanePlan): OperationOutline {
  const { steps, notes = [], ...rest } = upgradeOutline(to, { from: from.kubernetesVersion, to: to.kubernetesVersion });
  return {
    ...rest,
    notes: [
      ...notes,
      `up changes no version: \`npm run control-plane -- upgrade ${to.kubernetesVersion}\` carries it out.`,
    ],
    steps: steps.map(({ host, what, standing }) => ({ host, what, standing })),
  };
}

/** A cluster that is to come, or to go, is begun or left whole: no member of it is added or taken away by itself. */
function clusterChange(from: ControlPlanePlan, to: ControlPlanePlan, dead: readonly string[], cluster: EtcdCluster) {
  const of = (plan: ControlPlanePlan) => plan.etcd.filter((member) => member.cluster === cluster);
  const names = (plan: ControlPlanePlan) => of(plan).map(({ name }) => name);
  if (of(from).length === 0 || of(to).length === 0) return { steps: [], problems: [] };
  const lost = of(from).filter(({ host }) => dead.includes(host));
  return planMemberChange({ from: names(from), to: names(to), dead: lost.map(({ name }) => name) });
}

function factsOf({ quorum, tolerance, kubernetesVersion, endpoint }: ControlPlanePlan): PlanChange["from"] {
  return { quorum, tolerance, kubernetesVersion, endpoint };
}

function unknownHost(name: string, known: readonly string[]): Problem {
  const near = didYouMean(name, known);
  return {
    key: "--dead",
    text: `names "${name}", but it must be a host of the plan that is left behind; ${near === undefined ? `name one of ${list(known, "or")}` : `did you mean ${near}?`}`,
  };
}
