import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

/** Lets the pods with these labels be taken away one at a time, while hosts are drained. */
export function podBudget(
  name: string,
  metadata: {
    readonly name: string;
    readonly namespace: pulumi.Input<string>;
    readonly labels: Readonly<Record<string, string>>;
  },
  opts: pulumi.CustomResourceOptions,
): k8s.policy.v1.PodDisruptionBudget {
  return new k8s.policy.v1.PodDisruptionBudget(
    name,
    {
      metadata,
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: metadata.labels },
        // A pod that is not ready serves nobody: it must not keep its host from being drained.
        unhealthyPodEvictionPolicy: "AlwaysAllow",
      },
    },
    opts,
  );
}
