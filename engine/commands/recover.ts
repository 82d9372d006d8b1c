import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type HostFindings, unreachableHost, wrongClocks } from "../../components/plan/control-plane/host-findings.ts";
import { mendOperation, mendProblems } from "../../components/plan/control-plane/mend-member.ts";
import { list, type Problem, refuse } from "../../components/plan/problems.ts";
import { joinedOperation, recoverOperation } from "../../components/plan/control-plane/recover.ts";
import { recoverProblems, sourceProblems } from "../../components/plan/control-plane/recover-problems.ts";
import { membersOf, type RecoverySource, survivorOf } from "../../components/plan/control-plane/recovery.ts";
import { ExitError } from "../errors.ts";
import { workspace } from "../load-stack.ts";
import { askHosts, forgetHostKey, runOperation } from "../run-operation.ts";
import { readSnapshotFile } from "../snapshot-file.ts";
import { runProcess } from "../process.ts";
import { say } from "./common.ts";
import { carryOut, type OperationContext } from "./operation-context.ts";
import { bringUp } from "./up.ts";

/** `control-plane recover`: a lost quorum, or with `--member` one member whose host lives. */
export async function recover(context: OperationContext): Promise<void> {
  const { member, from, key, dead } = context.options;
  if (member !== undefined && (from !== undefined || key !== undefined))
    throw new ExitError("--from and --key mean nothing with --member: a member takes its data from the others", 2);
  if (key !== undefined && (from === undefined || from === "survivor"))
    throw new ExitError("--key opens an archive, but --from names none; give both or neither", 2);
  const { plan, settings } = context;
  const machines = [...plan.hosts.filter(({ role }) => role === "control-plane"), ...plan.etcdHosts];
  const names = machines.map(({ name }) => name);
  refuse("the recovery", unknownHosts(dead, names));
  if (!context.options.show)
    for (const host of machines) if (dead.includes(host.name)) forgetHostKey(workspace, host.address);
  const asked = await askHosts(names, settings);
  const findings = asked.map((found) => (dead.includes(found.host) ? asDead(found, plan.first.name) : found));
  refuse("the recovery", clockProblems(findings));
  if (member === undefined) await recoverQuorum(context, findings);
  else await mendMember(context, member, findings);
}

/** A host that is named as lost has nothing of the cluster any more, whatever machine is at its address. */
function asDead(found: HostFindings, first: string): HostFindings {
  if (found.unreachable !== undefined) return found;
  const gone = unreachableHost(found.host, "its machine is a new one: named in --dead");
  return found.host === first
    ? { ...found, etcd: "off", data: found.recovery === undefined ? "none" : found.data }
    : gone;
}

function unknownHosts(dead: readonly string[], names: readonly string[]): Problem[] {
  return dead
    .filter((name) => !names.includes(name))
    .map((name) => ({
      key: "--dead",
      text: `names "${name}", but it must be a control-plane host; name ${list(names, "or")}`,
    }));
}

function clockProblems(findings: readonly HostFindings[]): Problem[] {
  return wrongClocks(findings, Date.now() / 1000).map(({ host, seconds }) => ({
    key: `quorum:controlPlane.hosts.${host}`,
    text: `has a clock that is ${Math.abs(seconds)} s ${seconds > 0 ? "fast" : "slow"} against this machine's, so that certificates and elections fail by it alone; set it (chronyc makestep, or timedatectl) and see whether etcd comes back by itself`,
  }));
}

async function mendMember(context: OperationContext, name: string, findings: readonly HostFindings[]): Promise<void> {
  const { plan } = context;
  refuse("the recovery", mendProblems(plan, name, findings));
  const host = plan.hosts.find((each) => each.name === name);
  const helper = plan.hosts.find(
    (each) => each !== host && findings.some((found) => found.host === each.name && found.etcd === "answers"),
  );
  if (host === undefined || helper === undefined) return;
  if (await carryOut(mendOperation(plan, host, helper, stamp()), context)) say(`the member of ${name} votes again`);
}

