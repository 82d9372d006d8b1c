import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Workspace } from "../files.ts";
import { timed } from "../phases.ts";
import { lastLines } from "../process.ts";
import type { Outcome } from "./monitor.ts";
import { readStampsScript, runStepScript, stepMarkers, type StepScript } from "./host-script.ts";
import { type Registration, unknown, unknownPaths } from "./registration.ts";
import { type HostAddress, HostUnreachable, type Ssh } from "./ssh.ts";

export interface HostStepSettings {
  readonly workspace: Workspace;
  readonly ssh: Ssh;
  /** Only compares; runs nothing. */
  readonly preview: boolean;
  /** Whether a preview goes on without a host that cannot be reached; its steps' outputs are unknown then. */
  readonly needHosts: boolean;
  readonly log: (line: string) => void;
}

export interface HostStepResult {
  readonly name: string;
  readonly host: string;
  /** `new` never ran there; `changed` ran with another script or input. At preview, what `up` would do. */
  readonly action: "same" | "new" | "changed";
}

/** What a host remembers of a step. */
interface Stamp {
  readonly hash: string;
  readonly stdout: string;
}

const progressMilliseconds = 3000;

/** Makes `command:remote:Command` resources: runs a script on a host unless the host remembers the same one. */
export class HostStepMaker {
  readonly results: HostStepResult[] = [];
  readonly #settings: HostStepSettings;
  readonly #stamps = new Map<string, Promise<ReadonlyMap<string, Stamp> | undefined>>();
  readonly #names = new Set<string>();

  constructor(settings: HostStepSettings) {
    this.#settings = settings;
  }

  async make(resource: Registration): Promise<Outcome> {
    refuseInputs(resource);
    if (unknownPaths(resource.inputs).length > 0) return this.#notYet(resource, hostOf(resource), undefined);
    const address = readAddress(resource);
    const script = readScript(resource);
    const key = `${address.host}\0${script.name}`;
    if (this.#names.has(key))
      throw new Error(`two host steps on ${address.host} are called "${script.name}"; give one of them another name`);
    this.#names.add(key);
    const stamps = await this.#readStamps(address);
    const stamp = stamps?.get(script.name);
    if (stamp?.hash === script.hash) return this.#outcome(resource, address.host, "same", stamp.stdout);
    if (this.#settings.preview) return this.#notYet(resource, address.host, stamp);
    const stdout = await this.#run(resource, address, script);
    return this.#outcome(resource, address.host, stamp === undefined ? "new" : "changed", stdout);
  }

  #outcome(resource: Registration, host: string, action: HostStepResult["action"], stdout: string): Outcome {
    this.results.push({ name: resource.name, host, action });
    return { id: resource.name, outputs: { stdout: stdout.replace(/\n$/, ""), stderr: "" } };
  }

  #notYet(resource: Registration, host: string, stamp: Stamp | undefined): Outcome {
    this.results.push({ name: resource.name, host, action: stamp === undefined ? "new" : "changed" });
    return { id: resource.name, outputs: { stdout: unknown, stderr: unknown } };
  }

  /** All that a host remembers, read once: a run in which nothing changes enters each host once. */
  #readStamps(address: HostAddress): Promise<ReadonlyMap<string, Stamp> | undefined> {
    const key = `${address.user}@${address.host}:${address.port}`;
    const present = this.#stamps.get(key);
    if (present !== undefined) return present;
    const reading = this.#settings.ssh
      .run(address, readStampsScript, stepMarkers.host)
      .then(({ stdout }) => parseStamps(stdout))
      .catch((error: unknown) => {
        if (!(error instanceof HostUnreachable) || this.#settings.needHosts) throw error;
        this.#settings.log(`${error.message} (its steps show as new)`);
        return undefined;
      });
    this.#stamps.set(key, reading);
    return reading;
  }

