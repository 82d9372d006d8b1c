import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

/** A volume that each pod of a StatefulSet has to itself. */
export interface DataVolume {
  readonly labels: Readonly<Record<string, string>>;
  /** Size of one. A change replaces the StatefulSet; volumes that exist keep their size. */
  readonly storageGiB: number;
  /** @default the cluster's default class */
  readonly storageClassName?: pulumi.Input<string> | undefined;
  /** Whether volumes outlive the StatefulSet. @default true */
  readonly retain?: boolean | undefined;
}

/** The fields of a StatefulSet that give its pods the volume `data`. */
export function dataVolume({
  labels,
  storageGiB,
  storageClassName,
  retain = true,
}: DataVolume): Pick<
  k8s.types.input.apps.v1.StatefulSetSpec,
  "persistentVolumeClaimRetentionPolicy" | "volumeClaimTemplates"
> {
  return {
    persistentVolumeClaimRetentionPolicy: { whenDeleted: retain ? "Retain" : "Delete", whenScaled: "Retain" },
    volumeClaimTemplates: [
      {
        metadata: { name: "data", labels },
        spec: {
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage: `${storageGiB}Gi` } },
          ...(storageClassName === undefined ? {} : { storageClassName }),
        },
      },
    ],
  };
}
