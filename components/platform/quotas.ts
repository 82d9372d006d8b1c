import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ContainerRange, Quota } from "../plan/platform/quota.ts";
import { binaryQuantity, cpuQuantity, quantities } from "./container-resources.ts";

export interface QuotasArgs {
  readonly namespace: pulumi.Input<string>;
  /** What the pods of the namespace may have together. */
  readonly quota: Quota;
  /** What one container may have, and has by default. */
  readonly range: ContainerRange;
}

const quotaName = "quorum";

/** How much a namespace, and one container in it, may have. */
export class Quotas extends pulumi.ComponentResource {
  readonly names: readonly pulumi.Output<string>[];

  constructor(name: string, args: QuotasArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:Quotas", name, {}, opts);
    const metadata = { name: quotaName, namespace: args.namespace };
    const quota = new k8s.core.v1.ResourceQuota(
      `${name}-quota`,
      { metadata, spec: { hard: hardLimits(args.quota) } },
      { parent: this },
    );
    const range = new k8s.core.v1.LimitRange(
      `${name}-range`,
      { metadata, spec: { limits: [containerLimits(args.range)] } },
      { parent: this },
    );
    this.names = [quota.metadata.name, range.metadata.name];
    this.registerOutputs({});
  }
}

/** Limits of CPU are left out: they may overlap, since a container that is slowed down harms nobody else. */
function hardLimits({ pods, cpuMillis, memoryMiB, storageGiB, loadBalancers }: Quota): Record<string, string> {
  return {
    pods: String(pods),
    "requests.cpu": cpuQuantity(cpuMillis),
    "requests.memory": binaryQuantity(memoryMiB),
    "limits.memory": binaryQuantity(memoryMiB),
    "requests.storage": binaryQuantity(1024 * storageGiB),
    "services.loadbalancers": String(loadBalancers),
  };
}

function containerLimits({
  defaultRequest,
  defaultLimit,
  max,
}: ContainerRange): k8s.types.input.core.v1.LimitRangeItem {
  return {
    type: "Container",
    defaultRequest: quantities(defaultRequest),
    default: quantities(defaultLimit),
    max: quantities(max),
  };
}
