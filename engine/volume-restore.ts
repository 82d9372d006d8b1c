import type { VolumeBackupPlan } from "../components/plan/platform/volume-backup.ts";
import { boundedName } from "../components/plan/platform/volume-backup.ts";
import { untouchedExitCode } from "../components/plan/platform/volume-backup-script.ts";
import { managedLabels } from "../components/platform/managed-labels.ts";
import { type BackupRun, cronJobOf, nameOf } from "./commands/backup.ts";
import { say } from "./commands/common.ts";
import { Lease } from "./direct/lease.ts";
import type { KubeObject } from "./direct/objects.ts";
import { pause } from "./process.ts";
import { getMany, getOne } from "./direct/read-objects.ts";
import { conditionsOf, waitForJob } from "./job-end.ts";
import { requestOf, requestText, volumeJob } from "./volume-jobs.ts";

export interface RestoreRequest {
  readonly snapshot: string;
  readonly into: string | undefined;
  readonly overwrite: boolean;
  readonly yes: boolean;
}

/** Annotation of a workload that is stopped for a restore: how many pods it had. */
const replicasAnnotation = "quorum.dev/replicas-before-restore";

interface Stopped {
  readonly kind: "deployment" | "statefulset";
  readonly name: string;
  readonly object: KubeObject;
  readonly replicas: number;
  /** An earlier run stopped it and did not come to its end. */
  readonly interrupted: boolean;
}

/**
 * Restores the volumes of a service: stops its pods, fills the claims by a Job each, starts the pods again. Every step may be
 * run again: what an interrupted run has done is found in the cluster and in the volume, and the next one goes on from there.
 */
export async function restoreVolumes(run: BackupRun, request: RestoreRequest): Promise<number> {
  const { backups, kubectl, options } = run;
  const [first] = backups;
  if (first === undefined) return 0;
  if ((request.into !== undefined || request.snapshot !== "latest") && backups.length > 1) {
    throw new Error(
      `${first.service}/${first.volume} has ${backups.length} claims, but a snapshot and a claim belong to one; name it, such as ${nameOf(first)}`,
    );
  }
  const workload = request.into === undefined ? await findWorkload(run, first) : undefined;
  for (const line of await describe(run, request, workload)) say(line);
  if (!request.yes) {
    say("nothing is done yet; add --yes to do this");
    return 0;
  }
  const lease = await Lease.acquire(kubectl, options.stack);
  try {
    if (workload !== undefined) await stop(run, workload);
    const outcome = await restoreAll(run, request, workload);
    if (outcome === "half") return 1;
    if (workload !== undefined) await start(run, workload);
    // Only now: until the pods are started, a Job that is there tells a later run what is done.
    for (const each of backups) await removeJob(run, each);
    return outcome === "restored" ? 0 : 1;
  } finally {
    await lease.release();
  }
}

async function findWorkload(
  { kubectl, namespace }: BackupRun,
  { service, ordinal }: VolumeBackupPlan,
): Promise<Stopped> {
  const kind = ordinal === undefined ? "deployment" : "statefulset";
  const object = await getOne(kubectl, kind, namespace, service);
  if (object === undefined)
    throw new Error(`${kind} ${namespace}/${service} is not in the cluster; npm run up makes it`);
  const { replicas = 1, persistentVolumeClaimRetentionPolicy: policy } = object["spec"] as {
    replicas?: number;
    persistentVolumeClaimRetentionPolicy?: { whenScaled?: string };
  };
  if (policy?.whenScaled === "Delete")
    throw new Error(
      `${kind} ${namespace}/${service} deletes its claims when it is scaled down, so it cannot be stopped for a restore; set persistentVolumeClaimRetentionPolicy.whenScaled to Retain`,
    );
  const before = (object.metadata["annotations"] as Readonly<Record<string, string>> | undefined)?.[replicasAnnotation];
  const interrupted = replicas === 0 && before !== undefined;
  return { kind, name: service, object, replicas: interrupted ? Number(before) : replicas, interrupted };
}

async function describe(run: BackupRun, request: RestoreRequest, workload: Stopped | undefined): Promise<string[]> {
  const { backups, kubectl, namespace, options } = run;
  const [first] = backups;
  const lines = [
    `restore of ${backups.length === 1 && first !== undefined ? nameOf(first) : `${first?.service}/${first?.volume}`}, stack ${options.stack}, snapshot ${request.snapshot}:`,
  ];
  if (workload !== undefined)
    lines.push(
      workload.interrupted
        ? `  ${workload.kind} ${namespace}/${workload.name} is stopped by a restore that did not end: this one goes on`
        : `  stop ${workload.kind} ${namespace}/${workload.name}: ${workload.replicas} pods, nothing answers meanwhile`,
    );
  for (const each of backups) {
    const claim = request.into ?? each.claim;
    const present = await getOne(kubectl, "pvc", namespace, claim);
    lines.push(
      present === undefined
        ? `  make claim ${claim}, which is gone, and fill it`
        : request.overwrite
          ? `  back up what is in claim ${claim} as before-restore, then REPLACE all of it`
          : `  fill claim ${claim}; when it is not empty, nothing is done (--overwrite replaces what is there)`,
    );
  }
  if (workload !== undefined) lines.push(`  start ${workload.replicas} pods again and wait for them`);
  return lines;
}