  async #run(resource: Registration, address: HostAddress, script: StepScript): Promise<string> {
    const { workspace, ssh, log } = this.#settings;
    const logFile = join(workspace.stateDir, "logs", `${script.name}.log`);
    mkdirSync(join(workspace.stateDir, "logs"), { recursive: true });
    writeFileSync(logFile, "", { mode: 0o600 });
    const shown = relative(workspace.root, logFile);
    const started = performance.now();
    log(`step ${resource.name} on ${address.host} … (log: ${shown})`);
    const progress = progressLines((line) => log(`  ${address.host}: ${line}`));
    const keep = (text: string) => {
      appendFileSync(logFile, text);
      progress(text);
    };
    const result = await timed(`step ${resource.name}`, () =>
      ssh.run(address, runStepScript(script), stepMarkers.step, {
        ...(hidesStdout(resource) ? {} : { onStdout: keep }),
        onStderr: keep,
      }),
    );
    const { stdout } = result;
    if (result.code !== 0) {
      const said = lastLines(hidesStdout(resource) ? result.stderr : `${stdout}\n${result.stderr}`, 20);
      throw new Error(
        `step ${resource.name} failed on host ${address.host} with exit code ${result.code}; mend the cause and run up again, which goes on from there (log: ${shown}):\n${said.join("\n")}`,
      );
    }
    log(`step ${resource.name} on ${address.host} done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return stdout;
  }
}

function readScript(resource: Registration): StepScript {
  const { create, update, stdin, environment, triggers } = resource.inputs;
  if (typeof create !== "string") throw new Error(`host step "${resource.name}" has no create script; give it one`);
  for (const key of Object.keys(environment ?? {})) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key))
      throw new Error(`host step "${resource.name}" sets the variable "${key}", which no shell accepts; rename it`);
  }
  const variables = Object.entries((environment ?? {}) as Record<string, string>).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = [create, update ?? null, stdin ?? null, variables, triggers ?? null];
  return {
    name: resource.name.replace(/[^A-Za-z0-9._-]/g, "_"),
    hash: createHash("sha256").update(JSON.stringify(parts)).digest("hex"),
    create,
    update: typeof update === "string" ? update : undefined,
    stdin: typeof stdin === "string" ? stdin : "",
    environment: variables,
  };
}

function readAddress(resource: Registration): HostAddress {
  const { host, port, user, privateKey, hostKey } = resource.inputs["connection"] as Record<string, unknown>;
  return {
    host: String(host),
    port: Number(port ?? 22),
    user: typeof user === "string" ? user : "root",
    privateKey: typeof privateKey === "string" ? privateKey : undefined,
    hostKey: typeof hostKey === "string" ? hostKey : undefined,
  };
}

function hostOf(resource: Registration): string {
  const host = (resource.inputs["connection"] as Record<string, unknown> | undefined)?.["host"];
  return typeof host === "string" ? host : "a host that is not known yet";
}

function refuseInputs(resource: Registration): void {
  const refuse = (what: string, fix: string) => {
    throw new Error(
      `host step "${resource.name}" has ${what}, which the direct engine cannot follow; ${fix}, or use the Pulumi CLI (--engine cli)`,
    );
  };
  if (resource.inputs["delete"] !== undefined)
    refuse("a delete script", "leave it out (hosts keep what their steps made)");
  if (resource.inputs["addPreviousOutputInEnv"] === true)
    refuse("addPreviousOutputInEnv", "read what the step needs on the host");
  const connection = resource.inputs["connection"] as Record<string, unknown> | undefined;
  for (const key of ["password", "proxy", "agentSocketPath", "privateKeyPassword"]) {
    if (connection?.[key] !== undefined)
      refuse(`connection.${key}`, "use connection.privateKey, without a password of its own");
  }
}

/** Output that the program calls secret must not lie in a log. */
function hidesStdout(resource: Registration): boolean {
  const { logging } = resource.inputs;
  return logging === "none" || logging === "stderr" || resource.additionalSecretOutputs.includes("stdout");
}

function parseStamps(text: string): Map<string, Stamp> {
  const stamps = new Map<string, Stamp>();
  for (const line of text.split("\n")) {
    const [name, hash, stdout] = line.split(" ");
    if (name === undefined || hash === undefined || hash === "") continue;
    stamps.set(name, { hash, stdout: Buffer.from(stdout ?? "", "base64").toString("utf8") });
  }
  return stamps;
}

/** Shows the newest line of a long output now and then. */
function progressLines(show: (line: string) => void): (text: string) => void {
  let last = performance.now();
  return (text) => {
    const line = lastLines(text, 1)[0];
    if (line === undefined || performance.now() - last < progressMilliseconds) return;
    last = performance.now();
    show(line.slice(0, 160));
  };
}
