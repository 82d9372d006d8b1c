import type { Problem } from "../problems.ts";
import type { BackedUpService } from "./volume-backup.ts";
import { scheduleProblem, timeZoneProblem } from "../jobs/schedule.ts";

/** What of a configuration decides whether its backups can be made. */
export interface StorageSettings {
  readonly services: Readonly<Record<string, BackedUpService & { readonly autoscale?: object | undefined }>>;
  readonly backup?:
    | {
        readonly clone?: boolean | undefined;
        readonly environment: Readonly<Record<string, unknown>>;
        readonly schedule: string;
        readonly timeZone: string;
        readonly keep: Readonly<Record<"last" | "daily" | "weekly" | "monthly", number>>;
      }
    | undefined;
}

/** Variables that the backup's own pods are told by. */
const ownVariables = /^(RESTIC_(REPOSITORY|PASSWORD)(_FILE|_COMMAND)?|RESTIC_CACHE_DIR|TMPDIR|PATH|HOME)$/;
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Everything that is wrong with volumes and their backups taken together. Their shapes are taken as checked. */
export function storageProblems(
  { services, backup }: StorageSettings,
  declared = backup !== undefined,
  localPath = false,
): Problem[] {
  const problems: Problem[] = [];
  let wanted = false;
  for (const [name, service] of Object.entries(services)) {
    for (const [volume, { backup: backedUp }] of Object.entries(service.volumes ?? {})) {
      if (!backedUp) continue;
      wanted = true;
      const key = `quorum:services.${name}.volumes.${volume}.backup`;
      if (!declared) {
        problems.push({
          key,
          text: "is true, but nothing says where backups go; set quorum:backup.repository and password, or set this to false",
        });
      }
      if (service.kind === "StatefulSet" && service.autoscale !== undefined) {
        problems.push({
          key,
          text: "is true, but each pod of a StatefulSet has a volume of its own, and autoscale changes how many there are; give replicas instead of autoscale",
        });
      }
    }
  }
  return backup === undefined ? problems : [...problems, ...backupProblems(backup, wanted, localPath)];
}

function backupProblems(
  backup: NonNullable<StorageSettings["backup"]>,
  wanted: boolean,
  localPath: boolean,
): Problem[] {
  const problems: Problem[] = [];
  if (!wanted) {
    problems.push({
      key: "quorum:backup",
      text: "is set, but no volume is backed up; set backup: true on a volume of a service, or leave it out",
    });
  }
  const zone = timeZoneProblem(backup.timeZone);
  if (zone !== undefined) {
    problems.push({ key: "quorum:backup.timeZone", text: `is "${backup.timeZone}", but ${zone}` });
  } else {
    const schedule = scheduleProblem(backup.schedule, backup.timeZone);
    if (schedule !== undefined) {
      problems.push({ key: "quorum:backup.schedule", text: `is "${backup.schedule}", but ${schedule}` });
    }
  }
  if (backup.clone === true && localPath) {
    problems.push({
      key: "quorum:backup.clone",
      text: "is true, but local-path, which makes the volumes here, cannot clone one; leave it out, or use the class of a CSI driver",
    });
  }
  if (Object.values(backup.keep).every((count) => count === 0)) {
    problems.push({
      key: "quorum:backup.keep",
      text: "is 0 everywhere, but then no backup would stay; keep at least the last 1",
    });
  }
  for (const variable of Object.keys(backup.environment)) {
    const key = `quorum:backup.environment.${variable}`;
    if (!variableName.test(variable)) {
      problems.push({ key, text: "is no name of an environment variable: letters, digits and underscores; rename it" });
    } else if (ownVariables.test(variable)) {
      problems.push({
        key,
        text: "is set by the backup itself; leave it out, and set repository and password instead",
      });
    }
  }
  return problems;
}
