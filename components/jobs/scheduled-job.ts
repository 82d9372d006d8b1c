import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { nextRuns, showRun } from "../plan/jobs/schedule.ts";
import { type JobArgs, jobSpec, makeJobParts } from "./job-template.ts";

export interface ScheduledJobArgs extends JobArgs {
  /** Five cron fields or a shorthand, as Kubernetes reads them. */
  readonly schedule: string;
  /** IANA time zone of the schedule. @default Etc/UTC */
  readonly timeZone?: string;
  /** Whether no further run begins. @default false */
  readonly suspend?: boolean;
  /** Seconds by which a run may begin too late; Kubernetes looks every 10 s. @default 200 */
  readonly startingDeadlineSeconds?: number;
  /** Ended runs that are kept to look at. @default 3 of each */
  readonly history?: { readonly successful?: number; readonly failed?: number };
}

const shownRuns = 3;

/** A job that runs by a schedule, never beside itself; a preview tells its next runs. */
export class ScheduledJob extends pulumi.ComponentResource {
  readonly cronJob: k8s.batch.v1.CronJob;

  constructor(name: string, args: ScheduledJobArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:jobs:ScheduledJob", name, {}, opts);
    const parts = makeJobParts(name, args, this);
    const { name: jobName, labels } = parts;
    this.cronJob = new k8s.batch.v1.CronJob(
      `${name}-cronjob`,
      {
        metadata: { name: jobName, namespace: args.namespace, labels },
        spec: {
          schedule: args.schedule,
          timeZone: args.timeZone ?? "Etc/UTC",
          concurrencyPolicy: "Forbid",
          suspend: args.suspend ?? false,
          startingDeadlineSeconds: args.startingDeadlineSeconds ?? 200,
          successfulJobsHistoryLimit: args.history?.successful ?? 3,
          failedJobsHistoryLimit: args.history?.failed ?? 3,
          jobTemplate: { metadata: { labels }, spec: jobSpec(args, parts) },
        },
      },
      { parent: this },
    );
    // Words, not an output: an output that is new at each preview would make a change of each.
    if (pulumi.runtime.isDryRun()) void pulumi.log.info(`job ${jobName} ${nextRunsText(args, new Date())}`, this);
    this.registerOutputs({});
  }
}

function nextRunsText({ schedule, timeZone = "Etc/UTC", suspend }: ScheduledJobArgs, now: Date): string {
  if (suspend === true) return `(${schedule}) is suspended`;
  if (schedule.startsWith("@every")) return `runs ${schedule} from the run before`;
  const runs = nextRuns(schedule, timeZone, now, shownRuns).map((run) => showRun(run, timeZone));
  return `(${schedule}) runs next at ${runs.join(", ")} ${timeZone}`;
}
