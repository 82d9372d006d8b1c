import type { Place } from "../connections/parties.ts";
import { injectionLabels, type MeshMode } from "../mesh/mesh-parts.ts";

/** How much a namespace's pods may do. @see https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
export type PodSecurityLevel = "restricted" | "baseline" | "privileged";

/** The namespaces whose pods may do more than `restricted` allows, and why. Every other one is `restricted`. */
export const lessRestricted = {
  "local-path-storage": {
    level: "privileged",
    reason: "the provisioner's helper pods mount folders of the host to make and remove volumes",
  },
} as const satisfies Readonly<Record<string, { readonly level: PodSecurityLevel; readonly reason: string }>>;

/** Pod Security labels: pods past the level are refused, and told of in warnings and in the audit log. */
export function podSecurityLabels(level: PodSecurityLevel): Record<string, string> {
  return Object.fromEntries(
    ["enforce", "warn", "audit"].flatMap((mode) => [
      [`pod-security.kubernetes.io/${mode}`, level],
      [`pod-security.kubernetes.io/${mode}-version`, "latest"],
    ]),
  );
}

/** A namespace whose pods must name their images by digest. */
export const digestsLabel = "quorum.dev/digests";
/** A namespace whose images sigstore's policy-controller checks. */
export const signaturesLabel = "policy.sigstore.dev/include";

/** What of a configuration decides about its namespaces. */
export interface NamespaceNeeds {
  readonly namespaces: Readonly<Record<Place, string>>;
  readonly services: Readonly<Record<string, { readonly volumes: Readonly<Record<string, unknown>> }>>;
  readonly images: { readonly digests: "required" | "allowed" };
  readonly security: { readonly signatures?: unknown };
  readonly storage: { readonly retain: boolean };
  readonly monitoring: { readonly prometheus: { readonly enabled: boolean } };
  readonly mesh?: MeshMode | undefined;
}

/** Places whose pods may do more than `restricted` allows, and why. */
export const lessRestrictedPlaces: {
  readonly [P in Place]?: { readonly level: PodSecurityLevel; readonly reason: string };
} = {
  agents: {
    level: "privileged",
    reason: "node-exporter and the collector of logs see the host's own files, processes and network",
  },
  meshAgents: {
    level: "privileged",
    reason:
      "istio-cni puts its plugin into the hosts' folders and redirects the traffic of pods, so that no pod needs such rights",
  },
};

export interface PlannedNamespace {
  readonly place: Place;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether it outlives the stack: with a namespace go the volumes in it. */
  readonly retain: boolean;
}

/**
 * The namespaces that a stack makes. All are `restricted`: what needs more has a namespace of its own, in `lessRestricted` or `lessRestrictedPlaces`.
 *
 * @param places those that have pods of the stack, or may get some
 */
export function planNamespaces(needs: NamespaceNeeds, places: readonly Place[]): PlannedNamespace[] {
  const { images, monitoring, namespaces, security, services, storage } = needs;
  const holdsData: Readonly<Record<Place, boolean>> = {
    agents: false,
    apps: Object.values(services).some(({ volumes }) => Object.keys(volumes).length > 0),
    ingress: false,
    mesh: false,
    meshAgents: false,
    monitoring: monitoring.prometheus.enabled,
    registry: true,
    ui: false,
  };
  return places.map((place) => ({
    place,
    name: namespaces[place],
    labels: {
      ...podSecurityLabels(lessRestrictedPlaces[place]?.level ?? "restricted"),
      ...(place === "apps" ? injectionLabels(needs.mesh) : {}),
      ...(place === "apps" && images.digests === "required" ? { [digestsLabel]: "required" } : {}),
      ...(security.signatures === undefined ? {} : { [signaturesLabel]: "true" }),
    },
    retain: storage.retain && holdsData[place],
  }));
}