async function recoverQuorum(context: OperationContext, findings: readonly HostFindings[]): Promise<void> {
  const { plan, options, steps } = context;
  const lead = findings.find(({ host }) => host === plan.first.name);
  if (lead?.etcd === "answers" && lead.joining && lead.recovery === undefined) {
    if (options.show) say("the data are restored already; what is left is that the other hosts join by up");
    else await letOthersIn(context);
    return;
  }
  const from = options.from === undefined || options.from === "survivor" ? options.from : "snapshot";
  refuse("the recovery", recoverProblems(steps, findings, from));
  const folder = mkdtempSync(join(tmpdir(), "quorum-recover-"));
  try {
    const begun = lead?.recovery;
    // Several hosts restore one after the other, so one that has done so does not tell that all have.
    const source =
      begun?.restored === true && plan.etcdMode === "stacked" ? undefined : await sourceOf(context, findings, folder);
    refuse("the recovery", source === undefined ? [] : sourceProblems(steps, findings, source));
    const recovery = { context: steps, findings, id: begun?.id ?? stamp(), source };
    if (!(await carryOut(recoverOperation(recovery), context))) return;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await letOthersIn(context);
}

/** The other control-plane hosts join by `up`, once all machines are there. */
async function letOthersIn(context: OperationContext): Promise<void> {
  const { plan, settings, options } = context;
  const found = await askHosts(
    plan.hosts.map(({ name }) => name),
    settings,
  );
  const missing = found.filter(({ unreachable }) => unreachable !== undefined);
  for (const { host, unreachable } of missing) say(`${host}: ${unreachable}`);
  if (missing.length > 0) {
    say(
      `the cluster works again with 1 of 1 member, and none may fail; start machines for ${list(missing.map(({ host }) => host))} and run \`npm run up\`, by which they join, or take them out of quorum:controlPlane.hosts`,
    );
    return;
  }
  say("the cluster works again; up brings the stack to what its file says, and lets the other hosts in");
  await bringUp(options, say);
  await runOperation(joinedOperation(plan), settings);
}

async function sourceOf(
  context: OperationContext,
  findings: readonly HostFindings[],
  folder: string,
): Promise<RecoverySource> {
  const { plan, settings, options } = context;
  const { from } = options;
  if (from === undefined || from === "survivor") {
    const members = membersOf(findings, plan.members);
    const survivor = survivorOf(
      members,
      members.find(({ host }) => host === plan.first.name),
    );
    if (survivor === undefined) throw new Error("no host has etcd's data; give a snapshot: --from FILE");
    return { kind: "survivor", host: survivor.host, revision: survivor.revision };
  }
  const archive = /\.tar(\.age)?$/.test(from);
  const opened = archive ? await openKept(from, options.key, folder) : undefined;
  const file = opened?.snapshot ?? from;
  const { summed, clusters } = await readSnapshotFile(file);
  const known = [...clusters, ...(opened === undefined ? [] : [opened.cluster])];
  const { clusterName } = settings.controlPlane;
  const last = known.at(-1);
  if (last !== undefined && !known.includes(clusterName))
    throw new ExitError(
      `--from is "${from}", but that is a snapshot of cluster ${list([...new Set(known)], "or")}, and quorum:controlPlane.clusterName is ${clusterName}; take one of this cluster`,
      2,
    );
  return {
    kind: "snapshot",
    file,
    shown: opened?.shown ?? basename(from),
    summed,
    kept: opened?.kept,
    kubernetesVersion: opened?.kubernetesVersion,
  };
}

interface OpenedArchive {
  readonly cluster: string;
  readonly snapshot: string;
  readonly kept: string;
  readonly shown: string;
  readonly kubernetesVersion: string;
}

/** An archive of EtcdBackup, opened on this machine alone. */
async function openKept(file: string, key: string | undefined, folder: string): Promise<OpenedArchive> {
  const { openArchive } = await import("../etcd-archive.ts");
  const { cluster, time, snapshot, kubernetesVersion } = await openArchive(file, key, folder);
  const kept = join(folder, "kept.tar");
  const { code, stderr } = await runProcess("tar", ["-C", join(folder, "kubernetes"), "-cf", kept, "."]);
  if (code !== 0) throw new Error(`what was kept with the snapshot could not be packed: ${stderr.trim()}`);
  return {
    cluster,
    snapshot: join(folder, "snapshot.db"),
    kept,
    shown: `the snapshot of ${time}, revision ${snapshot.revision}, with its authorities`,
    kubernetesVersion: kubernetesVersion.replace(/^v/, ""),
  };
}

/** `2026-11-23T06-37-03Z`: names what is set aside. */
function stamp(): string {
  return new Date()
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replaceAll(":", "-");
}
