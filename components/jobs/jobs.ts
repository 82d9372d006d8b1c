import * as pulumi from "@pulumi/pulumi";
import { type CalledService, callUrl } from "../plan/jobs/jobs.ts";
import { calledService } from "../plan/connections/connections.ts";
import type { ResourceSettings } from "../plan/workload/resources.ts";
import { OneOffJob } from "./one-off-job.ts";
import { ScheduledJob } from "./scheduled-job.ts";

/** A job as the configuration says it. */
export interface JobSettings {
  /** Undefined: it runs once. */
  readonly schedule?: string | undefined;
  readonly timeZone: string;
  readonly call?: string | undefined;
  readonly callTimeoutSeconds: number;
  readonly callRetries: number;
  readonly image?: string | undefined;
  readonly command?: readonly string[] | undefined;
  readonly env: Readonly<Record<string, pulumi.Input<string>>>;
  readonly resources: ResourceSettings;
  readonly suspend: boolean;
  readonly startingDeadlineSeconds: number;
  readonly activeDeadlineSeconds: number;
  readonly backoffLimit: number;
  readonly ttlSeconds?: number | undefined;
  readonly history: { readonly successful: number; readonly failed: number };
}

export interface JobsArgs {
  /** Jobs by name. Plain: it decides which resources exist. */
  readonly jobs: Readonly<Record<string, JobSettings>>;
  readonly namespace: pulumi.Input<string>;
  /** Services that may be called, by name. */
  readonly services: Readonly<Record<string, CalledService>>;
  /** The component of each: what calls one is made when it is ready. @default none */
  readonly after?: ReadonlyMap<string, pulumi.Resource>;
  /** What to run for an image's name. */
  readonly image: (name: string) => pulumi.Input<string>;
  /** Image of a call, with Node 22 or newer. */
  readonly callImage: pulumi.Input<string>;
  readonly priorityClassName?: pulumi.Input<string> | undefined;
}

/** The jobs of a stack, each with a component of its own. */
export class Jobs extends pulumi.ComponentResource {
  constructor(name: string, args: JobsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:jobs:Jobs", name, {}, opts);
    for (const [jobName, job] of Object.entries(args.jobs)) this.add(jobName, job, args);
    this.registerOutputs({});
  }

  private add(jobName: string, job: JobSettings, args: JobsArgs): void {
    const { call: path, image, schedule } = job;
    const called = path === undefined ? undefined : args.after?.get(calledService(path));
    const call =
      path === undefined
        ? undefined
        : {
            url: callUrl(path, args.services),
            timeoutSeconds: job.callTimeoutSeconds,
            retries: job.callRetries,
          };
    const common = {
      ...job,
      call,
      namespace: args.namespace,
      image: image === undefined ? args.callImage : args.image(image),
      priorityClassName: args.priorityClassName,
    };
    const options = { parent: this, ...(called && { dependsOn: [called] }) };
    if (schedule === undefined) new OneOffJob(jobName, common, options);
    else new ScheduledJob(jobName, { ...common, schedule }, options);
  }
}
