import { type HostFindings, recoveryCopies } from "./host-findings.ts";
import type { StepContext } from "./host-steps.ts";

/** Where the data of a recovery come from. */
export type RecoverySource =
  | { readonly kind: "survivor"; readonly host: string; readonly revision: number | undefined }
  | {
      readonly kind: "snapshot";
      /** On the machine that runs the operation. */
      readonly file: string;
      /** For people: the file's name, its time and revision where they are known. */
      readonly shown: string;
      /** Whether the file ends with a checksum of its own, as `etcdctl snapshot save` writes one. */
      readonly summed: boolean;
      /** A tar of the `kubernetes` folder that was backed up with the snapshot: authorities, encryption configuration. */
      readonly kept?: string | undefined;
      /** What the cluster ran when it was made, where that is known. */
      readonly kubernetesVersion?: string | undefined;
    };

/** What a recovery is asked for, and what was found. */
export interface Recovery {
  readonly context: StepContext;
  readonly findings: readonly HostFindings[];
  /** Its name, from which dated folders are called; that of one that was begun, if there is one. */
  readonly id: string;
  /** Undefined where the data lie on the host already, restored by the run before. */
  readonly source: RecoverySource | undefined;
}

/** What the hosts say of themselves that holds members. */
export function membersOf(findings: readonly HostFindings[], members: readonly string[]): HostFindings[] {
  return findings.filter(({ host }) => members.includes(host));
}

/** The host whose data are to be restored: that with the highest revision, or with a copy of the recovery that was begun. */
export function survivorOf(members: readonly HostFindings[], lead: HostFindings | undefined): HostFindings | undefined {
  const id = lead?.recovery?.id;
  const copied = members.find(({ copies }) => id !== undefined && copies.includes(id));
  if (copied !== undefined) return copied;
  return members
    .filter(({ data }) => data === "sound")
    .sort((a, b) => (b.revision ?? 0) - (a.revision ?? 0) || Number(b === lead) - Number(a === lead))[0];
}

/** The file that a recovery restores from, on the host that restores it. */
export const copyOf = (id: string) => `${recoveryCopies}/${id}.db`;
