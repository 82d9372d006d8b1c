import { parseArgs } from "node:util";
import { type VolumeBackupPlan, volumeBackups } from "../../components/plan/platform/volume-backup.ts";
import type { Config } from "../../config/parse.ts";
import type { Kubectl } from "../direct/kubectl.ts";
import type { KubeObject } from "../direct/objects.ts";
import { type Options, readOptions } from "../options.ts";
import { openStackCluster } from "../stack-cluster.ts";
import { getOne } from "../direct/read-objects.ts";
import { waitForJob } from "../job-end.ts";
import { volumeJob, type VolumeJobRequest } from "../volume-jobs.ts";
import { restoreVolumes } from "../volume-restore.ts";
import { say } from "./common.ts";
import { drillHere, etcdUsage, fetchArchive, keygen, listArchives, open, runTask } from "./etcd-backup.ts";

const usage =
  "for etcd: backup list|run|drill etcd, fetch, open, keygen; for volumes: backup list [SERVICE/VOLUME], run SERVICE/VOLUME, check [SERVICE/VOLUME], or restore SERVICE/VOLUME [--snapshot ID] [--into CLAIM] [--overwrite] [--yes]";

/** What a command about backups works with. */
export interface BackupRun {
  readonly config: Config;
  readonly kubectl: Kubectl;
  readonly options: Options;
  readonly namespace: string;
  readonly backups: readonly VolumeBackupPlan[];
}

const own = {
  snapshot: { type: "string" },
  into: { type: "string" },
  overwrite: { type: "boolean" },
  yes: { type: "boolean" },
  from: { type: "string" },
  key: { type: "string" },
  to: { type: "string" },
} as const;

/** `npm run backup -- list | run | check | restore`: the backups of a stack's volumes. */
export async function backup(argv: string[]): Promise<number> {
  const { asked, rest } = readArguments(argv);
  const options = readOptions("backup", rest, ["stack", "config-file", "context", "timeout"]);
  const { verb, target, more, from, key, to, ...flags } = asked;
  if (verb === "keygen") return keygen(target);
  if (verb === "open") return open(target, key, to);
  if (target === "etcd") {
    if (verb === "drill" && from !== undefined) return drillHere(from, key);
    const run = { ...(await openStackCluster(options)), options };
    if (verb === "list") return listArchives(run);
    if (verb === "run") return runTask(run, "backup");
    if (verb === "drill") return runTask(run, "drill");
    if (verb === "fetch") return fetchArchive(run, more, to);
    throw new Error(`backup ${verb ?? ""} does nothing with etcd; ${etcdUsage}`);
  }
  if ((more ?? from ?? key ?? to) !== undefined)
    throw new Error(`"${more ?? "--from, --key, --to"}" is for etcd alone; ${usage}`);
  if (verb !== "restore" && (flags.snapshot ?? flags.into ?? flags.overwrite ?? flags.yes) !== undefined)
    throw new Error(`--snapshot, --into, --overwrite and --yes are for restore alone; ${usage}`);
  if ((verb === "run" || verb === "restore") && target === undefined)
    throw new Error(`backup ${verb} needs SERVICE/VOLUME; ${usage}`);
  const { config, kubectl } = await openStackCluster(options);
  const all = config.backup === undefined ? [] : volumeBackups(config.services);
  const run = { config, kubectl, options, namespace: config.namespaces.apps, backups: chosen(all, target) };
  switch (verb) {
    case "list":
      return target === undefined ? listBackups(run) : runAll(run, "list");
    case "run":
      return runAll(run, "backup");
    case "check":
      return runAll(run, "check");
    case "restore":
      return restoreVolumes(run, {
        snapshot: flags.snapshot ?? "latest",
        into: flags.into,
        overwrite: flags.overwrite ?? false,
        yes: flags.yes ?? false,
      });
    default:
      throw new Error(`"${verb ?? ""}" is nothing that backup does; ${usage}`);
  }
}

