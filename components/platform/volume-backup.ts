import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  claimRepository,
  volumeBackupName,
  type VolumeBackupPlan,
  volumeBackupTimes,
} from "../plan/platform/volume-backup.ts";
import { backupMountPath, volumeBackupScript } from "../plan/platform/volume-backup-script.ts";
import { restrictedContainer, restrictedPod } from "./restricted.ts";

export interface VolumeBackupArgs {
  readonly namespace: pulumi.Input<string>;
  /** Image of restic/restic. */
  readonly image: pulumi.Input<string>;
  /** What is backed up. Plain: it decides which CronJobs exist. */
  readonly backups: readonly VolumeBackupPlan[];
  /** Name of the stack: the first part of each repository's name beneath `repository`. */
  readonly stack: string;
  /** Where the repositories are, as restic takes it; each claim has one beneath it. */
  readonly repository: pulumi.Input<string>;
  /** What the repositories are encrypted by. */
  readonly password: pulumi.Input<string>;
  /** What restic needs to reach the repository. Its keys are plain. @default none */
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Certificate of the authority of the repository's server. @default those that are publicly known */
  readonly caCertificate?: string | undefined;
  /** Five cron fields. @default 17 2 * * * */
  readonly schedule?: string;
  /** @default Etc/UTC */
  readonly timeZone?: string;
  /** Backups of each claim that are kept. @default 3 last, 7 daily, 4 weekly, 6 monthly */
  readonly keep?: { readonly last: number; readonly daily: number; readonly weekly: number; readonly monthly: number };
  /** Part of the repository's data that each run reads back, in percent, 0 to 100. @default 5 */
  readonly checkPercent?: number;
  /** Whether each run reads a clone of the claim, which a CSI driver makes: one moment of it, on whichever node. @default false */
  readonly clone?: boolean;
  /** StorageClass of volumes that name none. @default the cluster's default class */
  readonly storageClassName?: pulumi.Input<string> | undefined;
}

const settingsPath = "/etc/volume-backup";
const scriptPath = "/opt/volume-backup";
const defaultKeep = { last: 3, daily: 7, weekly: 4, monthly: 6 };

/**
 * Backups of volumes by restic: encrypted, off the cluster, each checked before an older one is taken away.
 *
 * A run mounts the claim read-only, on the node of the pod that uses it: a ReadWriteOnce volume is on one node at a time.
 */
export class VolumeBackup extends pulumi.ComponentResource {
  readonly cronJobs: readonly k8s.batch.v1.CronJob[];

  constructor(name: string, args: VolumeBackupArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:VolumeBackup", name, {}, opts);
    const parent = { parent: this };
    const metadata = { name: volumeBackupName, namespace: args.namespace };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      parent,
    );
    const script = new k8s.core.v1.ConfigMap(
      `${name}-script`,
      { metadata, data: { "volume-backup.sh": volumeBackupScript } },
      parent,
    );
    const secret = new k8s.core.v1.Secret(`${name}-secret`, { metadata, stringData: secretTexts(args) }, parent);
    this.cronJobs = args.backups.map(
      (backup) =>
        new k8s.batch.v1.CronJob(
          `${name}-${backup.job}`,
          {
            metadata: { name: backup.job, namespace: args.namespace, labels: jobLabels(backup) },
            spec: cronJobSpec(args, backup, {
              account: account.metadata.name,
              script: script.metadata.name,
              secret: secret.metadata.name,
            }),
          },
          parent,
        ),
    );
    this.registerOutputs({});
  }
}

interface Shared {
  readonly account: pulumi.Output<string>;
  readonly script: pulumi.Output<string>;
  readonly secret: pulumi.Output<string>;
}

function secretTexts(args: VolumeBackupArgs): Record<string, pulumi.Input<string>> {
  const repository = pulumi.secret(args.repository);
  return {
    password: pulumi.secret(args.password),
    ...(args.caCertificate === undefined ? {} : { "ca.crt": args.caCertificate }),
    ...Object.fromEntries(
      Object.entries(args.environment ?? {}).map(([variable, value]) => [`env.${variable}`, pulumi.secret(value)]),
    ),
    ...Object.fromEntries(
      args.backups.map(({ claim }) => [
        `repository.${claim}`,
        repository.apply((base) => claimRepository(base, args.stack, claim)),
      ]),
    ),
  };
}

function jobLabels({ app, job, service, volume }: VolumeBackupPlan): Record<string, string> {
  return {
    app,
    "quorum.dev/job": job,
    "quorum.dev/backup-of": service,
    "quorum.dev/volume": volume,
  };
}

