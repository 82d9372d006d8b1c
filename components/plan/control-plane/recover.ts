import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { recoveries } from "./host-findings.ts";
import { nodeScript } from "./host-steps.ts";
import { type Standing, standingOf } from "./member-change.ts";
import { becoming, etcdFunctions, type Operation, type OperationStep, unchanged } from "./operation.ts";
import { allMembers } from "./recover-all.ts";
import { notesOf, runningOf, shownSource, stopSteps } from "./recover-notes.ts";
import { RecoveryScripts } from "./recover-scripts.ts";
import { copyOf, membersOf, type Recovery } from "./recovery.ts";
import { lines, prelude } from "../shell.ts";

/**
 * Brings a cluster back that has lost its quorum: what is left of it is stopped, one file is restored on the first host with
 * revisions far past all that any watcher has seen, and that host begins again with one member. The others come as new machines,
 * by `up`. Old data are set aside and never deleted.
 */
export function recoverOperation(recovery: Recovery): Operation {
  return recovery.context.plan.etcdMode === "stacked" ? fromOneMember(recovery) : allMembers(recovery);
}

function fromOneMember(recovery: Recovery): Operation {
  const { context, findings, source } = recovery;
  const { plan } = context;
  const { first } = plan;
  const members = membersOf(findings, plan.members);
  const entered = (name: string) =>
    findings.some(({ host, unreachable }) => host === name && unreachable === undefined);
  const others = plan.hosts.filter(
    ({ name, role }) => role === "control-plane" && name !== first.name && entered(name),
  );
  const scripts = new RecoveryScripts(recovery);
  const restored = source === undefined;
  const before = restored ? standingOf(1, 1) : standingOf(members.length, runningOf(members));
  const stopped = restored ? before : standingOf(members.length, 0);
  const alone = standingOf(1, 1);
  const step = (host: PlannedHost, what: string, script: string, more: Partial<OperationStep> = {}): OperationStep => ({
    host: host.name,
    what,
    script,
    ...more,
  });
  return {
    title: `cluster ${plan.clusterName} is brought back from ${shownSource(recovery)}`,
    standing: before,
    notes: notesOf(recovery, members, others),
    steps: [
      step(first, "checks the machine and notes that a recovery begins", scripts.begin(), {
        standing: unchanged(before),
      }),
      ...stopSteps([first, ...others], before, stopped, (host) => scripts.stop(host)),
      ...dataSteps(recovery, scripts, stopped),
      step(first, "begins again with one member, then API server, scheduler and controller manager", scripts.start(), {
        standing: becoming(restored ? before : standingOf(1, 0), alone, standingOf(1, 0)),
      }),
      ...others.map((host) =>
        step(host, "sets its old data and credentials aside, to join as a new machine", scripts.setAside(host), {
          standing: unchanged(alone),
        }),
      ),
      ...(plan.members.length === 1
        ? []
        : [
            step(
              first,
              "takes the other control-plane hosts out of the cluster until they join again",
              scripts.forget(),
              {
                standing: unchanged(alone),
              },
            ),
          ]),
      step(first, "labels, taints and kubelet certificate", nodeScript(context, first), { standing: unchanged(alone) }),
      step(first, "notes that the recovery is over", scripts.end(), { standing: unchanged(alone) }),
    ],
  };
}

/** The file on its way to the first host, and its restoration there. */
function dataSteps({ context, source, id }: Recovery, scripts: RecoveryScripts, stopped: Standing): OperationStep[] {
  const { first } = context.plan;
  if (source === undefined) return [];
  const to = copyOf(id);
  const restore = (summed: boolean, file?: OperationStep["file"]): OperationStep => ({
    host: first.name,
    what: "restores the data with revisions raised by 1,000,000,000; the old ones are set aside",
    script: scripts.restore(summed),
    file,
    standing: becoming(stopped, standingOf(1, 0)),
  });
  if (source.kind === "survivor") {
    const copy: OperationStep = {
      host: source.host,
      what: "copies the data of its member",
      script: scripts.copy(source.host),
      standing: unchanged(stopped),
    };
    return [
      copy,
      restore(false, source.host === first.name ? undefined : { from: { host: source.host, path: to }, to }),
    ];
  }
  return [
    ...(source.kept === undefined
      ? []
      : [
          {
            host: first.name,
            what: "puts authorities, keys and encryption configuration back where they are missing",
            script: scripts.putBack(),
            file: { from: { file: source.kept }, to: scripts.keptFile },
            standing: unchanged(stopped),
          },
        ]),
    restore(source.summed, { from: { file: source.file }, to }),
  ];
}

/** After the other hosts have joined: nothing of the recovery is left to do. */
export function joinedOperation(plan: ControlPlanePlan): Operation {
  const script = lines(prelude, etcdFunctions, `rm -f ${recoveries}/joining`, "standing");
  return {
    title: "the recovery is over",
    steps: [{ host: plan.first.name, what: "notes that all hosts have joined", script }],
  };
}
