import type * as k8s from "@pulumi/kubernetes";
import type { Quantities } from "../plan/platform/quota.ts";
import { planResources, type ResourceSettings } from "../plan/workload/resources.ts";

/** What a container sets aside and may use, in Kubernetes' words. */
export function containerResources(settings: ResourceSettings = {}): k8s.types.input.core.v1.ResourceRequirements {
  const { cpuMillis, cpuLimitMillis, memoryMiB, ephemeralRequestMiB, ephemeralMiB } = planResources(settings);
  return {
    requests: quantities({ cpuMillis, memoryMiB, ephemeralMiB: ephemeralRequestMiB }),
    limits: quantities({ cpuMillis: cpuLimitMillis, memoryMiB, ephemeralMiB }),
  };
}

/** What a container uses of each resource, in Kubernetes' words. */
export function quantities({ cpuMillis, memoryMiB, ephemeralMiB }: Quantities): Record<string, string> {
  return {
    cpu: cpuQuantity(cpuMillis),
    memory: binaryQuantity(memoryMiB),
    "ephemeral-storage": binaryQuantity(ephemeralMiB),
  };
}

/** Thousandths of a core as the API server writes them back, so that no preview shows a change: whole cores without a unit. */
export function cpuQuantity(millis: number): string {
  return millis % 1000 === 0 ? String(millis / 1000) : `${millis}m`;
}

/** Mebibytes as the API server writes them back: in the largest unit that needs no fraction. */
export function binaryQuantity(mebibytes: number): string {
  const units = { Ti: 1024 ** 2, Gi: 1024 };
  const fitting = Object.entries(units).find(([, size]) => mebibytes >= size && mebibytes % size === 0);
  const [unit, size] = fitting ?? ["Mi", 1];
  return `${mebibytes / size}${unit}`;
}
