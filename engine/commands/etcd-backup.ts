import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { makeIdentity } from "../../components/control-plane/care/age.mjs";
import { drill } from "../../components/control-plane/care/drill.mjs";
import type { EtcdPrograms } from "../../components/control-plane/care/etcd.mjs";
import { careNames, careOf, type CareTask } from "../../components/plan/control-plane/care.ts";
import type { Config } from "../../config/parse.ts";
import { findProgram } from "../../local/packages.ts";
import { binaryPath } from "../../local/toolchain.ts";
import type { Kubectl } from "../direct/kubectl.ts";
import type { KubeObject } from "../direct/objects.ts";
import { getMany, getOne } from "../direct/read-objects.ts";
import { ExitError } from "../errors.ts";
import { archiveSource, openArchive } from "../etcd-archive.ts";
import { waitForJob } from "../job-end.ts";
import type { Options } from "../options.ts";
import { pause } from "../process.ts";
import { say } from "./common.ts";

export const etcdUsage =
  "backup list|run|drill etcd, fetch etcd [ARCHIVE] --to DIR, drill etcd --from ARCHIVE --key FILE, open ARCHIVE --key FILE --to DIR, keygen FILE";

/** What a command about backups of etcd works with. */
export interface EtcdBackupRun {
  readonly config: Config;
  readonly kubectl: Kubectl;
  readonly options: Pick<Options, "timeoutSeconds">;
}

/** Makes a key: the private half into a file, the public one on standard output. */
export function keygen(file: string | undefined): number {
  if (file === undefined) throw new ExitError(`backup keygen needs the name of a file; ${etcdUsage}`, 2);
  if (existsSync(file))
    throw new ExitError(`${file} is there already, and may be the only key to archives; name another file`, 2);
  const { recipient, identity } = makeIdentity();
  writeFileSync(file, `# public key: ${recipient}\n${identity}\n`, { mode: 0o600, flag: "wx" });
  say(recipient);
  say(
    `put it into quorum:controlPlane.etcd.backup.recipients; keep ${file} outside of the cluster, and not only there`,
  );
  return 0;
}

/** Opens an archive on this machine. */
export async function open(
  archive: string | undefined,
  key: string | undefined,
  to: string | undefined,
): Promise<number> {
  if (archive === undefined || to === undefined)
    throw new ExitError(`backup open needs an archive and --to DIR; ${etcdUsage}`, 2);
  const { cluster, time, snapshot } = await openArchive(archive, key, to);
  say(
    `${to} has snapshot.db and kubernetes/ of ${cluster}, of ${time}: revision ${snapshot.revision}, ${snapshot.keys} keys`,
  );
  return 0;
}

