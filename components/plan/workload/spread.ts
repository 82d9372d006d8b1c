import type { KubeadmSettings } from "../control-plane/hosts.ts";
import { placeComponents } from "../control-plane/topology.ts";

export type Spreading = "hard" | "soft" | "off";

/** A host that takes ordinary pods. */
export interface PodHost {
  readonly zone?: string | undefined;
}

/** Where pods run: on hosts that the stack knows, or on those of another's cluster. */
export type HostsSettings = { readonly mode: "existing" } | ({ readonly mode: "kubeadm" } & KubeadmSettings);

export interface PlacementSettings {
  readonly nodeSelector?: Readonly<Record<string, string>> | undefined;
  readonly tolerations?: readonly unknown[] | undefined;
  readonly spreadHosts?: Spreading | undefined;
  readonly spreadZones?: Spreading | undefined;
}

export interface Spread {
  readonly hosts: Spreading;
  readonly zones: Spreading;
}

/**
 * The hosts that take ordinary pods; undefined where the stack does not know them: an existing cluster. Local hosts are
 * processes of one machine, which is lost whole: there is nothing to spread over.
 */
export function podHosts(settings: HostsSettings): PodHost[] | undefined {
  if (settings.mode === "existing" || settings.local) return undefined;
  return placeComponents(settings)
    .filter(({ takesPods }) => takesPods)
    .map(({ zone }) => ({ zone }));
}

/** The hosts that this service's pods may lie on; undefined where labels and taints decide, which the stack does not know. */
export function hostsOf(
  placement: PlacementSettings,
  hosts: readonly PodHost[] | undefined,
): readonly PodHost[] | undefined {
  const chosen = Object.keys(placement.nodeSelector ?? {}).length > 0 || (placement.tolerations ?? []).length > 0;
  return chosen ? undefined : hosts;
}

/**
 * How strictly pods are kept apart. Hard by default only where every pod up to the most that there may be has a place; a rule
 * that no host can meet would leave pods pending for ever.
 *
 * @param pods most pods that there may be
 * @param hosts those known to take pods; undefined: not known
 */
export function planSpread(pods: number, placement: PlacementSettings, hosts: readonly PodHost[] | undefined): Spread {
  const known = hostsOf(placement, hosts);
  const apart = placement.spreadHosts ?? (known !== undefined && pods <= known.length ? "hard" : "soft");
  const zones =
    placement.spreadZones ?? (known !== undefined && zonesHold(pods, known, apart === "hard") ? "hard" : "soft");
  return { hosts: apart, zones };
}

/**
 * Whether every number of pods up to this one can lie evenly over two zones or more.
 *
 * With hosts kept apart a zone holds as many pods as it has hosts, so a small zone may be full while an even share asks for
 * more of it: then the zone rule keeps pods out of the other zones, and the host rule out of this one.
 */
export function zonesHold(pods: number, hosts: readonly PodHost[], hostsApart: boolean): boolean {
  // A pod under a hard rule for zones never lies on a host without one.
  if (hosts.some(({ zone }) => zone === undefined)) return false;
  const sizes = new Map<string, number>();
  for (const { zone = "" } of hosts) sizes.set(zone, (sizes.get(zone) ?? 0) + 1);
  if (sizes.size < 2) return false;
  if (!hostsApart) return true;
  const share = Math.floor(pods / sizes.size);
  const roomier = [...sizes.values()].filter((size) => size > share).length;
  return pods <= hosts.length && Math.min(...sizes.values()) >= share && roomier >= pods % sizes.size;
}
