/** What of the monitoring decides whether it goes on when one pod is lost. */
export interface AvailabilityWanted {
  readonly prometheus: { readonly enabled: boolean; readonly replicas: number };
  readonly alertmanager: { readonly enabled: boolean; readonly replicas: number; readonly unattended: boolean };
}

const key = "quorum:monitoring";

/**
 * What is lost while the one pod of a part is away, as it is in each roll-out and until a lost host is given up. On local hosts, and where
 * nobody need be told, nothing is warned of.
 */
export function availabilityWarnings(
  { prometheus, alertmanager }: AvailabilityWanted,
  { local }: { readonly local: boolean },
): string[] {
  if (local || alertmanager.unattended) return [];
  return [
    ...(prometheus.enabled && prometheus.replicas === 1
      ? [
          `${key}.prometheus.replicas is 1: while that server is away nothing is measured and no alert begins; set it to 2`,
        ]
      : []),
    ...(alertmanager.enabled && alertmanager.replicas === 1
      ? [`${key}.alertmanager.replicas is 1: while that member is away nobody is told of anything; set it to 2`]
      : []),
  ];
}
