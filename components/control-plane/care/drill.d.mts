import type { Readable } from "node:stream";
import type { DecryptionKeys } from "./age.mjs";
import type { ArchiveMetadata, StoredFile } from "./archive.mjs";
import type { EtcdPrograms, ScratchPorts } from "./etcd.mjs";
import type { Store, StoredArchive } from "./store.mjs";

export interface ArchiveSource {
  readonly stream: Readable;
  readonly keys?: DecryptionKeys | undefined;
  readonly expected?: StoredFile | undefined;
}

export function chooseArchive(
  archives: readonly StoredArchive[],
  key: { readonly name: string; readonly key: string } | undefined,
): { readonly archive: StoredArchive; readonly keys?: DecryptionKeys };
export function drill(what: {
  readonly source: ArchiveSource;
  readonly programs: EtcdPrograms;
  readonly work: string;
  readonly ports?: ScratchPorts;
}): Promise<ArchiveMetadata>;
export function sourceOf(
  store: Store,
  archive: StoredArchive,
  keys: DecryptionKeys | undefined,
): Promise<ArchiveSource>;
export function drillFigures(what: {
  readonly run: { readonly time: number; readonly succeeded: boolean; readonly seconds: number };
  readonly good?: { readonly time: number; readonly archiveTime: number; readonly keys: number } | undefined;
}): string;
