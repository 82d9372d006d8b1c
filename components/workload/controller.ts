import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { podSelector, versionedName } from "../plan/workload/versions.ts";
import type { WorkloadPlan } from "../plan/workload/workload.ts";
import type { WorkloadArgs } from "./args.ts";
import { claimTemplates } from "./volumes.ts";

export type Controller = k8s.apps.v1.Deployment | k8s.apps.v1.StatefulSet | k8s.apps.v1.DaemonSet;

export interface ControllerParts {
  /** Of the component. */
  readonly name: string;
  readonly serviceName: string;
  /** Undefined for a service without versions. */
  readonly version?: string | undefined;
  /** Service that names the pods of a StatefulSet. */
  readonly governingService: string;
  readonly template: k8s.types.input.core.v1.PodTemplateSpec;
}

/** Makes what keeps the pods running: each roll-out stops at its first pod that does not get ready. */
export function makeController(
  { name, serviceName, version, governingService, template }: ControllerParts,
  plan: WorkloadPlan,
  args: WorkloadArgs,
  opts: pulumi.CustomResourceOptions,
): Controller {
  const selector = podSelector(serviceName, version);
  const annotations = {
    ...((args.rollback ?? false) && { "quorum.dev/rollback": "true" }),
    // So that the end of autoscaling is a change of this object, even where the program's number is the one before it.
    ...(args.autoscale !== undefined && { "quorum.dev/replicas": "autoscaled" }),
  };
  const metadata = {
    name: versionedName(serviceName, version),
    namespace: args.namespace,
    labels: { ...selector, instancetype: args.role },
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  // The CLI then keeps the number that the cluster has, where leaving it out alone would let it fall to 1.
  const shared = args.autoscale === undefined ? opts : { ...opts, ignoreChanges: ["spec.replicas"] };
  const { replicas } = plan;
  const common = {
    ...(replicas !== undefined && { replicas }),
    revisionHistoryLimit: 5,
    selector: { matchLabels: selector },
    template,
  };
  switch (plan.kind) {
    case "Deployment":
      return new k8s.apps.v1.Deployment(
        `${name}-deployment`,
        {
          metadata,
          spec: { ...common, progressDeadlineSeconds: args.progressSeconds ?? 300, strategy: strategyOf(plan) },
        },
        shared,
      );
    case "StatefulSet":
      return new k8s.apps.v1.StatefulSet(
        `${name}-stateful-set`,
        {
          metadata,
          spec: {
            ...common,
            // By its plain name: the Service may come after it, and a provider that waits for the Service's pods would wait for ever.
            serviceName: governingService,
            podManagementPolicy: args.podManagement ?? "Parallel",
            updateStrategy: { type: "RollingUpdate" },
            ...claimTemplates(serviceName, args),
          },
        },
        shared,
      );
    case "DaemonSet":
      return new k8s.apps.v1.DaemonSet(
        `${name}-daemon-set`,
        {
          metadata,
          spec: { ...common, updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } } },
        },
        opts,
      );
  }
}

function strategyOf({ rollOut }: WorkloadPlan): k8s.types.input.apps.v1.DeploymentStrategy {
  return rollOut === "replace"
    ? { type: "Recreate" }
    : { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
}
