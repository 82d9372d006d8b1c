import * as pulumi from "@pulumi/pulumi";
import { EdgeGateway } from "../components/mesh/edge-gateway.ts";
import { Istio } from "../components/mesh/istio.ts";
import { type IstioCharts, istioChartsAt } from "../components/mesh/istio-charts.ts";
import { Kiali } from "../components/mesh/kiali.ts";
import { gateway, monitoringPorts } from "../components/plan/connections/monitoring-parts.ts";
import { planEdge } from "../components/plan/mesh/edge.ts";
import { hasEgressGateway } from "../components/plan/mesh/mesh-parts.ts";
import { authoritySecret } from "../components/plan/monitoring/tls.ts";
import { partPriorityClass } from "../components/plan/platform/priorities.ts";
import { istioCharts } from "../local/charts.ts";
import { cacheDir } from "../local/paths.ts";
import { istioRelease } from "../local/toolchain.ts";
import { toolPath } from "../local/tools.ts";
import { join } from "node:path";
import type { StackContext } from "./context.ts";
import { checkExistingMesh } from "./existing-mesh.ts";
import type { Platform } from "./platform.ts";

/**
 * Istio of the stack's own, where it installs one.
 *
 * @returns the platform, with what is in the mesh known once Istio is there: a pod that comes before it is refused
 */
export async function makeMesh(context: StackContext, platform: Platform): Promise<Platform> {
  await checkExistingMesh(context);
  if (context.config.mesh.mode !== "install") return platform;
  const ready = await makeIstio(context, platform);
  makeEdge(context, ready);
  makeKiali(context, platform);
  const after = (name: pulumi.Output<string>) =>
    pulumi.all([name, pulumi.all(ready.map(({ urn }) => urn))]).apply(([namespace]) => namespace);
  return {
    ...platform,
    nameOf: (place) => (place === "apps" ? after(platform.nameOf(place)) : platform.nameOf(place)),
    withSecrets: (place) => (place === "apps" ? after(platform.withSecrets(place)) : platform.withSecrets(place)),
    inMesh: (place) => after(platform.nameOf(place)),
  };
}

/** What the ingress gateway listens for, where a service is reached through it. */
function makeEdge({ config, provider }: StackContext, ready: readonly pulumi.Resource[]): void {
  const { ingress, namespaces, services } = config;
  if (ingress.controller !== "istio") return;
  const edge = planEdge(services, ingress.expose);
  if (edge.servers.length === 0) return;
  new EdgeGateway("edge", { ...edge, namespace: namespaces.ingress }, { provider, dependsOn: [...ready] });
}

/** A picture of the mesh. */
function makeKiali({ stack, config, provider, images }: StackContext, platform: Platform): void {
  const { mesh, monitoring, namespaces } = config;
  if (!mesh.kiali.enabled) return;
  const tls = monitoring.tls !== undefined;
  new Kiali(
    "kiali",
    {
      stack,
      namespace: platform.withSecrets("monitoring"),
      namespaces,
      image: images.thirdParty("kiali"),
      shown: [...new Set([namespaces.apps, namespaces.ingress, namespaces.mesh, ...mesh.kiali.namespaces])],
      tls,
      ...(tls && { authoritySecret }),
      expose: mesh.kiali.expose,
      priorityClassName: partPriorityClass(config.platform),
    },
    { provider },
  );
}

async function makeIstio(
  { config, provider, images }: StackContext,
  platform: Platform,
): Promise<readonly pulumi.Resource[]> {
  const { controlPlane, ingress, mesh, monitoring, namespaces } = config;
  const traced = monitoring.collector.gateway.enabled && monitoring.tls === undefined;
  const istio = new Istio(
    "mesh",
    {
      ...mesh,
      egress: hasEgressGateway(mesh) ? mesh.egress : undefined,
      namespaces,
      after: [platform.policies],
      helm: await toolPath("helm"),
      charts: await charts(mesh.charts),
      images: {
        istiod: images.thirdParty("istiod"),
        proxy: images.thirdParty("istio-proxy"),
        cni: images.thirdParty("istio-cni"),
      },
      kubernetesVersion: controlPlane.mode === "kubeadm" ? controlPlane.kubernetesVersion : undefined,
      priorityClassName: partPriorityClass(config.platform),
      ...(traced && {
        traces: { service: gateway.app, namespace: namespaces.monitoring, port: monitoringPorts.otlpGrpc },
      }),
      ...(ingress.controller === "istio" && {
        ingress: { ...mesh.gateway, replicas: ingress.replicas, expose: ingress.expose },
      }),
    },
    { provider },
  );
  return istio.ready;
}

/** Those of the pinned module never change under their path, so that what they render to is kept. */
async function charts(source: string | undefined): Promise<IstioCharts> {
  if (source !== undefined) return istioChartsAt(source, istioRelease);
  return { ...istioChartsAt(await istioCharts(), istioRelease), keptIn: join(cacheDir, "charts") };
}
