import { existsSync, readFileSync, rmSync, writeFileSync, mkdirSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import type { Workspace } from "./files.ts";

interface Holder {
  readonly pid: number;
  /** When the process began, in the kernel's ticks: tells it from a later one with the same number. */
  readonly began: string | undefined;
  readonly since: string;
}

/**
 * Keeps two runs of one stack on this machine apart, from before there is a cluster that could hold a Lease.
 * A lock whose process is gone is taken over.
 *
 * @returns the function that gives the lock back
 * @throws naming the process that holds it
 */
export function takeLock(workspace: Workspace, stack: string): () => void {
  mkdirSync(workspace.stateDir, { recursive: true });
  const file = join(workspace.stateDir, `${stack}.lock`);
  const content = JSON.stringify({
    pid: process.pid,
    began: processBeginning(process.pid),
    since: new Date().toISOString(),
  } satisfies Holder);
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      writeFileSync(file, content, { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = readHolder(file);
    if (holder !== undefined && lives(holder)) {
      throw new Error(
        `another run of stack ${stack} is under way here (process ${holder.pid}, since ${holder.since}); wait for its end, or end it`,
      );
    }
    rmSync(file, { force: true });
  }
  throw new Error(`${file} is taken again and again by other runs; wait for their end`);
}

/** Who this run is, for others to read. */
export function runIdentity(): string {
  return `${hostname()}/${process.pid}/${userName()}`;
}

/**
 * Names this boot of this machine, so that process numbers mean something; undefined outside of Linux. Host names alone do not
 * tell machines apart.
 */
export function machineToken(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Whether a run that noted this identity and machine was one of this machine's processes, and is gone. */
export function runIsDead(identity: string, machine: string | undefined): boolean {
  const [host, pid] = identity.split("/");
  if (machine === undefined || machine !== machineToken() || host !== hostname()) return false;
  return pid !== undefined && !processLives(Number(pid));
}

/** Whether a process still runs; one that has ended and only waits for its parent to notice does not. */
export function processLives(pid: number): boolean {
  if (existsSync("/proc/self/stat")) return processBeginning(pid) !== undefined;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function lives(holder: Holder): boolean {
  return processLives(holder.pid) && (holder.began === undefined || holder.began === processBeginning(holder.pid));
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Holder;
  } catch {
    // Its owner died while writing it, or gave it back just now; either way it holds nothing.
    return undefined;
  }
}

/**
 * When a process that runs began, in the kernel's ticks since boot: tells it from a later one with the same number.
 * Undefined when it has ended, and where there is no /proc, as outside of Linux.
 */
export function processBeginning(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return /^[ZX]$/.test(fields[0] ?? "") ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user may have a number and no name.
    return String(process.getuid?.() ?? "unknown");
  }
}