function cronJobSpec(
  args: VolumeBackupArgs,
  backup: VolumeBackupPlan,
  shared: Shared,
): k8s.types.input.batch.v1.CronJobSpec {
  const labels = jobLabels(backup);
  return {
    schedule: args.schedule ?? "17 2 * * *",
    timeZone: args.timeZone ?? "Etc/UTC",
    concurrencyPolicy: "Forbid",
    startingDeadlineSeconds: volumeBackupTimes.startingDeadlineSeconds,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 3,
    jobTemplate: {
      metadata: { labels },
      spec: {
        backoffLimit: 2,
        activeDeadlineSeconds: volumeBackupTimes.activeDeadlineSeconds,
        template: { metadata: { labels }, spec: podSpec(args, backup, shared) },
      },
    },
  };
}

function podSpec(
  args: VolumeBackupArgs,
  backup: VolumeBackupPlan,
  { account, script, secret }: Shared,
): k8s.types.input.core.v1.PodSpec {
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    restartPolicy: "Never",
    // The user of every workload: what it wrote, it may read.
    securityContext: { ...restrictedPod(), fsGroupChangePolicy: "OnRootMismatch" },
    ...(args.clone === true ? {} : { affinity: besideItsPod(backup) }),
    containers: [
      {
        name: "restic",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        command: ["sh", `${scriptPath}/volume-backup.sh`],
        env: environment(args, backup, secret),
        resources: {
          requests: { cpu: "100m", memory: "256Mi", "ephemeral-storage": "256Mi" },
          limits: { cpu: "1", memory: "1Gi", "ephemeral-storage": "2Gi" },
        },
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "data", mountPath: backupMountPath, readOnly: true },
          { name: "script", mountPath: scriptPath, readOnly: true },
          { name: "settings", mountPath: settingsPath, readOnly: true },
          { name: "tmp", mountPath: "/tmp" },
        ],
      },
    ],
    volumes: [
      args.clone === true
        ? cloneOf(args, backup)
        : { name: "data", persistentVolumeClaim: { claimName: backup.claim } },
      { name: "script", configMap: { name: script } },
      {
        name: "settings",
        secret: {
          secretName: secret,
          defaultMode: 0o440,
          items: ["password", ...(args.caCertificate === undefined ? [] : ["ca.crt"])].map((key) => ({
            key,
            path: key,
          })),
        },
      },
      // restic's cache of the repository's index, and what a check reads back.
      { name: "tmp", emptyDir: { sizeLimit: "2Gi" } },
    ],
  };
}

function besideItsPod({ beside }: VolumeBackupPlan): k8s.types.input.core.v1.Affinity {
  return {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { ...beside } } },
      ],
    },
  };
}

/** A claim that begins as a copy of the service's, and goes with the pod. */
function cloneOf(args: VolumeBackupArgs, backup: VolumeBackupPlan): k8s.types.input.core.v1.Volume {
  const storageClassName = backup.className ?? args.storageClassName;
  const spec = {
    accessModes: ["ReadWriteOnce"],
    resources: { requests: { storage: `${backup.storageGiB}Gi` } },
    ...(storageClassName === undefined ? {} : { storageClassName }),
    dataSource: { kind: "PersistentVolumeClaim", name: backup.claim },
  };
  return { name: "data", ephemeral: { volumeClaimTemplate: { spec } } };
}

function environment(
  args: VolumeBackupArgs,
  { claim, service, volume }: VolumeBackupPlan,
  secret: pulumi.Output<string>,
): k8s.types.input.core.v1.EnvVar[] {
  const keep = args.keep ?? defaultKeep;
  const plain = {
    MODE: "backup",
    SNAPSHOT: "latest",
    OVERWRITE: "no",
    HOST_TAG: claim,
    VOLUME_TAG: `${service}/${volume}`,
    CHECK_PERCENT: String(args.checkPercent ?? 5),
    KEEP_LAST: String(keep.last),
    KEEP_DAILY: String(keep.daily),
    KEEP_WEEKLY: String(keep.weekly),
    KEEP_MONTHLY: String(keep.monthly),
    RESTIC_PASSWORD_FILE: `${settingsPath}/password`,
    TMPDIR: "/tmp",
    ...(args.caCertificate === undefined ? {} : { CA_CERTIFICATE: `${settingsPath}/ca.crt` }),
  };
  const secrets = {
    RESTIC_REPOSITORY: `repository.${claim}`,
    ...Object.fromEntries(Object.keys(args.environment ?? {}).map((variable) => [variable, `env.${variable}`])),
  };
  return [
    ...Object.entries(plain).map(([name, value]) => ({ name, value })),
    ...Object.entries(secrets).map(([name, key]) => ({ name, valueFrom: { secretKeyRef: { name: secret, key } } })),
  ];
}
