import { isRecipient, looksPrivate } from "../../control-plane/care/age.mjs";
import { scheduleTextProblems } from "../jobs/job-checks.ts";
import type { Problem } from "../problems.ts";
import type { ArchiveStore, CareSettings, EtcdBackupSettings } from "./care.ts";

/** What of a configuration decides whether its etcd can be cared for. */
export interface CheckedCare {
  readonly local: boolean;
  readonly etcd: CareSettings;
}

const key = "quorum:controlPlane.etcd";
const stores = ["folder", "nfs", "claim", "s3"] as const;

/** Everything that is wrong with the care of etcd. Shapes are taken as checked. No key that may be private is ever shown. */
export function careProblems({ local, etcd }: CheckedCare, storage: { readonly localPath: boolean }): Problem[] {
  const { backup, maintenance, drill } = etcd;
  const timed = Object.entries({ backup, maintenance, drill }).flatMap(([task, settings]) =>
    settings === undefined
      ? []
      : scheduleTextProblems(
          `${key}.${task}.schedule`,
          settings.schedule,
          `${key}.${task}.timeZone`,
          settings.timeZone,
        ),
  );
  if (backup === undefined) return timed;
  return [...timed, ...recipientProblems(backup, local), ...storeProblems(backup.store, local, storage.localPath)];
}

function recipientProblems({ recipients }: EtcdBackupSettings, local: boolean): Problem[] {
  if (recipients.length === 0) {
    if (local) return [];
    return [
      {
        key: `${key}.backup.recipients`,
        text: "is empty, but it must have a public key: an archive holds every key and certificate of the cluster; make a key with `npm run backup -- keygen FILE`, keep the file outside of the cluster, and put what it prints here",
      },
    ];
  }
  return recipients.flatMap((recipient, index): Problem[] => {
    const at = `${key}.backup.recipients.${index}`;
    if (looksPrivate(recipient)) {
      return [
        {
          key: at,
          text: "is the private half of a key, but it must be the public one (age1…), as no cluster may open its own archives; put there what `age-keygen -y FILE` prints, and if this file was shared, make another key",
        },
      ];
    }
    if (isRecipient(recipient)) return [];
    const fix = /^(ssh-|age1.*1)/.test(recipient) ? "make a key of age's own" : "copy it again";
    return [
      {
        key: at,
        text: `is no public key of age, but it must be one (age1… and 58 more characters, by X25519); ${fix}`,
      },
    ];
  });
}

function storeProblems(store: ArchiveStore, local: boolean, localPath: boolean): Problem[] {
  const at = `${key}.backup.store`;
  const given = stores.filter((name) => store[name] !== undefined);
  if (given.length !== 1) {
    return [
      {
        key: at,
        text: `has ${given.length === 0 ? "none" : given.join(" and ")} of ${stores.join(", ")}, but it must have one of them; set one, for example s3`,
      },
    ];
  }
  const { claim } = store;
  if (
    claim !== undefined &&
    !local &&
    (claim.className === "local-path" || (claim.className === undefined && localPath))
  ) {
    return [
      {
        key: `${at}.claim.className`,
        text: `is ${claim.className === undefined ? "missing" : '"local-path"'}, but a volume of local-path is on the very host that may be lost; set a class whose volumes are elsewhere, or use nfs or s3`,
      },
    ];
  }
  return [];
}
