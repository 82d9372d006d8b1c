import type * as k8s from "@pulumi/kubernetes";

/** Part of a container's memory that Go's runtime is told of; the rest is for what it does not count. */
const share = 0.9;

/** Has a program in Go collect its garbage before its container's limit is met. */
export function goMemoryLimit(memoryMiB: number): k8s.types.input.core.v1.EnvVar {
  return { name: "GOMEMLIMIT", value: `${Math.floor(memoryMiB * share)}MiB` };
}