/** Proves on this machine that the site's own key opens an archive, and that a cluster can be restored from it. */
export async function drillHere(archive: string, key: string | undefined): Promise<number> {
  const work = mkdtempSync(join(tmpdir(), "quorum-drill-"));
  try {
    const source = archiveSource(archive, key);
    const { snapshot, time } = await drill({ source, programs: programsHere(), work });
    say(`the drill succeeded: ${snapshot.keys} keys at revision ${snapshot.revision}, of ${time}`);
    return 0;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** etcd's programs on this machine: those on the PATH, or those that the local cluster's parts were built from. */
function programsHere(): EtcdPrograms {
  const find = (name: "etcd" | "etcdctl" | "etcdutl") => {
    const built = binaryPath("etcd", name);
    const found = findProgram(name) ?? (existsSync(built) ? built : undefined);
    if (found === undefined)
      throw new ExitError(`${name} is not on this machine; install etcd of the cluster's version`, 2);
    return found;
  };
  return { etcd: find("etcd"), etcdctl: find("etcdctl"), etcdutl: find("etcdutl") };
}

/** Runs a task of the care at once, and says what it said. */
export async function runTask(run: EtcdBackupRun, task: CareTask): Promise<number> {
  return report(run, await startJob(run, task, []));
}

/** Says which archives the store has. */
export async function listArchives(run: EtcdBackupRun): Promise<number> {
  return report(run, await startJob(run, "backup", ["list"]));
}

async function report({ kubectl, options }: EtcdBackupRun, job: KubeObject): Promise<number> {
  const { succeeded, lines } = await waitForJob(kubectl, job, options);
  for (const line of lines) say(line);
  if (!succeeded) say(`Job ${job.metadata.namespace ?? ""}/${job.metadata.name} failed`);
  return succeeded ? 0 : 1;
}

/** Copies an archive, with its description, out of the store. @param name undefined: the newest */
export async function fetchArchive(
  run: EtcdBackupRun,
  name: string | undefined,
  to: string | undefined,
): Promise<number> {
  if (to === undefined) throw new ExitError(`backup fetch needs --to DIR; ${etcdUsage}`, 2);
  const { kubectl, options } = run;
  const archive = name ?? (await newest(run));
  const job = await startJob(run, "backup", ["hold"]);
  const { namespace = "default", name: jobName } = job.metadata;
  try {
    const pod = await runningPod(kubectl, namespace, jobName, options.timeoutSeconds);
    mkdirSync(to, { recursive: true });
    for (const file of [`${archive}.json`, archive]) {
      const target = join(to, file);
      const cat = ["node", "/opt/etcd-care/backup.mjs", "cat", file];
      await kubectl.save(["exec", "-n", namespace, pod, "-c", careNames.backup, "--", ...cat], `${target}.part`);
      renameSync(`${target}.part`, target);
    }
    say(resolve(to, archive));
    return 0;
  } finally {
    await kubectl.call(["delete", "job", jobName, "-n", namespace, "--wait=false"]);
  }
}

async function newest(run: EtcdBackupRun): Promise<string> {
  const { lines } = await waitForJob(run.kubectl, await startJob(run, "backup", ["list"]), run.options);
  const [first = ""] = lines;
  const name = /^\S+\.tar(\.age)?(?= )/.exec(first)?.[0];
  if (name === undefined) throw new Error(first === "" ? "the store could not be listed" : first);
  return name;
}

async function runningPod(kubectl: Kubectl, namespace: string, job: string, timeoutSeconds: number): Promise<string> {
  const ends = performance.now() + timeoutSeconds * 1000;
  for (;;) {
    const [pod] = await getMany(kubectl, "pods", namespace, `batch.kubernetes.io/job-name=${job}`);
    const { phase, containerStatuses } = (pod?.["status"] ?? {}) as {
      phase?: string;
      containerStatuses?: { state: { running?: object } }[];
    };
    if (pod !== undefined && containerStatuses?.some(({ state }) => state.running !== undefined))
      return pod.metadata.name;
    if (performance.now() > ends || phase === "Failed")
      throw new Error(`the pod of Job ${namespace}/${job} does not run; kubectl describe pod -n ${namespace} says why`);
    await pause(500);
  }
}

interface PodTemplate {
  readonly metadata: object;
  readonly spec: { readonly containers: readonly { readonly command: readonly string[] }[] };
}

/** A Job that does what the CronJob of a task does, or with further words something else. */
async function startJob(
  { config, kubectl }: EtcdBackupRun,
  task: CareTask,
  words: readonly string[],
): Promise<KubeObject> {
  const cronJob = careNames[task];
  const namespace = config.namespaces.agents;
  if (careOf(config.controlPlane)[task] === undefined)
    throw new ExitError(`this stack has no ${cronJob}; set quorum:controlPlane.etcd.${task}`, 2);
  const found = await getOne(kubectl, "cronjob", namespace, cronJob);
  if (found === undefined)
    throw new Error(`there is no CronJob ${namespace}/${cronJob} in the cluster; npm run up makes it`);
  const { jobTemplate } = found["spec"] as {
    readonly jobTemplate: {
      readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
      readonly spec: { readonly template: PodTemplate };
    };
  };
  const { template, ...spec } = jobTemplate.spec;
  const containers = template.spec.containers.map((each) => ({ ...each, command: [...each.command, ...words] }));
  const name = `${cronJob}-${Date.now().toString(36)}`;
  const job: KubeObject = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace, labels: jobTemplate.metadata?.labels ?? {} },
    spec: {
      ...spec,
      // Whoever runs it by hand sees the failure, and tries again when its reason is mended.
      backoffLimit: 0,
      ttlSecondsAfterFinished: 86_400,
      template: { ...template, spec: { ...template.spec, containers } },
    },
  };
  await kubectl.call(["create", "-f", "-"], { input: JSON.stringify(job) });
  return job;
}
