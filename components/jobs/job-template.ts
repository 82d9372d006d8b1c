import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { callEnvironment, type CallSettings, jobLabel } from "../plan/jobs/jobs.ts";
import { planResources, type ResourceSettings } from "../plan/workload/resources.ts";
import { containerResources } from "../platform/container-resources.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";

/** What is run, and within which bounds: of a job with a schedule and of one without. */
export interface JobArgs {
  readonly namespace: pulumi.Input<string>;
  /** Name of its objects and label `app` of its pods, at most 40 characters; a change replaces them. @default the component's name */
  readonly jobName?: string;
  /** What runs; with `call`, an image that has Node 22 or newer. */
  readonly image: pulumi.Input<string>;
  /** @default the image's own; not with `call` */
  readonly command?: readonly string[] | undefined;
  /** URL that is called by GET; any answer but a 2xx, after all retries, fails the job. */
  readonly call?: CallSettings | undefined;
  /** Environment of the process. @default none */
  readonly env?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly resources?: ResourceSettings;
  /** Seconds after which a run is ended and counts as failed. @default 600 */
  readonly activeDeadlineSeconds?: number;
  /** Failed pods after which a run counts as failed. @default 3 */
  readonly backoffLimit?: number;
  /** Seconds after its end at which a run is taken away. @default never, or by the history of its schedule */
  readonly ttlSeconds?: number | undefined;
  /** @default none */
  readonly priorityClassName?: pulumi.Input<string> | undefined;
}

/** The program of `call`, as a pod runs it. */
export const callScript = readFileSync(join(import.meta.dirname, "call.mjs"), "utf8");
const scriptFile = "call.mjs";
const scriptFolder = "/etc/quorum-call";

/** What a job's runs stand on. */
export interface JobParts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly account: k8s.core.v1.ServiceAccount;
  /** The program of a call. */
  readonly script: k8s.core.v1.ConfigMap | undefined;
}

/** Makes the identity of a job's pods, and where it calls, the program that does. */
export function makeJobParts(
  name: string,
  args: Pick<JobArgs, "namespace" | "jobName" | "call">,
  parent: pulumi.Resource,
): JobParts {
  const { namespace, jobName = name } = args;
  const labels = { app: jobName, [jobLabel]: jobName };
  const account = new k8s.core.v1.ServiceAccount(
    `${name}-account`,
    { metadata: { name: jobName, namespace, labels }, automountServiceAccountToken: false },
    { parent },
  );
  const script =
    args.call &&
    new k8s.core.v1.ConfigMap(
      `${name}-call`,
      { metadata: { name: `${jobName}-call`, namespace, labels }, data: { [scriptFile]: callScript } },
      { parent },
    );
  return { name: jobName, labels, account, script };
}

/** One run: its pods are tried again in new ones, so that the output of each stays. */
export function jobSpec(args: JobArgs, parts: JobParts): k8s.types.input.batch.v1.JobSpec {
  return {
    activeDeadlineSeconds: args.activeDeadlineSeconds ?? 600,
    backoffLimit: args.backoffLimit ?? 3,
    ...(args.ttlSeconds === undefined ? {} : { ttlSecondsAfterFinished: args.ttlSeconds }),
    // A pod that a drain or a preemption takes away has not failed.
    podFailurePolicy: {
      rules: [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] }],
    },
    template: { metadata: { labels: parts.labels }, spec: podSpec(args, parts) },
  };
}

function podSpec(args: JobArgs, { name, account, script }: JobParts): k8s.types.input.core.v1.PodSpec {
  const { call, priorityClassName } = args;
  const env = { ...args.env, ...(call && callEnvironment(call)) };
  const command = call ? ["node", `${scriptFolder}/${scriptFile}`] : args.command;
  return {
    serviceAccountName: account.metadata.name,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    restartPolicy: "Never",
    securityContext: restrictedPod(),
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    containers: [
      {
        name,
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        ...(command === undefined ? {} : { command: [...command] }),
        env: Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
        // What a failed run said last stands in the pod's status, where it outlives its log.
        terminationMessagePolicy: "FallbackToLogsOnError",
        resources: containerResources(args.resources),
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "tmp", mountPath: "/tmp" },
          ...(script === undefined ? [] : [{ name: "call", mountPath: scriptFolder, readOnly: true }]),
        ],
      },
    ],
    volumes: [
      { name: "tmp", emptyDir: { sizeLimit: `${planResources(args.resources).ephemeralMiB}Mi` } },
      ...(script === undefined ? [] : [{ name: "call", configMap: { name: script.metadata.name } }]),
    ],
  };
}
