import { createReadStream, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { type Identities, readIdentities } from "../components/control-plane/care/age.mjs";
import {
  type ArchiveMetadata,
  checkSnapshot,
  type StoredFile,
  unpackArchive,
} from "../components/control-plane/care/archive.mjs";
import type { ArchiveSource } from "../components/control-plane/care/drill.mjs";
import { ExitError } from "./errors.ts";

export type { ArchiveMetadata };

/** Checks that a snapshot's file is whole. @throws saying what is wrong with it */
export { checkSnapshot };

/** The private keys in a file of age-keygen's or of `npm run backup -- keygen`. @throws ExitError without showing any of it */
export function identitiesIn(file: string): Identities {
  if (!existsSync(file)) throw new ExitError(`there is no key file ${file}`, 2);
  try {
    return readIdentities(readFileSync(file, "utf8"));
  } catch (error) {
    throw new ExitError(`${file}: ${error instanceof Error ? error.message : String(error)}`, 2);
  }
}

/** What the description beside an archive says of its file, where one is there. */
export function describedFile(archive: string): StoredFile | undefined {
  const beside = `${archive}.json`;
  if (!existsSync(beside)) return undefined;
  const described = JSON.parse(readFileSync(beside, "utf8")) as { readonly archive: StoredFile };
  return described.archive;
}

/**
 * Opens an archive of EtcdBackup on this machine: `metadata.json`, `snapshot.db` and `kubernetes/` come into the folder. Every sum is
 * checked; that of the file itself where its description (`<archive>.json`) lies beside it.
 *
 * @param identityFile private key, in the form of age-keygen; not needed for an archive that is not encrypted
 * @param only members to unpack. @default all
 * @throws when it is not whole, or the key is not one that it was encrypted to
 */
export async function openArchive(
  archive: string,
  identityFile: string | undefined,
  folder: string,
  only: readonly string[] = [],
): Promise<ArchiveMetadata> {
  const { stream: source, keys, expected } = archiveSource(archive, identityFile);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return unpackArchive({ source, keys, expected, folder, only });
}

/** An archive's file with what opens it. @throws ExitError when one of them is not there */
export function archiveSource(archive: string, identityFile: string | undefined): ArchiveSource {
  if (!existsSync(archive) || !statSync(archive).isFile()) throw new ExitError(`there is no archive ${archive}`, 2);
  const encrypted = archive.endsWith(".age");
  if (encrypted && identityFile === undefined)
    throw new ExitError(
      `${basename(archive)} is encrypted; name the file of the private key that opens it (--key FILE)`,
      2,
    );
  const keys = encrypted && identityFile !== undefined ? { identities: identitiesIn(identityFile) } : undefined;
  return { stream: createReadStream(archive), keys, expected: describedFile(archive) };
}
