import type { PresentParts } from "../components/plan/monitoring/parts.ts";
import { exposedParts } from "../components/plan/monitoring/sign-in.ts";
import type { Exposure } from "../components/plan/workload/services.ts";
import type { Ingress, Mesh, Monitoring, Registry, Ui } from "./schema.ts";

/** What beside services the outside reaches by a port of its own; undefined where its section has problems. */
export interface Exposing {
  readonly registry: Registry | undefined;
  readonly monitoring: PresentParts<Monitoring> | undefined;
  readonly ingress: Ingress | undefined;
  readonly ui: Ui | undefined;
  readonly mesh: Mesh | undefined;
  /** Whether the stack's cluster is one of local hosts, which have one address for all. */
  readonly local: boolean;
}

/** By key, what beside services would take a port of the address that services have. */
export function otherExposures({ monitoring, ingress, registry, ui, mesh, local }: Exposing): Record<string, Exposure> {
  const all: Record<string, Exposure | undefined> = {
    ...monitoringExposures(monitoring),
    "quorum:ui.headlamp.expose": ui?.headlamp.enabled ? ui.headlamp.expose : undefined,
    "quorum:mesh.kiali.expose": mesh?.kiali.enabled ? mesh.kiali.expose : undefined,
  };
  // The controller has an address of its own, but on a local cluster, where there is one for all.
  if (local && ingress !== undefined && ingress.controller !== "existing") {
    all["quorum:ingress.expose.httpPort"] = { port: ingress.expose.httpPort };
    all["quorum:ingress.expose.httpsPort"] = { port: ingress.expose.httpsPort };
  }
  // So has the registry.
  if (local && registry !== undefined) all["quorum:registry.port"] = { port: registry.port };
  return Object.fromEntries(Object.entries(all).flatMap(([key, one]) => (one ? [[key, one]] : [])));
}

function monitoringExposures(monitoring: PresentParts<Monitoring> | undefined): Record<string, Exposure | undefined> {
  if (monitoring === undefined) return {};
  return Object.fromEntries(
    exposedParts.map((name) => {
      const { enabled, expose } = monitoring[name];
      return [`quorum:monitoring.${name}.expose`, enabled ? expose : undefined];
    }),
  );
}
