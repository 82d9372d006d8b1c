import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Where a checkout's program and its state are. */
export interface Workspace {
  /** Folder with Pulumi.yaml and index.ts. */
  readonly root: string;
  /** Folder that git ignores: locks, logs, keys, kubeconfigs. */
  readonly stateDir: string;
}

/** Writes a file that only its owner may read, whole or not at all. */
export function writePrivate(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, content, { mode: 0o600 });
  renameSync(temporary, path);
}
