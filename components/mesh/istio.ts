import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  baseValues,
  cniValues,
  type GatewayExposure,
  egressGatewayValues,
  ingressGatewayValues,
  type IstioImages,
  type IstioSettings,
  istiodValues,
  type TraceSink,
} from "../plan/mesh/istio-values.ts";
import { fieldsOfIstiod, rootPolicies, type RootTelemetry } from "../plan/mesh/root-policies.ts";
import { egressGateway, ingressGateway } from "../plan/mesh/mesh-parts.ts";
import { Chart } from "../platform/chart.ts";
import type { IstioCharts } from "./istio-charts.ts";

export interface IstioArgs extends IstioSettings {
  /** Namespaces of istiod, of the agents on the nodes and of the ingress gateway, which must be there. Plain: the charts' objects have them in them. */
  readonly namespaces: { readonly mesh: string; readonly meshAgents: string; readonly ingress: string };
  /** Path of the program helm. */
  readonly helm: string;
  readonly charts: IstioCharts;
  readonly images: IstioImages;
  /** Version that the charts take the cluster for, such as 1.37.2. @default helm's own */
  readonly kubernetesVersion?: string | undefined;
  readonly priorityClassName?: string | undefined;
  readonly telemetry: RootTelemetry;
  /** What comes before all of it, such as the policies of its namespaces. @default nothing */
  readonly after?: readonly pulumi.Resource[];
  /** Where proxies send spans. @default nowhere */
  readonly traces?: TraceSink | undefined;
  /** Pods through which the outside comes in. @default none */
  readonly ingress?: IngressGatewayArgs | undefined;
  /** Pods through which calls leave the mesh, in istiod's namespace. @default none */
  readonly egress?: GatewayPodsArgs | undefined;
}

export interface GatewayPodsArgs {
  readonly replicas: number;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
}

export interface IngressGatewayArgs extends GatewayPodsArgs {
  readonly expose: GatewayExposure;
}

/**
 * Istio from its own charts: the definitions of its kinds, istiod, and the agents on the nodes that redirect the traffic of pods, so
 * that no pod needs rights for it. Its proxies refuse plain text, and reach nothing that nobody declared.
 */
export class Istio extends pulumi.ComponentResource {
  /** What pods with a proxy come after: without it they would be refused, or start without one. */
  readonly ready: readonly pulumi.Resource[];

  constructor(name: string, args: IstioArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:mesh:Istio", name, {}, opts);
    const { charts, images, namespaces, priorityClassName, traces } = args;
    const chart = (
      role: keyof IstioCharts["places"],
      namespace: string,
      values: Readonly<Record<string, unknown>>,
      after: readonly pulumi.Resource[],
      { as = role, releaseName = `istio-${role}` }: { readonly as?: string; readonly releaseName?: string } = {},
    ) =>
      new Chart(
        `${name}-${as}`,
        {
          helm: args.helm,
          ...charts.places[role],
          keptIn: charts.keptIn,
          releaseName,
          namespace,
          values,
          kubernetesVersion: args.kubernetesVersion,
          changedByOthers: fieldsOfIstiod,
          after,
        },
        { parent: this },
      );
    const base = chart("base", namespaces.mesh, baseValues(namespaces.mesh), args.after ?? []);
    const where = { rootNamespace: namespaces.mesh, traces, priorityClassName };
    const istiod = chart("istiod", namespaces.mesh, istiodValues(args, images, where), [base]);
    const cni = chart("cni", namespaces.meshAgents, cniValues(args, images, namespaces.mesh), [base]);
    const settings = rootPolicies(args.telemetry, traces !== undefined).map(
      ({ role, ...object }) =>
        new k8s.apiextensions.CustomResource(
          `${name}-${role}`,
          { ...object, metadata: { ...object.metadata, namespace: namespaces.mesh } },
          { parent: this, dependsOn: [istiod] },
        ),
    );
    const gateways = [istiod, ...settings];
    const egress =
      args.egress === undefined
        ? []
        : [
            chart(
              "gateway",
              namespaces.mesh,
              egressGatewayValues(args.egress, { replicas: args.egress.replicas, priorityClassName }),
              gateways,
              { as: "egress", releaseName: egressGateway.app },
            ),
          ];
    this.ready = [istiod, cni, ...settings, ...egress];
    if (args.ingress !== undefined) {
      const { expose, replicas, ...resources } = args.ingress;
      const values = ingressGatewayValues(resources, expose, { replicas, priorityClassName });
      chart("gateway", namespaces.ingress, values, gateways, { releaseName: ingressGateway.app });
    }
    this.registerOutputs({});
  }
}
