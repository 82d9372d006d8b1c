import type { PlannedHost } from "./control-plane.ts";
import { standingOf } from "./member-change.ts";
import { becoming, type Operation, type OperationStep, type StepStanding, unchanged } from "./operation.ts";
import { mainOf, RecoverAllScripts } from "./recover-all-scripts.ts";
import { notesOf, runningOf, shownSource, stopSteps } from "./recover-notes.ts";
import { copyOf, membersOf, type Recovery } from "./recovery.ts";

/** Members that kubeadm does not make: every one is restored from the same file, as one new cluster of all of them. */
export function allMembers(recovery: Recovery): Operation {
  const { context, findings, source, id } = recovery;
  const { plan } = context;
  const scripts = new RecoverAllScripts(recovery);
  const hosts = [...plan.etcdHosts, ...plan.hosts.filter(({ role }) => role === "control-plane")];
  const holders = hosts.filter(({ name }) => plan.members.includes(name));
  const voters = mainOf(plan).length;
  const before = standingOf(voters, runningOf(membersOf(findings, plan.members)));
  const stopped = standingOf(voters, 0);
  const whole = standingOf(voters, voters);
  const to = copyOf(id);
  const fileOf = (host: PlannedHost): OperationStep["file"] => {
    if (source === undefined || (source.kind === "survivor" && source.host === host.name)) return undefined;
    return source.kind === "survivor"
      ? { from: { host: source.host, path: to }, to }
      : { from: { file: source.file }, to };
  };
  const step = (host: PlannedHost, what: string, script: string, standing: StepStanding): OperationStep => ({
    host: host.name,
    what,
    script,
    standing,
  });
  const started = (count: number) => {
    const names = hosts.slice(0, count).map(({ name }) => name);
    return standingOf(voters, mainOf(plan).filter(({ host }) => names.includes(host)).length);
  };
  return {
    title: `cluster ${plan.clusterName} is brought back from ${shownSource(recovery)}`,
    standing: before,
    notes: notesOf(recovery, membersOf(findings, plan.members), []),
    steps: [
      step(plan.first, "notes that a recovery begins", scripts.note(), unchanged(before)),
      ...stopSteps(hosts, before, stopped, (host) => scripts.stopAll(host)),
      ...(source?.kind === "survivor"
        ? [
            step(
              { ...plan.first, name: source.host },
              "copies the data of its member",
              scripts.copy(source.host),
              unchanged(stopped),
            ),
          ]
        : []),
      ...(source === undefined
        ? []
        : holders.map((host) => ({
            ...step(
              host,
              "restores the data of its members with revisions raised by 1,000,000,000; the old ones are set aside",
              scripts.restoreAll(host, source.kind === "snapshot" && source.summed),
              unchanged(stopped),
            ),
            file: fileOf(host),
          }))),
      ...hosts.map((host, index) =>
        step(host, "starts what was stopped", scripts.startAll(host), becoming(started(index), started(index + 1))),
      ),
      step(plan.first, "waits until every member and API server answers", scripts.whole(), unchanged(whole)),
    ],
  };
}
