import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Workspace } from "../files.ts";
import { processLives } from "../lock.ts";
import { lastLines, type ProcessResult, runProcess } from "../process.ts";

/** How to reach a host; `name` is for people. */
export interface HostAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Content of the private key; without it, ssh uses the user's own keys. */
  readonly privateKey?: string | undefined;
  /** Public host key, as in known_hosts; without it, the first one seen is trusted and kept. */
  readonly hostKey?: string | undefined;
}

/** The host did not let us in, or could not be reached. */
export class HostUnreachable extends Error {}

export interface ScriptOutput {
  readonly onStdout?: (text: string) => void;
  readonly onStderr?: (text: string) => void;
}

const connectTimeoutSeconds = 10;
let keyFiles = 0;

/** Runs scripts on hosts with the ssh client; keeps its own known_hosts file and touches none of the user's. */
export class Ssh {
  readonly #folder: string;
  readonly #keys = new Map<string, string>();

  constructor(workspace: Workspace) {
    this.#folder = join(workspace.stateDir, "ssh");
  }

  /**
   * Runs a bash script on a host. The script goes through standard input, so nothing of it shows in a process list.
   * It must print `marker` in a line of its own before all else, which tells its own exit codes from ssh's and its output
   * from a login message. The result's standard output is what follows.
   *
   * @throws HostUnreachable naming the host and what to do
   */
  async run(address: HostAddress, script: string, marker: string, output: ScriptOutput = {}): Promise<ProcessResult> {
    if (address.privateKey?.startsWith("unset:") === true) {
      throw new HostUnreachable(
        `host ${address.host}, port ${address.port}, cannot be entered yet: its private key is not there`,
      );
    }
    const { onStdout, onStderr } = output;
    const result = await runProcess("ssh", this.#arguments(address), {
      input: script,
      ...(onStdout === undefined ? {} : { onStdout: (text) => onStdout(text.replace(`${marker}\n`, "")) }),
      ...(onStderr === undefined ? {} : { onStderr }),
    });
    const start = result.stdout.indexOf(`${marker}\n`);
    if (start === -1) throw new HostUnreachable(unreachableMessage(address, result, this.#folder));
    return { ...result, stdout: result.stdout.slice(start + marker.length + 1) };
  }

  /** The ssh client's arguments for a command that takes or gives more than memory should hold. */
  commandLine(address: HostAddress, command: string): string[] {
    return this.#arguments(address, command);
  }

  /** Removes the private keys that this run put into files. */
  close(): void {
    for (const file of this.#keys.values()) rmSync(file, { force: true });
    this.#keys.clear();
  }

  #arguments(address: HostAddress, command = "bash -s"): string[] {
    const known = address.hostKey === undefined ? this.#knownHosts() : this.#pinnedHost(address, address.hostKey);
    const options = {
      BatchMode: "yes",
      ConnectTimeout: connectTimeoutSeconds,
      ServerAliveInterval: 15,
      ServerAliveCountMax: 8,
      StrictHostKeyChecking: address.hostKey === undefined ? "accept-new" : "yes",
      UserKnownHostsFile: `"${known}"`,
      LogLevel: "ERROR",
      ...(address.privateKey === undefined ? {} : { IdentitiesOnly: "yes", IdentityAgent: "none" }),
    };
    return [
      "-T",
      ...(address.privateKey === undefined ? [] : ["-i", this.#keyFile(address.privateKey)]),
      ...Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`]),
      ...["-p", String(address.port), "-l", address.user, "--", address.host, command],
    ];
  }

  #knownHosts(): string {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    return join(this.#folder, "known_hosts");
  }

  #pinnedHost(address: HostAddress, hostKey: string): string {
    const file = `${this.#knownHosts()}.${address.host}`;
    writeFileSync(file, `${address.port === 22 ? address.host : `[${address.host}]:${address.port}`} ${hostKey}\n`);
    return file;
  }

  #keyFile(privateKey: string): string {
    const present = this.#keys.get(privateKey);
    if (present !== undefined) return present;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    removeLeftovers(this.#folder);
    const file = join(this.#folder, `key-${process.pid}-${keyFiles++}`);
    writeFileSync(file, privateKey.endsWith("\n") ? privateKey : `${privateKey}\n`, { mode: 0o600 });
    this.#keys.set(privateKey, file);
    return file;
  }
}

/** A run that was killed could not remove its keys. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = /^key-(\d+)-\d+$/.exec(name)?.[1];
    if (pid !== undefined && !processLives(Number(pid))) rmSync(join(folder, name), { force: true });
  }
}

function unreachableMessage({ host, port, user }: HostAddress, result: ProcessResult, folder: string): string {
  const reason = lastLines(result.stderr, 1).join("") || `ssh ended with exit code ${result.code}`;
  const where = `host ${host}, port ${port}, cannot be entered as ${user}`;
  if (/host key.*changed|host key verification failed/i.test(result.stderr)) {
    return `${where}: its host key is not the one seen before; if the machine was made anew, run: ssh-keygen -R ${port === 22 ? host : `"[${host}]:${port}"`} -f ${join(folder, "known_hosts")}`;
  }
  if (/permission denied/i.test(result.stderr))
    return `${where}: ${reason}; set quorum:controlPlane.ssh to a user and key that the host accepts`;
  return `${where}: ${reason}; start the host and its sshd (npm run local -- start, for hosts on this machine), or correct its address in quorum:controlPlane.hosts`;
}
