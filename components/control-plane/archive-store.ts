import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ArchiveStore, S3Store } from "../plan/control-plane/care.ts";
import { restrictedContainer } from "../platform/restricted.ts";
import { carePaths } from "./care-job.ts";

type Container = k8s.types.input.core.v1.Container;

export interface ArchiveVolumeArgs {
  readonly namespace: pulumi.Input<string>;
  /** Plain but for its secrets: it decides which resources exist. */
  readonly store: ArchiveStore<pulumi.Input<string>>;
  /** Image of rclone; needed by an object store. */
  readonly rcloneImage?: pulumi.Input<string> | undefined;
  /** StorageClass of a claim that names none. @default the cluster's default class */
  readonly storageClassName?: pulumi.Input<string> | undefined;
  /** Whether a claim outlives the stack. @default true */
  readonly retain?: boolean;
}

/** What a pod needs to reach a store. */
export interface ArchiveStoreParts {
  readonly env: readonly k8s.types.input.core.v1.EnvVar[];
  readonly mounts: readonly k8s.types.input.core.v1.VolumeMount[];
  readonly volumes: readonly k8s.types.input.core.v1.Volume[];
  readonly initContainers: readonly Container[];
}

/** Name of the claim and of the Secret. */
const storeName = "etcd-archives";
const caFile = "/etc/etcd-archives/ca.crt";

/** Where backups of etcd are kept, for the pod that writes them and for the one that reads them back. */
export class ArchiveVolume extends pulumi.ComponentResource {
  readonly #args: ArchiveVolumeArgs;
  readonly #claim: k8s.core.v1.PersistentVolumeClaim | undefined;
  readonly #secret: k8s.core.v1.Secret | undefined;

  constructor(name: string, args: ArchiveVolumeArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:control-plane:ArchiveVolume", name, {}, opts);
    this.#args = args;
    const { claim, s3 } = args.store;
    const metadata = { name: storeName, namespace: args.namespace };
    if (claim !== undefined) this.#claim = this.claimOf(name, args, claim);
    if (s3 !== undefined) {
      this.#secret = new k8s.core.v1.Secret(
        `${name}-secret`,
        {
          metadata,
          stringData: {
            accessKeyId: pulumi.secret(s3.accessKeyId),
            secretAccessKey: pulumi.secret(s3.secretAccessKey),
            ...(s3.caCertificate === undefined ? {} : { "ca.crt": s3.caCertificate }),
          },
        },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }

  private claimOf(name: string, args: ArchiveVolumeArgs, claim: NonNullable<ArchiveStore["claim"]>) {
    const retain = args.retain ?? true;
    const storageClassName = claim.className ?? args.storageClassName;
    return new k8s.core.v1.PersistentVolumeClaim(
      `${name}-claim`,
      {
        metadata: { name: storeName, namespace: args.namespace },
        spec: {
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage: `${claim.storageGiB}Gi` } },
          ...(storageClassName === undefined ? {} : { storageClassName }),
        },
      },
      { parent: this, protect: retain, retainOnDelete: retain },
    );
  }

  /** @param task who asks: only a backup may write */
  parts(task: "backup" | "drill"): ArchiveStoreParts {
    const { folder, nfs, s3 } = this.#args.store;
    const readOnly = task !== "backup";
    if (s3 !== undefined) return this.remoteParts(s3);
    const volume = folder
      ? { hostPath: { path: folder, type: "DirectoryOrCreate" } }
      : nfs
        ? { nfs: { ...nfs, readOnly } }
        : { persistentVolumeClaim: { claimName: this.#claim?.metadata.name ?? storeName } };
    return {
      env: [{ name: "STORE_FOLDER", value: carePaths.store }],
      mounts: [{ name: "store", mountPath: carePaths.store, readOnly }],
      volumes: [{ name: "store", ...volume }],
      initContainers: [],
    };
  }

  /** By rclone, which is told all by variables; what is secret comes from the Secret. */
  private remoteParts(s3: S3Store<pulumi.Input<string>>): ArchiveStoreParts {
    const { rcloneImage } = this.#args;
    if (rcloneImage === undefined) throw new pulumi.ResourceError("an object store needs the image of rclone", this);
    const own = s3.caCertificate !== undefined;
    const secretName = this.#secret?.metadata.name ?? storeName;
    const plain: Readonly<Record<string, string>> = {
      RCLONE: `${carePaths.work}/rclone`,
      RCLONE_CONFIG: `${carePaths.work}/no-rclone.conf`,
      STORE_REMOTE: `store:${s3.bucket}${s3.prefix === undefined ? "" : `/${s3.prefix}`}`,
      RCLONE_CONFIG_STORE_TYPE: "s3",
      RCLONE_CONFIG_STORE_PROVIDER: s3.provider,
      RCLONE_CONFIG_STORE_ENDPOINT: s3.endpoint,
      RCLONE_CONFIG_STORE_REGION: s3.region,
      // The bucket is the site's to make: a key that may write archives need not be one that may make buckets.
      RCLONE_CONFIG_STORE_NO_CHECK_BUCKET: "true",
      ...(own ? { RCLONE_CA_CERT: caFile } : {}),
    };
    const secret = (variable: string, key: string) => ({
      name: variable,
      valueFrom: { secretKeyRef: { name: secretName, key } },
    });
    const ca = { secret: { secretName, defaultMode: 0o400, items: [{ key: "ca.crt", path: "ca.crt" }] } };
    return {
      env: [
        ...Object.entries(plain).map(([variable, value]) => ({ name: variable, value })),
        secret("RCLONE_CONFIG_STORE_ACCESS_KEY_ID", "accessKeyId"),
        secret("RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY", "secretAccessKey"),
      ],
      mounts: own ? [{ name: "store-ca", mountPath: "/etc/etcd-archives", readOnly: true }] : [],
      volumes: own ? [{ name: "store-ca", ...ca }] : [],
      initContainers: [
        {
          name: "rclone",
          image: rcloneImage,
          imagePullPolicy: "IfNotPresent",
          command: ["cp", "/usr/local/bin/rclone", `${carePaths.work}/rclone`],
          resources: {
            requests: { cpu: "10m", memory: "64Mi", "ephemeral-storage": "16Mi" },
            limits: { cpu: "1", memory: "64Mi", "ephemeral-storage": "256Mi" },
          },
          securityContext: restrictedContainer,
          volumeMounts: [{ name: "work", mountPath: carePaths.work }],
        },
      ],
    };
  }
}
