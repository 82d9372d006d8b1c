import type { Readable } from "node:stream";

/** Where archives are kept. */
export interface Store {
  readonly where: string;
  list(): Promise<{ readonly name: string; readonly size: number }[]>;
  read(name: string): Promise<Readable>;
  text(name: string): Promise<string>;
  /** Kept by its name only once it reads back with this sum. */
  put(name: string, file: string, sum: string): Promise<void>;
  remove(name: string): Promise<void>;
}

export interface StoredArchive {
  readonly name: string;
  readonly size: number;
  readonly time: Date;
  readonly revision: number;
}

export const partEnding: string;
export function openStore(settings: Readonly<Record<string, string | undefined>>): Store;
export function nameOf(what: {
  readonly cluster: string;
  readonly time: Date;
  readonly revision: number;
  readonly encrypted: boolean;
}): string;
export function archivesOf(store: Store, cluster: string): Promise<StoredArchive[]>;
export function surplus<Archive extends Pick<StoredArchive, "time">>(
  archives: readonly Archive[],
  keep: { readonly last: number; readonly days: number },
  now: Date,
): Archive[];
