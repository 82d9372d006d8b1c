import type { EtcdClient, EtcdPrograms } from "./etcd.mjs";
import type { Store } from "./store.mjs";

/** What the program of a backup is told. */
export interface BackupProgramSettings {
  readonly cluster: string;
  readonly endpoints: readonly string[];
  readonly recipients: readonly string[];
  readonly keep: { readonly last: number; readonly days: number };
  readonly work: string;
  /** Folder that has the host's `kubernetes` in it. */
  readonly etc: string;
  readonly state: string;
  readonly host: string;
  readonly kubernetesVersion: string;
}

export interface GoodBackup {
  readonly time: number;
  readonly revision: number;
  readonly keys: number;
  readonly databaseBytes: number;
  readonly archiveBytes: number;
  readonly archives: number;
  readonly storeBytes: number;
}

export function backup(
  settings: BackupProgramSettings,
  by: { readonly programs: EtcdPrograms; readonly client: EtcdClient; readonly store: Store; readonly now?: Date },
): Promise<GoodBackup>;
export function backupFigures(what: {
  readonly run: { readonly time: number; readonly succeeded: boolean; readonly seconds: number };
  readonly good?: GoodBackup | undefined;
}): string;
