import { jobLabel } from "../components/plan/jobs/jobs.ts";
import { didYouMean } from "../components/plan/problems.ts";
import { nextRuns, showRun } from "../components/plan/jobs/schedule.ts";
import type { Config } from "../config/parse.ts";
import type { Kubectl } from "./direct/kubectl.ts";
import type { KubeObject } from "./direct/objects.ts";
import { getMany, getOne } from "./direct/read-objects.ts";
import { conditionsOf, waitForJob } from "./job-end.ts";

/** What a command about jobs works with. */
export interface JobRun {
  readonly kubectl: Kubectl;
  readonly jobs: Config["jobs"];
  readonly namespace: string;
  readonly timeoutSeconds: number;
  readonly log: (line: string) => void;
  readonly now: () => Date;
}

/**
 * Runs a job with a schedule at once, waits for its end and says what it said.
 *
 * @returns 0, or 1 when the run failed
 * @throws when there is no such job, or none that could be run by hand
 */
export async function runJob(run: JobRun, name: string): Promise<number> {
  const { kubectl, namespace, log } = run;
  const job = run.jobs[name];
  if (job === undefined) throw new Error(noSuchJob(name, Object.keys(run.jobs)));
  if (job.schedule === undefined) {
    throw new Error(
      `job "${name}" has no schedule: it runs once for what it runs; change it, and npm run up runs it again`,
    );
  }
  if ((await getOne(kubectl, "cronjob", namespace, name)) === undefined)
    throw new Error(`CronJob ${namespace}/${name} is not there; npm run up makes it`);
  const made = runName(name, run.now());
  await kubectl.call(["create", "job", made, `--from=cronjob/${name}`, "-n", namespace]);
  const identity = { apiVersion: "batch/v1", kind: "Job", metadata: { name: made, namespace } };
  const ended = await waitForJob(kubectl, identity, { timeoutSeconds: run.timeoutSeconds });
  for (const line of ended.lines) log(line);
  const code = ended.exitCode === undefined ? "" : ` with exit code ${ended.exitCode}`;
  log(`Job ${namespace}/${made} ${ended.succeeded ? "succeeded" : `failed${code}`}`);
  return ended.succeeded ? 0 : 1;
}

/** Name of a run by hand: no other has it, and it sorts by time. */
export function runName(job: string, now: Date): string {
  return `${job}-run-${now.getTime().toString(36)}`;
}

function noSuchJob(name: string, names: readonly string[]): string {
  const near = didYouMean(name, names);
  const fix =
    names.length === 0
      ? "this stack has none; declare one in quorum:jobs"
      : near === undefined
        ? `there are ${names.join(", ")}`
        : `did you mean ${near}?`;
  return `"${name}" is no job of this stack; ${fix}`;
}

/** Says each job's schedule, next run and last success. */
export async function listJobs(run: JobRun): Promise<void> {
  const { kubectl, namespace, log } = run;
  const [cronJobs, jobs] = await Promise.all([
    getMany(kubectl, "cronjobs", namespace),
    getMany(kubectl, "jobs", namespace, jobLabel),
  ]);
  const rows = Object.entries(run.jobs).map(([name, job]) =>
    job.schedule === undefined
      ? onceRow(name, jobs)
      : scheduledRow(name, { ...job, schedule: job.schedule }, cronJobs, run.now()),
  );
  if (rows.length === 0) return log("this stack has no jobs; declare one in quorum:jobs");
  const table = [["job", "schedule", "next run", "last success", ""], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of table)
    log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

interface Scheduled {
  readonly schedule: string;
  readonly timeZone: string;
}

function scheduledRow(name: string, { schedule, timeZone }: Scheduled, cronJobs: readonly KubeObject[], now: Date) {
  const cronJob = cronJobs.find(({ metadata }) => metadata.name === name);
  const { suspend } = (cronJob?.["spec"] ?? {}) as { suspend?: boolean };
  const { lastSuccessfulTime, lastScheduleTime } = (cronJob?.["status"] ?? {}) as Record<string, string | undefined>;
  const shown = (time: string | undefined) => (time === undefined ? "never" : showRun(new Date(time), timeZone));
  const from = schedule.startsWith("@every") && lastScheduleTime !== undefined ? new Date(lastScheduleTime) : now;
  const [next] = nextRuns(schedule, timeZone, from, 1);
  const none = cronJob === undefined || suspend === true || next === undefined;
  return [
    name,
    `${schedule} ${timeZone}`,
    none ? "none" : showRun(next, timeZone),
    shown(lastSuccessfulTime),
    cronJob === undefined ? "not there yet: npm run up makes it" : suspend === true ? "suspended" : "",
  ];
}

function onceRow(name: string, jobs: readonly KubeObject[]): string[] {
  const own = jobs.filter(({ metadata }) => metadata.labels?.[jobLabel] === name);
  const created = (job: KubeObject) => String(job.metadata["creationTimestamp"]);
  const last = own.sort((a, b) => (created(a) < created(b) ? -1 : 1)).at(-1);
  const { completionTime } = (last?.["status"] ?? {}) as { completionTime?: string };
  const conditions = last === undefined ? [] : conditionsOf(last);
  const state =
    last === undefined
      ? "not there: ended and taken away, or not run yet"
      : conditions.includes("Failed")
        ? "failed"
        : conditions.includes("Complete")
          ? "succeeded"
          : "runs";
  return [
    name,
    "once",
    "none",
    completionTime === undefined ? "never" : showRun(new Date(completionTime), "Etc/UTC"),
    state,
  ];
}
