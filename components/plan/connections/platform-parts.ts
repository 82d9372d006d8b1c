import type { ClusterNetwork } from "./cluster-network.ts";
import { type GeneratedSecretSettings, generatorName, generatorPlaces } from "../platform/generated-secrets.ts";
import { controllerAdminPort, type IngressPorts } from "../workload/ingress.ts";
import { type CareControlPlane, carePart } from "../control-plane/care.ts";
import { headlampPort } from "../platform/cluster-ui.ts";
import { callsApiServer } from "./api-server.ts";
import { ingressGateway } from "../mesh/mesh-parts.ts";
import { meshPart, type MeshConnectionNeeds } from "./mesh-connections.ts";
import { type MonitoringNeeds, monitoringPart } from "./monitoring-connections.ts";
import { prometheus } from "./monitoring-parts.ts";
import { type Endpoint, type Graph, nobody, outboundOf, type OutboundSettings, part, tcp } from "./parties.ts";
import { harborMetricsPort, harborPorts, harborPublicPort } from "../platform/harbor.ts";
import { registryName, registryPort, registryRestartName } from "../platform/registry.ts";
import { type BackedUpService, volumeBackupName, volumeBackups } from "../platform/volume-backup.ts";

/** What the parts of the platform are told by. */
export interface PlatformSettings extends MonitoringNeeds, Pick<MeshConnectionNeeds, "mesh" | "namespaces"> {
  readonly services: Readonly<Record<string, BackedUpService & { readonly mesh?: boolean | undefined }>>;
  readonly security?: { readonly generatedSecrets: Readonly<Record<string, GeneratedSecretSettings>> } | undefined;
  readonly backup?: { readonly outbound: OutboundSettings } | undefined;
  readonly controlPlane?: CareControlPlane | undefined;
  readonly registry?: { readonly kind: "distribution" | "harbor" } | undefined;
  readonly ingress: {
    readonly controller: "traefik" | "istio" | "existing";
    readonly controllerNamespace?: string | undefined;
    readonly expose?: IngressPorts | undefined;
  };
  readonly ui?: { readonly headlamp: { readonly enabled: boolean; readonly expose?: object | undefined } } | undefined;
}

export const traefik = part("ingress", "traefik");
export const headlamp = part("ui", "headlamp");

/**
 * Every part of the platform that runs pods in a namespace of the stack, with what it may reach and who may reach it.
 *
 * A part that is not here can reach nothing but DNS, and nobody reaches it. To add one: name its pods with `part()`
 * (their namespace, label `app` and ServiceAccount), write a function from the settings to its graph, add it below, and
 * add the settings that it reads to PlatformSettings. Ports are those of containers. It returns `nobody` where the
 * stack does not have the part.
 *
 * @example
 * function registryPart({ registry }: PlatformSettings): Graph {
 *   if (registry === undefined) return nobody;
 *   const pods = part("registry", "registry");
 *   return { parties: [pods], connections: [tcp({ kind: "outside" }, pods, registryPort, "quorum:registry")] };
 * }
 */
const parts: readonly ((settings: PlatformSettings, network: ClusterNetwork) => Graph)[] = [
  (settings, network) => monitoringPart(settings, network, controllerOf(settings)),
  ingressPart,
  meshPart,
  uiPart,
  backupPart,
  ({ controlPlane }) => carePart(controlPlane ?? { mode: "existing" }),
  registryPart,
  generatorPart,
];

export function platformParts(settings: PlatformSettings, network: ClusterNetwork): Graph {
  const graphs = parts.map((graphOf) => graphOf(settings, network));
  return {
    parties: graphs.flatMap(({ parties }) => parties),
    connections: graphs.flatMap(({ connections }) => connections),
  };
}

/** Pods through which the outside reaches what has an ingress. */
export function controllerOf({ ingress }: Pick<PlatformSettings, "ingress">): Endpoint {
  if (ingress.controller === "istio") return ingressGateway;
  return ingress.controller === "traefik" ? traefik : { kind: "controller", namespace: ingress.controllerNamespace };
}

/** Which services it reaches is the services' own matter. */
function ingressPart({ ingress, monitoring }: PlatformSettings, network: ClusterNetwork): Graph {
  if (ingress.controller !== "traefik") return nobody;
  const key = "quorum:ingress.controller";
  const { httpPort, httpsPort } = ingress.expose ?? {};
  const entries = [httpPort, httpsPort].flatMap((port) =>
    port === undefined ? [] : [tcp({ kind: "outside" }, traefik, port, "quorum:ingress.expose")],
  );
  const scraped = monitoring.prometheus.enabled ? [tcp(prometheus, traefik, controllerAdminPort, key)] : [];
  return { parties: [traefik], connections: [...callsApiServer(traefik, network, key), ...entries, ...scraped] };
}

/** Who looks at the cluster through it does so with rights of their own; it passes them on. */
function uiPart({ ui }: PlatformSettings, network: ClusterNetwork): Graph {
  if (!ui?.headlamp.enabled) return nobody;
  const key = "quorum:ui.headlamp";
  const exposed = ui.headlamp.expose ? [tcp({ kind: "outside" }, headlamp, headlampPort, `${key}.expose`)] : [];
  return { parties: [headlamp], connections: [...callsApiServer(headlamp, network, key), ...exposed] };
}

/** Backups of volumes reach their repository, and nothing in the cluster. */
function backupPart({ backup, services }: PlatformSettings): Graph {
  if (backup === undefined) return nobody;
  const apps = new Set(volumeBackups(services).map(({ app }) => app));
  const parties = [...apps].map((app) => part("apps", app, volumeBackupName));
  return {
    parties,
    connections: parties.flatMap((from) => outboundOf(from, [backup.outbound], "quorum:backup.outbound")),
  };
}

/** Whoever reaches its port must show a name and a password; what restarts it speaks to the API server alone. */
function registryPart({ monitoring, registry }: PlatformSettings, network: ClusterNetwork): Graph {
  if (registry === undefined) return nobody;
  if (registry.kind === "harbor") return harborPart(monitoring.prometheus.enabled);
  const pods = part("registry", registryName);
  const restart = part("registry", registryRestartName);
  return {
    parties: [pods, restart],
    connections: [
      tcp({ kind: "outside" }, pods, registryPort, "quorum:registry"),
      ...callsApiServer(restart, network, "quorum:registry.garbageCollection"),
    ],
  };
}

/** All pods of its chart have one label `app`, so its parts are one party here: they may call each other, and nobody else. */
function harborPart(scraped: boolean): Graph {
  const pods = part("registry", "harbor", "default");
  const between = [...harborPorts, harborPublicPort, harborMetricsPort];
  const why = "quorum:registry";
  return {
    parties: [pods],
    connections: [
      ...between.map((port) => tcp(pods, pods, port, why)),
      tcp({ kind: "outside" }, pods, harborPublicPort, why),
      ...(scraped ? [tcp(prometheus, pods, harborMetricsPort, why)] : []),
    ],
  };
}

/** It runs once, and talks to nobody but the API server. */
function generatorPart({ security }: PlatformSettings, network: ClusterNetwork): Graph {
  const parties = generatorPlaces(security?.generatedSecrets ?? {}).map((place) => part(place, generatorName));
  const connections = parties.flatMap((party) => callsApiServer(party, network, "quorum:security.generatedSecrets"));
  return { parties, connections };
}
