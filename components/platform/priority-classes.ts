import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { priorityClasses } from "../plan/platform/priorities.ts";

/** What is started first and preempted last. Cluster-wide: only a stack that has its cluster to itself makes them. */
export class PriorityClasses extends pulumi.ComponentResource {
  /** Names, known once they are made. */
  readonly names: readonly pulumi.Output<string>[];

  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:PriorityClasses", name, {}, opts);
    this.names = priorityClasses.map(
      ({ name: className, ...one }) =>
        new k8s.scheduling.v1.PriorityClass(
          `${name}-${className}`,
          { metadata: { name: className }, globalDefault: false, ...one },
          { parent: this },
        ).metadata.name,
    );
    this.registerOutputs({});
  }
}
