import { list, type Problem } from "../problems.ts";
import type { MeshMode } from "./mesh-parts.ts";

/** What of a configuration says how Istio is had, and what leans on it. */
export interface InstallationNeeds {
  readonly mesh: MeshMode & {
    readonly charts?: string | undefined;
    readonly build?: "official" | "stock" | undefined;
    readonly proxy: {
      readonly cpuMillis: number;
      readonly cpuLimitMillis: number;
      readonly memoryMiB: number;
      readonly memoryLimitMiB: number;
    };
    readonly kiali: { readonly enabled: boolean };
    readonly telemetry?: { readonly samplingPercent?: number | undefined } | undefined;
  };
  readonly ingress: { readonly controller: "traefik" | "istio" | "existing" };
  readonly services: Readonly<
    Record<
      string,
      {
        readonly mesh?: boolean | undefined;
        readonly ingress?: { readonly api: string; readonly basicAuth?: object | undefined } | undefined;
      }
    >
  >;
  readonly monitoring: { readonly prometheus: { readonly enabled: boolean } } & Readonly<Record<string, unknown>>;
  /** Whether the hosts are processes of this machine, whose images may be built here. */
  readonly local: boolean;
}

/** Everything in how Istio is had that contradicts itself or the rest. Shapes are taken as checked. */
export function installationProblems(needs: InstallationNeeds): Problem[] {
  const { mesh, ingress, local, monitoring } = needs;
  const problems: Problem[] = [];
  const refuse = (key: string, text: string) => problems.push({ key: `quorum:mesh.${key}`, text });
  if (mesh.mode !== "existing" && mesh.revision !== undefined) {
    refuse(
      "revision",
      `is "${mesh.revision}", but only an Istio that the cluster has (mode existing) has revisions of its own; leave it out`,
    );
  }
  if (mesh.mode !== "install" && mesh.charts !== undefined)
    refuse("charts", `is "${mesh.charts}", but mode is ${mesh.mode}, which installs nothing; leave it out`);
  if (mesh.mode !== "install" && mesh.kiali.enabled)
    refuse(
      "kiali.enabled",
      `is true, but mode is ${mesh.mode}, and Kiali comes with an Istio of the stack's own; set it to false`,
    );
  if (mesh.kiali.enabled && !monitoring.prometheus.enabled)
    refuse(
      "kiali.enabled",
      "is true, but all that Kiali shows is in Prometheus, which quorum:monitoring.prometheus.enabled leaves out; set one of them to the other",
    );
  if (mesh.mode === "install" && mesh.build === "stock" && !local) {
    refuse(
      "build",
      `is "stock", but only local hosts run the images that are built here; elsewhere leave it out: Istio's own images have filters that count requests by caller and version`,
    );
  }
  const sampled = mesh.telemetry?.samplingPercent;
  if (sampled !== undefined && monitoring["tls"] !== undefined) {
    refuse(
      "telemetry.samplingPercent",
      `is ${sampled}, but quorum:monitoring.tls is set, and proxies cannot send spans to a collector that asks for TLS; leave it out: the services' own spans are sent all the same`,
    );
  }
  const { cpuLimitMillis, cpuMillis, memoryLimitMiB, memoryMiB } = mesh.proxy;
  if (cpuLimitMillis < cpuMillis)
    refuse(
      "proxy.cpuLimitMillis",
      `is ${cpuLimitMillis}, but cpuMillis sets ${cpuMillis} aside; set it to at least that`,
    );
  if (memoryLimitMiB < memoryMiB)
    refuse(
      "proxy.memoryLimitMiB",
      `is ${memoryLimitMiB}, but memoryMiB sets ${memoryMiB} aside; set it to at least that`,
    );
  return ingress.controller === "istio" ? [...problems, ...edgeProblems(needs)] : problems;
}

function edgeProblems({ mesh, services, monitoring }: InstallationNeeds): Problem[] {
  const problems: Problem[] = [];
  if (mesh.mode !== "install") {
    problems.push({
      key: "quorum:ingress.controller",
      text: `is "istio", but quorum:mesh.mode is ${mesh.mode}, which makes no gateway; set that to install, or this to traefik or existing`,
    });
  }
  for (const [name, one] of Object.entries(services)) {
    const key = `quorum:services.${name}`;
    if (one.ingress === undefined) continue;
    if (one.mesh === false)
      problems.push({
        key: `${key}.mesh`,
        text: "is false, but its ingress leads through the mesh's gateway, which speaks mutual TLS to the services of the mesh; leave it out",
      });
    if (one.ingress.basicAuth !== undefined)
      problems.push({
        key: `${key}.ingress.basicAuth`,
        text: "is set, but the mesh's gateway asks nobody for passwords; leave it out, ask for tokens by quorum:mesh.jwt, or set quorum:ingress.controller to traefik",
      });
    if (one.ingress.api !== "Ingress")
      problems.push({
        key: `${key}.ingress.api`,
        text: `is "${one.ingress.api}", but with controller istio a service has the mesh's own route at the edge too; leave it out`,
      });
  }
  const parts = Object.entries(monitoring)
    .filter(([, part]) => typeof part === "object" && part !== null && "ingress" in part && part.ingress !== undefined)
    .map(([name]) => name);
  for (const part of parts) {
    problems.push({
      key: `quorum:monitoring.${part}.ingress`,
      text: `is set, but the mesh's gateway leads to services alone, and ${list([part])} is not in the mesh; use expose, or set quorum:ingress.controller to traefik`,
    });
  }
  return problems;
}
