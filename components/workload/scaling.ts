import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { scaleMetrics } from "../plan/workload/scaling.ts";
import { podSelector, versionedName } from "../plan/workload/versions.ts";
import type { WorkloadPlan } from "../plan/workload/workload.ts";
import type { WorkloadArgs } from "./args.ts";
import type { Controller } from "./controller.ts";

/** Makes what limits evictions, and what changes the number of pods. */
export function makeScaling(
  name: string,
  controller: Controller,
  plan: WorkloadPlan,
  args: WorkloadArgs & { readonly serviceName: string; readonly version?: string | undefined },
  opts: pulumi.CustomResourceOptions,
): void {
  const { serviceName, version } = args;
  const labels = podSelector(serviceName, version);
  const metadata = { name: versionedName(serviceName, version), namespace: args.namespace, labels };
  if (plan.budget !== undefined) {
    new k8s.policy.v1.PodDisruptionBudget(
      `${name}-budget`,
      {
        metadata,
        spec: {
          maxUnavailable: plan.budget,
          selector: { matchLabels: labels },
          // A pod that is not ready serves nobody: it must not keep its host from being drained.
          unhealthyPodEvictionPolicy: "AlwaysAllow",
        },
      },
      opts,
    );
  }
  const { autoscale } = args;
  if (autoscale === undefined || plan.scale === undefined) return;
  new k8s.autoscaling.v2.HorizontalPodAutoscaler(
    `${name}-autoscaler`,
    {
      metadata,
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: plan.kind, name: controller.metadata.name },
        minReplicas: plan.scale.least,
        maxReplicas: plan.scale.most,
        metrics: scaleMetrics(autoscale).map(({ name: resource, percent }) => {
          const measured = { name: resource, target: { type: "Utilization", averageUtilization: percent } };
          // Of the whole pod, the proxy would count: what it is given says nothing of how busy the service is.
          return args.besideProxy === true
            ? { type: "ContainerResource", containerResource: { ...measured, container: serviceName } }
            : { type: "Resource", resource: measured };
        }),
        behavior: { scaleDown: { stabilizationWindowSeconds: autoscale.scaleInSeconds ?? 300 } },
      },
    },
    opts,
  );
}