/** Parts this command's own words from the options that all commands about stacks share. */
function readArguments(argv: readonly string[]) {
  const { tokens } = parseArgs({ args: [...argv], options: own, strict: false, allowPositionals: true, tokens: true });
  const mine = new Set<number>();
  const words: string[] = [];
  // A word after an option of the others is that option's value.
  let valueOf = -1;
  for (const token of tokens) {
    if (token.kind === "option" && token.name in own) {
      mine.add(token.index);
      if (own[token.name as keyof typeof own].type === "string" && !token.inlineValue) mine.add(token.index + 1);
    } else if (token.kind === "option") {
      if (token.value === undefined) valueOf = token.index + 1;
    } else if (token.kind === "positional" && token.index !== valueOf) {
      mine.add(token.index);
      words.push(token.value);
    }
  }
  const { values } = parseArgs({
    args: argv.filter((_, index) => mine.has(index)),
    options: own,
    allowPositionals: true,
  });
  const [verb, target, ...others] = words;
  const [more] = verb === "fetch" ? others.splice(0, 1) : [];
  if (others.length > 0) throw new Error(`"${others.join(" ")}" is one word too many; ${usage}`);
  return { asked: { verb, target, more, ...values }, rest: argv.filter((_, index) => !mine.has(index)) };
}

/** @throws naming what is backed up, when the target is not */
export function chosen(backups: readonly VolumeBackupPlan[], target: string | undefined): readonly VolumeBackupPlan[] {
  const names = (each: VolumeBackupPlan) => [nameOf(each), `${each.service}/${each.volume}`];
  const found = target === undefined ? backups : backups.filter((each) => names(each).includes(target));
  if (found.length > 0) return found;
  if (backups.length === 0)
    throw new Error("this stack backs up no volume; set backup: true on a volume of a service, and quorum:backup");
  throw new Error(`"${target ?? ""}" is not backed up; there are ${backups.map(nameOf).join(", ")}`);
}

/** SERVICE/VOLUME, and of a StatefulSet SERVICE/VOLUME/N for the claim of one pod. */
export function nameOf({ service, volume, ordinal }: VolumeBackupPlan): string {
  return `${service}/${volume}${ordinal === undefined ? "" : `/${ordinal}`}`;
}

async function listBackups({ backups, kubectl, namespace }: BackupRun): Promise<number> {
  for (const each of backups) {
    const cronJob = await getOne(kubectl, "cronjob", namespace, each.job);
    const { lastSuccessfulTime, lastScheduleTime } = (cronJob?.["status"] ?? {}) as Record<string, string>;
    const { schedule, timeZone } = (cronJob?.["spec"] ?? {}) as Record<string, string>;
    say(
      cronJob === undefined
        ? `${nameOf(each)}  not there yet: npm run up makes CronJob ${each.job}`
        : `${nameOf(each)}  last success ${lastSuccessfulTime ?? "never"}  last run ${lastScheduleTime ?? "never"}  schedule ${schedule} ${timeZone}`,
    );
  }
  return 0;
}

/** Runs one Job for each claim, all at once, and says what each said. */
async function runAll(run: BackupRun, mode: "backup" | "check" | "list"): Promise<number> {
  const ends = await Promise.all(
    run.backups.map(async (each) => {
      const cronJob = await cronJobOf(run, each);
      const stamp = Math.floor(Date.now() / 1000).toString(36);
      const job = volumeJob(cronJob, { mode, name: `${each.job}-${stamp}` } satisfies VolumeJobRequest);
      await run.kubectl.call(["create", "-f", "-"], { input: JSON.stringify(job) });
      return { each, end: await waitForJob(run.kubectl, job, run.options) };
    }),
  );
  for (const { each, end } of ends) {
    say(`${nameOf(each)}: ${end.succeeded ? "done" : "failed"}`);
    for (const line of end.lines) say(`  ${line}`);
  }
  return ends.every(({ end }) => end.succeeded) ? 0 : 1;
}

/** @throws when the stack was not brought up with it */
export async function cronJobOf({ kubectl, namespace }: BackupRun, each: VolumeBackupPlan): Promise<KubeObject> {
  const found = await getOne(kubectl, "cronjob", namespace, each.job);
  if (found !== undefined) return found;
  throw new Error(`${nameOf(each)} has no CronJob ${namespace}/${each.job} in the cluster; npm run up makes it`);
}
