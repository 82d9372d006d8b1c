import { type CountedSettings, countParts, type PartCounts } from "../control-plane/topology.ts";
import { scaleOf, type WorkloadKind } from "../workload/scaling.ts";
import { type VersionSettings, workloadsOf } from "../workload/versions.ts";
import { type MonitoringPods, nodePods, ownPods } from "./pods.ts";

/** What of a stack decides how many pods and hosts it has. */
export interface CountNeeds {
  readonly platform: "owned" | "shared";
  readonly services: Readonly<
    Record<
      string,
      {
        readonly kind: WorkloadKind;
        readonly replicas?: number | undefined;
        readonly autoscale?: { readonly minReplicas?: number; readonly maxReplicas: number } | undefined;
        readonly volumes: Readonly<Record<string, unknown>>;
        readonly scrape: boolean;
        readonly versions?: Readonly<Record<string, VersionSettings>> | undefined;
      }
    >
  >;
  readonly jobs: Readonly<Record<string, unknown>>;
  readonly monitoring: MonitoringPods;
  readonly controlPlane:
    | { readonly mode: "existing" }
    | ({
        readonly mode: "kubeadm";
        readonly metrics: boolean;
      } & CountedSettings);
}

/** Pods of the cluster's own, besides the static ones of its control plane: on each node kube-proxy, and DNS and the like. */
const systemPods = { node: 1, cluster: 5 };
/** Pods on a node that this stack does not know of: other stacks, runs by hand. */
const otherPodsPerNode = 10;
/** Runs of a job that are there at one time: the last ones, one that failed and one that goes on. */
export const runsPerJob = 5;
/** A cluster of another's making is taken to have as many nodes. */
const assumedNodes = 3;
const assumedParts: PartCounts = { apiServers: 1, members: 1, events: 0, staticPods: 4 };

/** Pods of a cluster of the stack's own. */
export function podsOfCluster(needs: CountNeeds, nodes: number): number {
  const system = nodes * (systemPods.node + otherPodsPerNode) + partsOf(needs).staticPods;
  return podsOfStack(needs, nodes) + system + systemPods.cluster;
}

/** Pods of the stack itself. */
export function podsOfStack({ services, jobs, monitoring }: CountNeeds, nodes: number): number {
  return (
    sum(Object.values(services).map((service) => podsOf(service, nodes))) +
    Object.keys(jobs).length * runsPerJob +
    sum(ownPods(monitoring).map(({ replicas = 1 }) => replicas)) +
    nodePods(monitoring).length * nodes
  );
}

/** Most pods of a service. */
export function podsOf(service: CountNeeds["services"][string], nodes: number): number {
  return sum(workloadsOf(service).map(({ settings }) => scaleOf(settings)?.most ?? nodes));
}

/** Nodes of the cluster: a host of etcd alone is none. */
export function nodesOf({ controlPlane }: CountNeeds): number {
  if (controlPlane.mode === "existing") return assumedNodes;
  return Object.values(controlPlane.hosts).filter(({ role }) => role === "control-plane" || role === "worker").length;
}

/** Parts of the control plane; behind another's there may be several of each, of which one API server answers. */
export function partsOf({ controlPlane }: CountNeeds): PartCounts {
  return controlPlane.mode === "existing" ? assumedParts : countParts(controlPlane);
}

/** Of nothing: 0. */
export function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0);
}
