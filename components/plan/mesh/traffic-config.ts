import { clusterNetwork, type NetworkSettings } from "../connections/cluster-network.ts";
import type { Call } from "../connections/calls.ts";
import type { Problem } from "../problems.ts";
import { externalProblems } from "./external-checks.ts";
import type { MeshMode } from "./mesh-parts.ts";
import { type CheckedTraffic, trafficProblems } from "./traffic-checks.ts";
import type { ExternalHost, JwtSettings } from "./traffic-settings.ts";

/** The parts of a configuration that say how services talk to each other. */
export interface TrafficConfig {
  readonly mesh: MeshMode & {
    readonly external: Readonly<Record<string, ExternalHost>>;
    readonly jwt?: JwtSettings | undefined;
  };
  readonly services: Readonly<Record<string, CheckedTraffic>>;
  readonly jobs: Readonly<Record<string, { readonly calls: readonly Call[]; readonly mesh?: boolean | undefined }>>;
  readonly ingress: { readonly controller: "traefik" | "istio" | "existing" };
  readonly monitoring: { readonly prometheus: { readonly enabled: boolean } };
  readonly controlPlane: NetworkSettings & { readonly local?: boolean };
}

/** Everything in a configuration that contradicts itself about how services talk to each other. Shapes are taken as checked. */
export function trafficConfigProblems(config: TrafficConfig, declared: readonly string[]): Problem[] {
  const { mesh, services, jobs, ingress, monitoring, controlPlane } = config;
  return [
    ...trafficProblems(services, {
      mesh,
      jobs,
      local: controlPlane.mode === "kubeadm" && (controlPlane.local ?? false),
      prometheus: monitoring.prometheus.enabled,
    }),
    ...externalProblems(mesh, {
      services: [...declared, ...Object.keys(jobs)],
      inside: clusterNetwork(controlPlane).inside,
      controller: ingress.controller,
      callers: [
        ...Object.entries(services).map(([name, one]) => ({ ...one, key: `quorum:services.${name}` })),
        ...Object.entries(jobs).map(([name, one]) => ({ ...one, key: `quorum:jobs.${name}` })),
      ],
    }),
  ];
}
