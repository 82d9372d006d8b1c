import { createHash } from "node:crypto";
import { scaleOf } from "../workload/scaling.ts";

interface BackedUpVolume {
  readonly backup: boolean;
  readonly storageGiB?: number | undefined;
  readonly className?: string | undefined;
}

/** What of a service decides which of its volumes are backed up. */
export interface BackedUpService {
  /** @default Deployment */
  readonly kind?: "Deployment" | "StatefulSet" | "DaemonSet" | undefined;
  readonly replicas?: number | undefined;
  readonly volumes?: Readonly<Record<string, BackedUpVolume>> | undefined;
}

/** The backup of one claim: a service's volume, or of a StatefulSet one pod's part of it. */
export interface VolumeBackupPlan {
  readonly service: string;
  readonly volume: string;
  /** Pod of a StatefulSet that the claim belongs to; undefined for a Deployment, whose pods share it. */
  readonly ordinal: number | undefined;
  /** PersistentVolumeClaim that is read. */
  readonly claim: string;
  readonly storageGiB: number;
  /** StorageClass that the volume names; undefined: that of the stack. */
  readonly className: string | undefined;
  /** Name of the CronJob. */
  readonly job: string;
  /** Label `app` of its pods, one for all claims of a volume: what the network's policy selects them by. */
  readonly app: string;
  /** Labels of the pod that has the claim mounted: the backup runs on its node. */
  readonly beside: Readonly<Record<string, string>>;
}

/** Name of what the CronJobs share: the Secret, the ConfigMap and the ServiceAccount. */
export const volumeBackupName = "quorum-volume-backup";

export const volumeBackupTimes = {
  /** How late a run may begin: after an outage of the control plane a late backup is better than none. */
  startingDeadlineSeconds: 3600,
  /** Longest run: the first one of a large volume reads all of it. */
  activeDeadlineSeconds: 12 * 3600,
};

/** Longest name of a CronJob: its Jobs' names get 11 characters more. */
const cronJobNameLength = 52;
const hashLength = 8;

/** A name of at most `max` characters; what is longer ends in a hash of the whole. */
export function boundedName(name: string, max: number): string {
  if (name.length <= max) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, hashLength);
  return `${name.slice(0, max - hashLength - 1).replace(/-+$/, "")}-${hash}`;
}

/** Every claim that is backed up, in the order of the services. */
export function volumeBackups(services: Readonly<Record<string, BackedUpService>>): VolumeBackupPlan[] {
  return Object.entries(services).flatMap(([service, settings]) =>
    Object.entries(settings.volumes ?? {})
      .filter(([, { backup }]) => backup)
      .flatMap(([volume, { storageGiB = 1, className }]) =>
        (settings.kind === "StatefulSet"
          ? Array.from({ length: scaleOf(settings)?.most ?? 0 }, (_, ordinal) => backupOf(service, volume, ordinal))
          : [backupOf(service, volume, undefined)]
        ).map((backup) => ({ ...backup, storageGiB, className })),
      ),
  );
}

/** When each backup of a stack runs, and within what times: what its alerts go by. */
export function backupRuns({ backup, services }: BackupSchedules) {
  if (backup === undefined) return [];
  const { schedule, timeZone } = backup;
  return volumeBackups(services).map(({ job }) => ({ cronJob: job, schedule, timeZone, ...volumeBackupTimes }));
}

/** What of a configuration decides when backups run. */
export interface BackupSchedules {
  readonly backup?: { readonly schedule: string; readonly timeZone: string } | undefined;
  readonly services: Readonly<Record<string, BackedUpService>>;
}

/** Label `app` of the pods that back a volume up. */
export function backupApp(service: string, volume: string): string {
  return boundedName(`backup-${service}-${volume}`, cronJobNameLength);
}

function backupOf(service: string, volume: string, ordinal: number | undefined) {
  const app = backupApp(service, volume);
  if (ordinal === undefined) {
    return { service, volume, ordinal, claim: `${service}-${volume}`, job: app, app, beside: { app: service } };
  }
  const pod = `${service}-${ordinal}`;
  return {
    service,
    volume,
    ordinal,
    claim: `${volume}-${pod}`,
    job: boundedName(`backup-${service}-${volume}-${ordinal}`, cronJobNameLength),
    app,
    beside: { app: service, "statefulset.kubernetes.io/pod-name": pod },
  };
}

/**
 * Each claim has a repository of its own beneath the given one: what is locked, full or damaged in one stops no other.
 *
 * @param base as restic takes it, such as `s3:https://s3.example.com/bucket`
 */
export function claimRepository(base: string, stack: string, claim: string): string {
  const folder = `${stack}.${claim}`;
  // `azure:container` and its like: the path begins after a second colon.
  if (/^(azure|gs|b2|swift):[^:]+$/.test(base)) return `${base}:/${folder}`;
  return `${base.replace(/\/+$/, "")}/${folder}`;
}

const httpsPort = 443;

/** Port that a repository is reached by; that of an object store without a URL of its own is 443. */
export function repositoryPort(base: string): number {
  const url = /^(?:s3|rest):(https?):\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/]*)(?::(\d+))?/.exec(base);
  if (url === null) return Number(/^s3:[^/]+:(\d+)(?:\/|$)/.exec(base)?.[1] ?? httpsPort);
  const [, scheme, , port] = url;
  return Number(port ?? (scheme === "http" ? 80 : httpsPort));
}
