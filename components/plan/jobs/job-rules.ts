import { stringify } from "yaml";
import { largestGapSeconds } from "./schedule.ts";

/** A CronJob that alerts look after. */
export interface WatchedCronJob {
  readonly namespace: string;
  readonly cronJob: string;
  /** Which alerts: those of jobs or those of backups. */
  readonly kind: "job" | "backup";
  /** Seconds since the last success, above which a run must have been missed or have failed. */
  readonly maxAgeSeconds: number;
}

/** A job that runs once, and that an alert looks after. */
export interface WatchedOneOffJob {
  readonly namespace: string;
  readonly job: string;
}

/** What of a CronJob decides how old its last success may get. */
export interface RunTimes {
  readonly schedule: string;
  readonly timeZone: string;
  readonly startingDeadlineSeconds: number;
  readonly activeDeadlineSeconds: number;
}

/**
 * Seconds since the last success, above which a run must have been missed or have failed: the longest pause of the schedule,
 * then the latest that the next run may begin, and the longest that it may take.
 */
export function maxAgeSeconds(times: RunTimes): number {
  const { schedule, timeZone, startingDeadlineSeconds, activeDeadlineSeconds } = times;
  return largestGapSeconds(schedule, timeZone) + startingDeadlineSeconds + activeDeadlineSeconds;
}

/** What of a job decides what its alerts look for. */
export type WatchedJob = Omit<RunTimes, "schedule"> & { readonly schedule?: string | undefined };

/** What the alerts of data/rules/jobs.yaml and backups.yaml are told of a stack's jobs and backups. */
export function jobRules(
  namespace: string,
  jobs: Readonly<Record<string, WatchedJob>>,
  backups: readonly (RunTimes & { readonly cronJob: string })[],
): string {
  const once = Object.entries(jobs).filter(([, { schedule }]) => schedule === undefined);
  const watched = [
    ...Object.entries(jobs).flatMap(([cronJob, { schedule, ...times }]): WatchedCronJob[] =>
      schedule === undefined
        ? []
        : [{ namespace, cronJob, kind: "job", maxAgeSeconds: maxAgeSeconds({ schedule, ...times }) }],
    ),
    ...backups.map(({ cronJob, ...times }): WatchedCronJob => {
      return { namespace, cronJob, kind: "backup", maxAgeSeconds: maxAgeSeconds(times) };
    }),
  ];
  return watchRules(
    watched,
    once.map(([job]) => ({ namespace, job })),
  );
}

/** Recording rules that hold what the configuration says of jobs, for alerts to be joined with: a rule file of Prometheus. */
export function watchRules(cronJobs: readonly WatchedCronJob[], oneOffJobs: readonly WatchedOneOffJob[]): string {
  const constant = (record: string, value: number, labels: Readonly<Record<string, string>>) => ({
    record,
    expr: `vector(${value})`,
    labels,
  });
  return stringify({
    groups: [
      {
        name: "quorum-jobs-configured",
        rules: [
          ...cronJobs.flatMap(({ namespace, cronJob: cronjob, kind, maxAgeSeconds: seconds }) => [
            constant("quorum:cronjob_info", 1, { namespace, cronjob, kind }),
            constant("quorum:cronjob_max_age_seconds", seconds, { namespace, cronjob, kind }),
          ]),
          ...oneOffJobs.map(({ namespace, job }) =>
            constant("quorum:one_off_job_info", 1, { namespace, one_off_job: job }),
          ),
        ],
      },
    ],
  });
}
