import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { secretHash } from "../plan/hash.ts";
import { oneOffJobName } from "../plan/jobs/jobs.ts";
import { callScript, type JobArgs, jobSpec, makeJobParts } from "./job-template.ts";

/**
 * A job that runs once for what it runs: the image, the command or call, the environment and the resources. When one of these
 * changes it runs anew, and the Job of before goes; its deadline, its back-off and its TTL are changed in place.
 */
export class OneOffJob extends pulumi.ComponentResource {
  readonly job: k8s.batch.v1.Job;

  constructor(name: string, args: JobArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:jobs:OneOffJob", name, {}, opts);
    const parts = makeJobParts(name, args, this);
    this.job = new k8s.batch.v1.Job(
      `${name}-job`,
      {
        metadata: { name: nameOf(parts.name, args), namespace: args.namespace, labels: parts.labels },
        spec: jobSpec(args, parts),
      },
      // Of a Job that is there, these cannot be changed: what its name does not stand for stays as it was.
      { parent: this, ignoreChanges: ["spec.template", "spec.podFailurePolicy"] },
    );
    this.registerOutputs({});
  }
}

function nameOf(name: string, args: JobArgs): pulumi.Output<string> {
  const { command, call, resources } = args;
  // A hash of what may be secret is one that costs too much to guess by; a name cannot be secret itself.
  const env = pulumi
    .output(args.env ?? {})
    .apply((texts) => (Object.keys(texts).length > 0 ? secretHash(texts, name) : ""));
  return pulumi.unsecret(
    pulumi
      .output({ image: args.image, env })
      .apply((known) => oneOffJobName(name, { ...known, command, call, script: call && callScript, resources })),
  );
}
