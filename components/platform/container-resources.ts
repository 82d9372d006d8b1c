import type * as k8s from "@pulumi/kubernetes";
import { planResources, type ResourceSettings } from "../plan/workload/resources.ts";

/** What a container sets aside and may use, in Kubernetes' words. */
export function containerResources(settings: ResourceSettings = {}): k8s.types.input.core.v1.ResourceRequirements {
  const { cpuMillis, cpuLimitMillis, memoryMiB, ephemeralRequestMiB, ephemeralMiB } = planResources(settings);
  const memory = `${memoryMiB}Mi`;
  return {
    requests: { cpu: `${cpuMillis}m`, memory, "ephemeral-storage": `${ephemeralRequestMiB}Mi` },
    limits: { cpu: `${cpuLimitMillis}m`, memory, "ephemeral-storage": `${ephemeralMiB}Mi` },
  };
}
