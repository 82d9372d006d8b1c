import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureDir, stateDir } from "./paths.ts";
import { processBeginning, processLives } from "../engine/lock.ts";
import { lastLines } from "../engine/process.ts";

/** A process of `local/` that outlives the command which started it. */
export interface Service {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  /** Resolves to true once the service answers. */
  readonly ready: () => Promise<boolean>;
  /** @default 30 */
  readonly readySeconds?: number;
}

export type ServiceState = "running" | "died" | "stopped";

interface ProcessRecord {
  readonly pid: number;
  /** When it began, or "gone" when it ended at once. */
  readonly began: string;
  readonly commandLine: string;
}

const recordFile = (name: string) => join(ensureDir(join(stateDir, "services")), `${name}.json`);
export const logFile = (name: string) => join(ensureDir(join(stateDir, "logs")), `${name}.log`);

function readRecord(file: string): ProcessRecord | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProcessRecord;
  } catch {
    return undefined;
  }
}

function livingPid(file: string): number | undefined {
  const record = readRecord(file);
  return record !== undefined && processBeginning(record.pid) === record.began ? record.pid : undefined;
}

/** The id of the service's process while it runs. */
export function servicePid(name: string): number | undefined {
  return livingPid(recordFile(name));
}

/** Whether any process lives that the local run of this state folder started: another checkout's, perhaps. */
export function anyServiceRuns(folder: string): boolean {
  const services = join(folder, "services");
  return existsSync(services) && readdirSync(services).some((file) => livingPid(join(services, file)) !== undefined);
}

export function serviceState(name: string): ServiceState {
  if (servicePid(name) !== undefined) return "running";
  return readRecord(recordFile(name)) === undefined ? "stopped" : "died";
}

/** Whether it is this service's process that listens on a TCP port of IPv4 loopback. */
export function serviceListens(name: string, port: number): boolean {
  const pid = servicePid(name);
  if (pid === undefined) return false;
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const listening = "0A";
  const sockets = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1] === local && fields[3] === listening)
    .map((fields) => `socket:[${fields[9]}]`);
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((file) => sockets.includes(linkTarget(join(folder, file))));
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // Closed since the folder was read.
    return "";
  }
}

/** The last lines of a service's log, for a message about its death. */
export function logTail(name: string, count = 12): string {
  return existsSync(logFile(name)) ? lastLines(readFileSync(logFile(name), "utf8"), count).join("\n") : "(no log)";
}

/**
 * Starts the service unless it runs already, and waits until it answers.
 * @returns whether it was started now.
 * @throws naming the service, with the last lines of its log, when it dies or does not answer in time.
 */
export async function startService(service: Service): Promise<boolean> {
  const commandLine = JSON.stringify([service.command, ...service.args]);
  let pid = servicePid(service.name);
  const started = pid === undefined || readRecord(recordFile(service.name))?.commandLine !== commandLine;
  if (started) {
    if (pid !== undefined) await stopService(service.name);
    const log = openSync(logFile(service.name), "a");
    const child = spawn(service.command, service.args, {
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...process.env, ...service.env },
      cwd: "/",
    });
    closeSync(log);
    const failure = await new Promise<Error | undefined>((resolve) => {
      child.once("error", resolve);
      child.once("spawn", () => resolve(undefined));
    });
    if (failure !== undefined || child.pid === undefined)
      throw new Error(`${service.name} could not be started: ${failure?.message}`);
    child.unref();
    pid = child.pid;
    // A process that is gone already is recorded too, so that its death shows.
    const record: ProcessRecord = { pid, began: processBeginning(pid) ?? "gone", commandLine };
    writeFileSync(recordFile(service.name), JSON.stringify(record));
  }
  const deadline = Date.now() + (service.readySeconds ?? 30) * 1000;
  while (!(await service.ready())) {
    if (pid === undefined || !processLives(pid)) {
      throw new Error(
        `${service.name} died while it started; the last lines of ${logFile(service.name)}:\n${logTail(service.name)}`,
      );
    }
    if (Date.now() > deadline) {
      throw new Error(
        `${service.name} runs but did not answer within ${service.readySeconds ?? 30} s; the last lines of ${logFile(service.name)}:\n${logTail(service.name)}`,
      );
    }
    await sleep(100);
  }
  return started;
}

/** Ends the service that this checkout started, by its id: first asked, then killed. */
export async function stopService(name: string, graceSeconds = 10): Promise<void> {
  const pid = servicePid(name);
  if (pid !== undefined) {
    process.kill(pid, "SIGTERM");
    const deadline = Date.now() + graceSeconds * 1000;
    while (servicePid(name) !== undefined && Date.now() < deadline) await sleep(50);
    const left = servicePid(name);
    if (left !== undefined) process.kill(left, "SIGKILL");
    while (servicePid(name) !== undefined) await sleep(20);
  }
  rmSync(recordFile(name), { force: true });
}
