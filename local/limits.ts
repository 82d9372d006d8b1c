import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureDir, stateDir } from "./paths.ts";

/**
 * Limits of the whole machine that several hosts on it would run into: a kubelet, its containers and the rest want a dozen or
 * two inotify instances for each host, and the kernel allows a user 128. A kubelet without one ends at its start.
 */
const least: Readonly<Record<string, number>> = {
  "/proc/sys/fs/inotify/max_user_instances": 1024,
  "/proc/sys/fs/inotify/max_user_watches": 262_144,
};
const noteFile = join(stateDir, "limits.json");

/** Raises what is lower, and notes what it was. A machine that does not let it be set is left as it is. */
export function raiseLimits(): void {
  ensureDir(stateDir);
  const before = readNote();
  for (const [file, wanted] of Object.entries(least)) {
    if (!existsSync(file)) continue;
    const now = Number(readFileSync(file, "utf8"));
    if (now >= wanted) continue;
    try {
      writeFileSync(file, String(wanted));
      before[file] ??= now;
    } catch {
      // Read-only, as in some containers: few hosts fit within the limits as they are.
    }
  }
  if (Object.keys(before).length > 0) writeFileSync(noteFile, JSON.stringify(before));
}

/** Puts back what `raiseLimits` raised, unless somebody else has set it to another value since. */
export function restoreLimits(): void {
  for (const [file, value] of Object.entries(readNote())) {
    if (existsSync(file) && Number(readFileSync(file, "utf8")) === least[file]) writeFileSync(file, String(value));
  }
  rmSync(noteFile, { force: true });
}

function readNote(): Record<string, number> {
  return existsSync(noteFile) ? (JSON.parse(readFileSync(noteFile, "utf8")) as Record<string, number>) : {};
}