async function stop({ kubectl, namespace }: BackupRun, { kind, name, replicas, interrupted }: Stopped): Promise<void> {
  if (interrupted) return;
  const patch = { metadata: { annotations: { [replicasAnnotation]: String(replicas) } }, spec: { replicas: 0 } };
  // One patch: there is no moment at which the pods are gone and nobody knows how many there were.
  await kubectl.call(["patch", kind, name, "-n", namespace, "--type", "merge", "-p", JSON.stringify(patch)]);
  say(`stopped ${kind} ${name}`);
}

async function start({ kubectl, namespace, options }: BackupRun, { kind, name, replicas }: Stopped): Promise<void> {
  const patch = { metadata: { annotations: { [replicasAnnotation]: null } }, spec: { replicas } };
  await kubectl.call(["patch", kind, name, "-n", namespace, "--type", "merge", "-p", JSON.stringify(patch)]);
  const ends = performance.now() + options.timeoutSeconds * 1000;
  for (;;) {
    const { readyReplicas = 0 } = ((await getOne(kubectl, kind, namespace, name))?.["status"] ?? {}) as {
      readyReplicas?: number;
    };
    if (readyReplicas >= replicas) break;
    if (performance.now() > ends)
      throw new Error(
        `the data are restored, but ${readyReplicas} of ${replicas} pods of ${kind} ${namespace}/${name} are ready after ${options.timeoutSeconds} s; kubectl describe pods -n ${namespace} -l app=${name} says why`,
      );
    await pause(500);
  }
  say(`started ${replicas} pods of ${kind} ${name}`);
}

/** `half` where a volume is not whole, so that its service must stay stopped; `refused` where one was left as it was. */
async function restoreAll(
  run: BackupRun,
  request: RestoreRequest,
  workload: Stopped | undefined,
): Promise<"restored" | "refused" | "half"> {
  const outcomes = [];
  for (const each of run.backups) outcomes.push(await restoreOne(run, request, each, workload));
  if (outcomes.includes("half")) return "half";
  return outcomes.includes("refused") ? "refused" : "restored";
}

async function restoreOne(
  run: BackupRun,
  request: RestoreRequest,
  each: VolumeBackupPlan,
  workload: Stopped | undefined,
) {
  const { kubectl, namespace, options } = run;
  const claim = request.into ?? each.claim;
  const asked = {
    mode: "restore" as const,
    name: jobName(each),
    snapshot: request.snapshot,
    overwrite: request.overwrite,
    into: claim,
  };
  const earlier = await getOne(kubectl, "job", namespace, asked.name);
  const running = earlier !== undefined && !conditionsOf(earlier).some((one) => one === "Complete" || one === "Failed");
  if (running && requestOf(earlier) !== requestText(asked))
    throw new Error(`another restore of ${nameOf(each)} is running (Job ${namespace}/${asked.name}); wait for its end`);
  const done = workload?.interrupted === true && earlier !== undefined && conditionsOf(earlier).includes("Complete");
  if (done && requestOf(earlier) === requestText(asked)) {
    say(`${nameOf(each)}: was restored by the run before`);
    return "restored";
  }
  const job = volumeJob(await cronJobOf(run, each), asked);
  if (!running) {
    if (earlier !== undefined) await removeJob(run, each);
    await waitUntilUnused(run, claim);
    await ensureClaim(run, each, claim, workload);
    await kubectl.call(["create", "-f", "-"], { input: JSON.stringify(job) });
  }
  const { succeeded, exitCode, lines } = await waitForJob(kubectl, job, options);
  say(`${nameOf(each)}: ${succeeded ? "restored and verified" : "not restored"}`);
  for (const line of lines) say(`  ${line}`);
  if (succeeded) return "restored";
  if (exitCode === untouchedExitCode) return "refused";
  say(
    `claim ${claim} may be half restored${workload === undefined ? "" : `, so ${workload.kind} ${workload.name} stays stopped`}; mend the reason above and run the same command again`,
  );
  return "half";
}

