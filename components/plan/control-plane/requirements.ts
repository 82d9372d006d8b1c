import type { HostSettings } from "./hosts.ts";
import type { Placement } from "./losses.ts";
import type { Problem } from "../problems.ts";

/** What a machine must have for its part, and what it usually has. */
export interface Requirement {
  readonly host: string;
  readonly cpus: Amount;
  readonly memoryMiB: Amount;
  readonly diskGiB: Amount;
  /** Set aside for the system and Kubernetes itself; undefined where the machine's size is not given. */
  readonly reserved: { readonly cpuMillis: number; readonly memoryMiB: number } | undefined;
  /** What is left for pods. */
  readonly allocatable: { readonly cpuMillis: number; readonly memoryMiB: number } | undefined;
}

interface Amount {
  readonly least: number;
  readonly usual: number;
}

/** Of a host with etcd: seed figures of the production guide, and etcd's hardware page. @see https://etcd.io/docs/v3.6/op-guide/hardware/ */
const etcdNeeds = {
  cpus: { least: 2, usual: 4 },
  memoryMiB: { least: 2048, usual: 8192 },
  diskGiB: { least: 8, usual: 20 },
};
/** Of a control-plane host without etcd. @see https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/ */
const controlPlaneNeeds = {
  cpus: { least: 2, usual: 2 },
  memoryMiB: { least: 2048, usual: 4096 },
  diskGiB: { least: 10, usual: 20 },
};
const workerNeeds = {
  cpus: { least: 1, usual: 2 },
  memoryMiB: { least: 1024, usual: 4096 },
  diskGiB: { least: 10, usual: 40 },
};
/** Least memory at which the kubelet begins to evict pods: its own default. */
const evictionMiB = 100;
const gibibyte = 1024;
/** A machine of less than a GiB has a fixed part set aside. */
export const smallMachine = { belowMiB: gibibyte, reservedMiB: 255 };

/**
 * Parts of a machine's memory that are set aside, by how much it has: a quarter of the first 4 GiB, and so on.
 *
 * @see https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes
 */
export const memorySteps: readonly (readonly [upToMiB: number, share: number])[] = [
  [4 * gibibyte, 0.25],
  [8 * gibibyte, 0.2],
  [16 * gibibyte, 0.1],
  [128 * gibibyte, 0.06],
  [Infinity, 0.02],
];
/** The same for thousandths of a core. */
export const cpuSteps: readonly (readonly [upToMillis: number, share: number])[] = [
  [1000, 0.06],
  [2000, 0.01],
  [4000, 0.005],
  [Infinity, 0.0025],
];

/** What each host's machine must have. */
export function requirementsOf(
  placements: readonly Placement[],
  hosts: Readonly<Record<string, HostSettings>>,
): Requirement[] {
  return placements.map((placement) => {
    const { cpus, memoryMiB } = hosts[placement.host] ?? {};
    const reserved = cpus === undefined || memoryMiB === undefined ? undefined : reservedOf(cpus, memoryMiB);
    return {
      host: placement.host,
      ...needsOf(placement),
      reserved,
      allocatable: reserved && {
        cpuMillis: (cpus ?? 0) * 1000 - reserved.cpuMillis,
        memoryMiB: (memoryMiB ?? 0) - reserved.memoryMiB - evictionOf(memoryMiB ?? 0),
      },
    };
  });
}

/** Machines that are too small for their part. */
export function requirementProblems(
  placements: readonly Placement[],
  hosts: Readonly<Record<string, HostSettings>>,
): Problem[] {
  return placements.flatMap((placement) => {
    const needs = needsOf(placement);
    return (["cpus", "memoryMiB", "diskGiB"] as const).flatMap((resource): Problem[] => {
      const has = hosts[placement.host]?.[resource];
      if (has === undefined || has >= needs[resource].least) return [];
      return [
        {
          key: `quorum:controlPlane.hosts.${placement.host}.${resource}`,
          text: `is ${has}, but ${partOf(placement)} needs ${needs[resource].least} at least and has ${needs[resource].usual} usually; give the machine more, or set role: worker`,
        },
      ];
    });
  });
}

export function reservedOf(cpus: number, memoryMiB: number): { cpuMillis: number; memoryMiB: number } {
  const memory = memoryMiB < smallMachine.belowMiB ? smallMachine.reservedMiB : stepwise(memoryMiB, memorySteps);
  return { cpuMillis: upward(stepwise(cpus * 1000, cpuSteps)), memoryMiB: upward(memory) };
}

/** Free memory at which the kubelet evicts pods: a hundredth, as a large machine runs out of a fixed amount too fast. */
export function evictionOf(memoryMiB: number): number {
  return Math.max(evictionMiB, Math.ceil(memoryMiB / 100));
}

/** Up to the next whole number; what the sums of fractions miss by their last digits does not count. */
function upward(amount: number): number {
  return Math.ceil(amount - 1e-9);
}

function stepwise(amount: number, steps: readonly (readonly [number, number])[]): number {
  let sum = 0;
  let from = 0;
  for (const [upTo, share] of steps) {
    sum += Math.max(0, Math.min(amount, upTo) - from) * share;
    from = upTo;
  }
  return sum;
}

/** Every further member or API server on one host wants as much again. */
function needsOf(placement: Placement): Pick<Requirement, "cpus" | "memoryMiB" | "diskGiB"> {
  const { etcd, events, apiServers } = placement;
  if (etcd + events + apiServers === 0) return workerNeeds;
  const times = Math.max(1, etcd + events, apiServers);
  const base = etcd + events > 0 ? etcdNeeds : controlPlaneNeeds;
  const scaled = ({ least, usual }: Amount) => ({ least: least * times, usual: usual * times });
  return { cpus: base.cpus, memoryMiB: scaled(base.memoryMiB), diskGiB: scaled(base.diskGiB) };
}

function partOf({ etcd, apiServers }: Placement): string {
  if (etcd > 0) return `a host with ${etcd === 1 ? "an etcd member" : `${etcd} etcd members`}`;
  return apiServers > 0 ? "a control-plane host" : "a worker";
}
