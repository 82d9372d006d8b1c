import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { type VolumeSettings, workloadNames } from "../plan/workload/workload.ts";
import type { WorkloadArgs } from "./args.ts";

/** Name of a volume within its pod; apart from those of config, secrets and /tmp. */
export const podVolumeName = (volume: string) => `volume-${volume}`;

/** Makes the claims of a Deployment, and answers the volumes of its pod. */
export function claimedVolumes(
  name: string,
  serviceName: string,
  args: WorkloadArgs,
  parent: pulumi.Resource,
): k8s.types.input.core.v1.Volume[] {
  return Object.entries(args.volumes ?? {}).map(([volume, settings]) => {
    const retain = settings.retain ?? args.retainVolumes ?? true;
    const claim = new k8s.core.v1.PersistentVolumeClaim(
      `${name}-volume-${volume}`,
      {
        metadata: {
          name: workloadNames(serviceName).claim(volume),
          namespace: args.namespace,
          labels: { app: serviceName },
          // A class may bind a claim only for a pod that uses it, and the pod's workload is waited for anyway.
          annotations: { "pulumi.com/skipAwait": "true" },
        },
        spec: claimSpec(settings, args),
      },
      { parent, protect: retain, retainOnDelete: retain },
    );
    return { name: podVolumeName(volume), persistentVolumeClaim: { claimName: claim.metadata.name } };
  });
}

/** The claims that a StatefulSet makes for each of its pods. */
export function claimTemplates(
  serviceName: string,
  args: WorkloadArgs,
): Pick<k8s.types.input.apps.v1.StatefulSetSpec, "persistentVolumeClaimRetentionPolicy" | "volumeClaimTemplates"> {
  const volumes = Object.entries(args.volumes ?? {});
  const [first] = volumes;
  if (first === undefined) return {};
  const retain = first[1].retain ?? args.retainVolumes ?? true;
  return {
    // A smaller number of pods may be a mistake, or for an hour: it never costs data.
    persistentVolumeClaimRetentionPolicy: { whenDeleted: retain ? "Retain" : "Delete", whenScaled: "Retain" },
    volumeClaimTemplates: volumes.map(([volume, settings]) => ({
      metadata: { name: volume, labels: { app: serviceName } },
      spec: claimSpec(settings, args),
    })),
  };
}

function claimSpec(
  { storageGiB, className }: VolumeSettings,
  args: WorkloadArgs,
): k8s.types.input.core.v1.PersistentVolumeClaimSpec {
  const storageClassName = className ?? args.storageClassName;
  return {
    accessModes: ["ReadWriteOnce"],
    resources: { requests: { storage: `${storageGiB}Gi` } },
    ...(storageClassName === undefined ? {} : { storageClassName }),
  };
}