const jobName = ({ claim }: VolumeBackupPlan) => boundedName(`restore-${claim}`, 63);

async function removeJob({ kubectl, namespace }: BackupRun, each: VolumeBackupPlan): Promise<void> {
  await kubectl.call(["delete", "job", jobName(each), "-n", namespace, "--ignore-not-found", "--cascade=foreground"]);
}

/** A claim has one writer at a time: pods that still have it mounted are waited for. */
async function waitUntilUnused({ kubectl, namespace, options }: BackupRun, claim: string): Promise<void> {
  const ends = performance.now() + options.timeoutSeconds * 1000;
  for (;;) {
    const users = (await getMany(kubectl, "pods", namespace)).filter((pod) => usesClaim(pod, claim));
    if (users.length === 0) return;
    if (performance.now() > ends) {
      const names = users.map(({ metadata }) => metadata.name).join(", ");
      throw new Error(
        `claim ${claim} is still used by ${names} after ${options.timeoutSeconds} s; end those pods, then run the command again`,
      );
    }
    await pause(500);
  }
}

/** A pod that no node has yet has mounted nothing: a backup that waits for the service's pod, say. */
function usesClaim(pod: KubeObject, claim: string): boolean {
  const { nodeName } = pod["spec"] as { nodeName?: string };
  return nodeName !== undefined && namesClaim(pod, claim) && !isFinished(pod);
}

function namesClaim(pod: KubeObject, claim: string): boolean {
  const { volumes = [] } = pod["spec"] as { volumes?: { persistentVolumeClaim?: { claimName: string } }[] };
  return volumes.some((volume) => volume.persistentVolumeClaim?.claimName === claim);
}

function isFinished(pod: KubeObject): boolean {
  const { phase } = pod["status"] as { phase: string };
  return phase === "Succeeded" || phase === "Failed";
}

/** Makes a claim that is gone, as its StatefulSet or the stack would. One on its way out is waited for. */
async function ensureClaim(run: BackupRun, each: VolumeBackupPlan, claim: string, workload: Stopped | undefined) {
  const { kubectl, namespace, options } = run;
  const ends = performance.now() + options.timeoutSeconds * 1000;
  for (;;) {
    const present = await getOne(kubectl, "pvc", namespace, claim);
    if (present === undefined) break;
    if (present.metadata.deletionTimestamp === undefined) return;
    await removeFinishedPods(run, claim);
    if (performance.now() > ends)
      throw new Error(
        `claim ${claim} is being deleted, but is still there after ${options.timeoutSeconds} s; see who uses it`,
      );
    await pause(500);
  }
  if (workload === undefined)
    throw new Error(`there is no claim ${claim} in ${namespace}; make it, then run the command again`);
  await kubectl.call(["create", "-f", "-"], { input: JSON.stringify(claimObject(run, each, workload)) });
  say(`made claim ${claim}`);
}

/** Kubernetes keeps a deleted claim for as long as any pod names it, the finished ones of backups too. */
async function removeFinishedPods({ kubectl, namespace }: BackupRun, claim: string): Promise<void> {
  const names = (await getMany(kubectl, "pods", namespace))
    .filter((pod) => namesClaim(pod, claim) && isFinished(pod))
    .map(({ metadata }) => metadata.name);
  if (names.length > 0) await kubectl.call(["delete", "pod", ...names, "-n", namespace, "--ignore-not-found"]);
}

interface ClaimTemplate {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: object;
}

function claimObject({ config, namespace, options }: BackupRun, each: VolumeBackupPlan, workload: Stopped): object {
  const base = { apiVersion: "v1", kind: "PersistentVolumeClaim" };
  const { volumeClaimTemplates = [], selector } = workload.object["spec"] as {
    volumeClaimTemplates?: ClaimTemplate[];
    selector: { matchLabels: Readonly<Record<string, string>> };
  };
  const template = volumeClaimTemplates.find(({ metadata }) => metadata.name === each.volume);
  if (template !== undefined) {
    const labels = { ...template.metadata.labels, ...selector.matchLabels };
    return { ...base, metadata: { name: each.claim, namespace, labels }, spec: template.spec };
  }
  const { storageGiB, className } = config.services[each.service]?.volumes[each.volume] ?? { storageGiB: 1 };
  const ours = config.storage.provisioner === "local-path" ? "local-path" : undefined;
  const storageClassName = className ?? config.storage.className ?? ours;
  return {
    ...base,
    metadata: {
      name: each.claim,
      namespace,
      labels: { app: each.service, ...managedLabels(options.stack) },
    },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: `${storageGiB}Gi` } },
      ...(storageClassName === undefined ? {} : { storageClassName }),
    },
  };
}
