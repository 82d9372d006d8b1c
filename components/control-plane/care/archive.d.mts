import type { Readable } from "node:stream";
import type { DecryptionKeys } from "./age.mjs";

export interface StoredFile {
  readonly size: number;
  readonly sha256: string;
}

/** What an archive says of itself, in it and beside it. */
export interface ArchiveMetadata {
  readonly format: 1;
  readonly cluster: string;
  /** ISO 8601. */
  readonly time: string;
  readonly host: string;
  readonly kubernetesVersion: string;
  readonly etcdVersion: string;
  readonly clusterId: string;
  readonly leader: string;
  readonly members: readonly {
    readonly id: string;
    readonly name: string;
    readonly peerUrls: readonly string[];
    readonly clientUrls: readonly string[];
    readonly learner: boolean;
  }[];
  readonly snapshot: StoredFile & {
    readonly revision: number;
    readonly keys: number;
    readonly hash: number;
    readonly hashKV: { readonly hash: number; readonly revision: number; readonly compactRevision: number };
  };
}

export function measureSnapshot(file: string): Promise<StoredFile>;
export function checkSnapshot(file: string): Promise<number>;
export function writeMetadata(folder: string, metadata: ArchiveMetadata): void;
export function packArchive(what: {
  readonly work: string;
  readonly etc?: string;
  readonly recipients?: readonly string[];
  readonly target: string;
}): Promise<StoredFile & { readonly fileKey?: Buffer }>;
export function unpackArchive(what: {
  readonly source: Readable;
  readonly keys?: DecryptionKeys | undefined;
  readonly expected?: StoredFile | undefined;
  readonly folder: string;
  readonly only?: readonly string[];
}): Promise<ArchiveMetadata>;
