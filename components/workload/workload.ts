import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { planWorkload, workloadNames } from "../plan/workload/workload.ts";
import type { WorkloadArgs } from "./args.ts";
import { type Controller, makeController } from "./controller.ts";
import { workloadFiles } from "./files.ts";
import { podTemplate } from "./pod-template.ts";
import { makeScaling } from "./scaling.ts";
import { peersArgs, serviceArgs } from "./service.ts";
import { claimedVolumes } from "./volumes.ts";

export type { PlacementArgs, ProbeArgs, SecretArgs, TolerationArgs, WorkloadArgs } from "./args.ts";

/**
 * A service: its pods, the Service before them, their identity, files, secrets and volumes, how many there are and how many
 * may be taken away at once.
 *
 * @example
 * new Workload("shop", { namespace: "apps", image, role: "web", port: 8080, autoscale: { maxReplicas: 10 } })
 */
export class Workload extends pulumi.ComponentResource {
  readonly controller: Controller;
  readonly service: k8s.core.v1.Service;

  constructor(name: string, args: WorkloadArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:workload:Workload", name, {}, opts);
    const parent = { parent: this };
    const plan = planWorkload(args, args.hosts);
    const serviceName = args.serviceName ?? name;
    const names = workloadNames(serviceName);
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      {
        metadata: { name: serviceName, namespace: args.namespace, labels: { app: serviceName } },
        automountServiceAccountToken: false,
      },
      parent,
    );
    const files = workloadFiles(name, serviceName, args, this);
    const claimed = plan.kind === "StatefulSet" ? [] : claimedVolumes(name, serviceName, args, this);
    const template = podTemplate({ serviceName, account: account.metadata.name, files, claimed }, plan, args);
    const named = plan.kind === "StatefulSet" && !(args.headless ?? false);
    if (named) new k8s.core.v1.Service(`${name}-peers`, peersArgs(names.peers, serviceName, args), parent);
    const governingService = named ? names.peers : serviceName;
    this.controller = makeController({ name, serviceName, governingService, template }, plan, args, parent);
    this.service = new k8s.core.v1.Service(`${name}-service`, serviceArgs(serviceName, args), parent);
    makeScaling(name, this.controller, plan, args, parent);
    this.registerOutputs({});
  }
}
