import type { PlannedHost } from "./control-plane.ts";
import type { HostFindings } from "./host-findings.ts";
import type { Standing } from "./member-change.ts";
import { becoming, type OperationStep } from "./operation.ts";
import type { Recovery } from "./recovery.ts";
import { list } from "../problems.ts";

/** Members that run, with a quorum or without. */
export function runningOf(members: readonly HostFindings[]): number {
  return members.filter(({ etcd }) => etcd === "answers" || etcd === "alone").length;
}

export function shownSource({ source, findings, context }: Recovery): string {
  if (source === undefined) {
    const begun = findings.find(({ host }) => host === context.plan.first.name)?.recovery;
    return `${begun?.source ?? "its data"}, which are restored already`;
  }
  if (source.kind === "snapshot") return source.shown;
  return `the data of ${source.host}${source.revision === undefined ? "" : `, revision ${source.revision}`}`;
}

/** What whoever runs a recovery must know before it begins. */
export function notesOf(
  { source, context }: Recovery,
  members: readonly HostFindings[],
  others: readonly PlannedHost[],
): string[] {
  const { plan } = context;
  const state = members.map(({ host, unreachable, etcd, data, revision }) => {
    if (unreachable !== undefined) return `${host}: taken as gone for good (${unreachable.split(";")[0] ?? ""})`;
    const has = {
      sound: `data whole${revision === undefined ? "" : `, revision ${revision}`}`,
      broken: "data broken",
      none: "no data",
    }[data];
    const runs = {
      answers: "etcd has a quorum",
      alone: "etcd runs without a quorum",
      anew: "etcd has lost its data and begun an empty cluster",
      off: "etcd does not run",
    }[etcd];
    return `${host}: ${runs}, ${has}`;
  });
  const lost =
    source === undefined
      ? []
      : [
          source.kind === "survivor"
            ? plan.members.length === 1
              ? `Lost: writes of its last moment that lie in no file which can be read.`
              : `Lost: writes that members acknowledged in their last moments and ${source.host} had not heard of.`
            : `Lost: every write after ${source.shown}.`,
        ];
  const gone = members.filter(({ unreachable }) => unreachable !== undefined).map(({ host }) => host);
  const back =
    gone.length === 0
      ? []
      : [
          `The old machines of ${list(gone)} must never start again with their disks: they would be a second cluster of this name.`,
        ];
  const bare =
    source?.kind === "snapshot" && source.kept === undefined && members.every(({ authorities }) => !authorities)
      ? [
          "The snapshot comes without authorities and no host has them: new ones are made, so workers, kubeconfigs and service accounts' tokens of before are refused; an archive of EtcdBackup holds them.",
        ]
      : [];
  const names = plan.etcdMode === "stacked" ? plan.members.filter((name) => name !== plan.first.name) : [];
  const after =
    names.length === 0
      ? []
      : [
          `${list(names)} ${names.length === 1 ? "joins" : "join"} again by up, one at a time, as ${others.length === names.length ? "new machines" : "new machines where they are there"}.`,
        ];
  return [...state, ...lost, ...bare, ...back, "While it goes on no API server answers; pods run on.", ...after];
}

/** One stop of each host: after the first nobody has a quorum any more. */
export function stopSteps(
  hosts: readonly PlannedHost[],
  before: Standing,
  stopped: Standing,
  script: (host: PlannedHost) => string,
): OperationStep[] {
  return hosts.map((host, index) => ({
    host: host.name,
    what: "stops etcd and all that reads it, so that nobody writes any more",
    script: script(host),
    standing: becoming(index === 0 ? before : stopped, stopped),
  }));
}
