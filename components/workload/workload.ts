import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { slugOf, workloadsOf } from "../plan/workload/versions.ts";
import { planWorkload, workloadNames } from "../plan/workload/workload.ts";
import type { WorkloadArgs } from "./args.ts";
import { type Controller, makeController } from "./controller.ts";
import { workloadFiles } from "./files.ts";
import { podTemplate } from "./pod-template.ts";
import { makeScaling } from "./scaling.ts";
import { peersArgs, serviceArgs, versionServiceArgs } from "./service.ts";
import { claimedVolumes } from "./volumes.ts";

export type { PlacementArgs, ProbeArgs, SecretArgs, TolerationArgs, VersionArgs, WorkloadArgs } from "./args.ts";

/**
 * A service: its pods, the Service before them, their identity, files, secrets and volumes, how many there are and how many
 * may be taken away at once.
 *
 * @example
 * new Workload("shop", { namespace: "apps", image, role: "web", port: 8080, autoscale: { maxReplicas: 10 } })
 */
export class Workload extends pulumi.ComponentResource {
  /** One for each version, or the only one. */
  readonly controllers: readonly Controller[];
  readonly service: k8s.core.v1.Service;

  constructor(name: string, args: WorkloadArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:workload:Workload", name, {}, opts);
    const parent = { parent: this };
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
    const { kind = "Deployment" } = args;
    const claimed = kind === "StatefulSet" ? [] : claimedVolumes(name, serviceName, args, this);
    const named = kind === "StatefulSet" && !(args.headless ?? false);
    if (named) new k8s.core.v1.Service(`${name}-peers`, peersArgs(names.peers, serviceName, args), parent);
    const governingService = named ? names.peers : serviceName;
    const common = { serviceName, account: account.metadata.name, files, claimed, governingService };
    const workloads = workloadsOf(args).map(({ version, settings }) => {
      const own = withVersion(settings, version);
      const plan = planWorkload(own, args.hosts);
      const template = podTemplate({ ...common, version }, plan, own);
      const made = version === undefined ? name : `${name}-${slugOf(version)}`;
      const controller = makeController({ ...common, name: made, version, template }, plan, own, parent);
      return { controller, scale: () => makeScaling(made, controller, plan, { ...own, serviceName, version }, parent) };
    });
    this.controllers = workloads.map(({ controller }) => controller);
    this.service = new k8s.core.v1.Service(`${name}-service`, serviceArgs(serviceName, args), parent);
    if (args.versionServices ?? false)
      for (const version of Object.keys(args.versions ?? {}))
        new k8s.core.v1.Service(
          `${name}-${slugOf(version)}-service`,
          versionServiceArgs(serviceName, version, args),
          parent,
        );
    for (const { scale } of workloads) scale();
    this.registerOutputs({});
  }
}

/** A service as its pods are in one version. */
function withVersion(args: WorkloadArgs, version: string | undefined): WorkloadArgs {
  const own = version === undefined ? undefined : args.versions?.[version];
  if (own === undefined) return args;
  return { ...args, ...(own.image !== undefined && { image: own.image }), env: { ...args.env, ...own.env } };
}
