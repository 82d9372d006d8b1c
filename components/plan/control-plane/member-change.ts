import { quorumOf } from "./hosts.ts";
import { list, type Problem } from "../problems.ts";

/** One change of an etcd cluster's membership, and what it tolerates. */
export interface MemberStep {
  /** A learner takes part in no vote: it catches up before it counts. */
  readonly action: "remove dead member" | "add learner" | "promote learner" | "remove member";
  readonly member: string;
  readonly before: Standing;
  readonly after: Standing;
}

/** How an etcd cluster stands. */
export interface Standing {
  /** Members with a vote, alive or not. */
  readonly voters: number;
  readonly alive: number;
  /** Voters that must agree. */
  readonly quorum: number;
  /** Voters that may still fail. Negative: the quorum is lost. */
  readonly tolerance: number;
}

/** From which members to which, and which of the old ones are dead. */
export interface MemberChange {
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly dead: readonly string[];
}

export function standingOf(voters: number, alive: number): Standing {
  const quorum = quorumOf(voters);
  return { voters, alive, quorum, tolerance: alive - quorum };
}

/**
 * The steps of a change, one member at a time: dead members go first, so that they no longer count; a new one comes as a
 * learner before an old one goes, so that the tolerance does not fall below what the change begins and ends with.
 *
 * @returns the steps, or why no order of steps keeps a quorum
 */
export function planMemberChange({ from, to, dead }: MemberChange): { steps: MemberStep[]; problems: Problem[] } {
  const gone = from.filter((member) => dead.includes(member));
  const alive = from.filter((member) => !dead.includes(member));
  const start = standingOf(from.length, alive.length);
  if (start.tolerance < 0) return { steps: [], problems: [quorumLost(gone, start)] };
  const staying = gone.filter((member) => to.includes(member));
  const additions = [...staying, ...to.filter((member) => !from.includes(member))];
  const removals = alive.filter((member) => !to.includes(member));
  const steps: MemberStep[] = [];
  let now = start;
  const step = (action: MemberStep["action"], member: string, after: Standing) => {
    steps.push({ action, member, before: now, after });
    now = after;
  };
  for (const member of gone) step("remove dead member", member, standingOf(now.voters - 1, now.alive));
  while (additions.length > 0 || removals.length > 0) {
    // An even number tolerates no more than one less: the time with one is kept short.
    const grow = now.voters % 2 === 1 || removals.length === 0;
    const member = additions.length > 0 && (grow || now.voters === 0) ? additions.shift() : undefined;
    if (member !== undefined) {
      step("add learner", member, now);
      step("promote learner", member, standingOf(now.voters + 1, now.alive + 1));
      continue;
    }
    const leaving = removals.shift();
    if (leaving !== undefined) step("remove member", leaving, standingOf(now.voters - 1, now.alive - 1));
  }
  const unsafe = steps.find(({ after }) => after.tolerance < 0 || after.voters === 0);
  return { steps, problems: unsafe === undefined ? [] : [unsafeStep(unsafe)] };
}

function quorumLost(gone: readonly string[], { voters, alive, quorum }: Standing): Problem {
  return {
    key: "quorum:controlPlane.hosts",
    text: `has lost ${list(gone)}: ${alive} of ${voters} members live, but ${quorum} must agree before any can be changed; bring one back, or run \`npm run control-plane -- recover\``,
  };
}

function unsafeStep({ action, member, after }: MemberStep): Problem {
  return {
    key: "quorum:controlPlane.hosts",
    text: `cannot change by "${action} ${member}": ${after.alive} of ${after.voters} members would be left, but ${after.quorum} must agree; keep at least one member, or bring a dead one back first`,
  };
}
