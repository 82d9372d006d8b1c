import { createHash } from "node:crypto";
import { mkdirSync, rmdirSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout's root. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Everything that belongs to this checkout's local run; `reset` removes what `local/` put there. */
export const stateDir = join(root, ".quorum");

/** What is built once and kept for every checkout: binaries, root file systems, the registry's images. Keyed by content. */
export const cacheDir = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "quorum");

/** Sockets live here, since a Unix socket's path may have at most 107 bytes and a checkout's path may be longer. */
export const socketDir = join(tmpdir(), `quorum-${createHash("sha256").update(root).digest("hex").slice(0, 8)}`);

export function ensureDir(path: string, mode = 0o755): string {
  mkdirSync(path, { recursive: true, mode });
  return path;
}

/** Removes a folder that may be somebody else's too: only when nothing is in it. */
export function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Somebody uses it, or it is gone already.
  }
}
