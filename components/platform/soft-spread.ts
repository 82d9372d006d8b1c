import type * as k8s from "@pulumi/kubernetes";

/** Keeps pods with these labels on different hosts and in different zones as far as there is room; more of them than hosts may be. */
export function softSpread(
  labels: Readonly<Record<string, string>>,
): k8s.types.input.core.v1.TopologySpreadConstraint[] {
  return ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: labels },
  }));
}
