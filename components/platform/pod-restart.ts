import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { apiProgramPod } from "./api-program-pod.ts";

export interface PodRestartArgs {
  readonly namespace: pulumi.Input<string>;
  /** The pod, whose controller makes it anew under the same name. */
  readonly pod: string;
  /** Name of the CronJob. */
  readonly jobName: string;
  /** Five cron fields, in UTC. */
  readonly schedule: string;
  /** Image with Node 24.2 or newer. */
  readonly image: string;
}

/** Seconds until the pod must be ready again: what it does as it starts may take long. */
const timeoutSeconds = 1800;

/** Ends one pod at set times, and fails when it does not come back. It may do that to this one pod, and nothing else. */
export class PodRestart extends pulumi.ComponentResource {
  constructor(name: string, args: PodRestartArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:PodRestart", name, {}, opts);
    const { namespace, jobName } = args;
    const parent = { parent: this };
    const labels = { app: jobName, "quorum.dev/job": jobName };
    const metadata = { name: jobName, namespace, labels };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      parent,
    );
    const role = new k8s.rbac.v1.Role(
      `${name}-role`,
      {
        metadata,
        rules: [{ apiGroups: [""], resources: ["pods"], resourceNames: [args.pod], verbs: ["get", "delete"] }],
      },
      parent,
    );
    const binding = new k8s.rbac.v1.RoleBinding(
      `${name}-binding`,
      {
        metadata,
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
        subjects: [{ kind: "ServiceAccount", name: account.metadata.name, namespace }],
      },
      parent,
    );
    const script = readFileSync(join(import.meta.dirname, "restart-pod.mjs"), "utf8");
    const program = new k8s.core.v1.ConfigMap(
      `${name}-program`,
      { metadata, data: { "restart-pod.mjs": script } },
      parent,
    );
    new k8s.batch.v1.CronJob(
      `${name}-job`,
      {
        metadata,
        spec: {
          schedule: args.schedule,
          timeZone: "Etc/UTC",
          concurrencyPolicy: "Forbid",
          startingDeadlineSeconds: 3600,
          successfulJobsHistoryLimit: 1,
          failedJobsHistoryLimit: 3,
          jobTemplate: {
            metadata: { labels },
            spec: {
              // A second restart would not mend what kept the first one from ending well.
              backoffLimit: 0,
              activeDeadlineSeconds: timeoutSeconds + 60,
              template: {
                metadata: { labels },
                spec: apiProgramPod({
                  name: "restart",
                  image: args.image,
                  file: "restart-pod.mjs",
                  program: program.metadata.name,
                  account: account.metadata.name,
                  env: [
                    { name: "POD", value: args.pod },
                    { name: "NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
                    { name: "TIMEOUT_SECONDS", value: String(timeoutSeconds) },
                  ],
                }),
              },
            },
          },
        },
      },
      { parent: this, dependsOn: [binding] },
    );
    this.registerOutputs({});
  }
}
