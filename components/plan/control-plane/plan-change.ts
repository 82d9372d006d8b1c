import type { ControlPlanePlan } from "./control-plane.ts";
import { type MemberStep, planMemberChange } from "./member-change.ts";
import { didYouMean, list, type Problem } from "../problems.ts";

/** What moves from one plan of a control plane to another. */
export interface PlanChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly from: Pick<ControlPlanePlan, "quorum" | "tolerance" | "kubernetesVersion" | "endpoint">;
  readonly to: Pick<ControlPlanePlan, "quorum" | "tolerance" | "kubernetesVersion" | "endpoint">;
  /** Changes of the etcd cluster, one member at a time. */
  readonly members: readonly MemberStep[];
  readonly problems: readonly Problem[];
}

/** @param dead hosts of the old plan that are lost */
export function planChange(from: ControlPlanePlan, to: ControlPlanePlan, dead: readonly string[]): PlanChange {
  const names = (plan: ControlPlanePlan) => plan.placements.map(({ host }) => host);
  const unknown = dead.filter((name) => !names(from).includes(name));
  const { steps, problems } = planMemberChange({
    from: membersOf(from),
    to: membersOf(to),
    dead: membersOf(from).filter((member) => dead.includes(member.split("#")[0] ?? "")),
  });
  return {
    added: names(to).filter((name) => !names(from).includes(name)),
    removed: names(from).filter((name) => !names(to).includes(name)),
    from: factsOf(from),
    to: factsOf(to),
    members: steps,
    problems: [...unknown.map((name) => unknownHost(name, names(from))), ...problems],
  };
}

/** Members by the host they are on; a second one on the same host has a number. */
function membersOf({ placements }: ControlPlanePlan): string[] {
  return placements.flatMap(({ host, etcd }) =>
    Array.from({ length: etcd }, (_, index) => (index === 0 ? host : `${host}#${index + 1}`)),
  );
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
