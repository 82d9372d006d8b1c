import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { parse, stringify } from "yaml";
import { binaryPath } from "../../local/toolchain.ts";
import { runProcess } from "../../engine/process.ts";

export const root = join(import.meta.dirname, "../..");
export const stateDir = join(root, ".quorum");
export const kubeconfig = join(stateDir, "dev.kubeconfig");
/** What `npm start` printed when the run began, for the tests that read it. */
export const startRecord = join(stateDir, "test-start.json");

export const appUrl = "http://localhost:9376";
export const prometheusUrl = "http://localhost:9090";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

export interface StartRecord {
  readonly started: Ended;
  /** Whether hosts of this checkout ran before the tests did. */
  readonly wasRunning: boolean;
}

export const readStart = () => JSON.parse(readFileSync(startRecord, "utf8")) as StartRecord;

/** Runs one of the README's commands as a user would, by its launcher; `show` gets what it says while it says it. */
export async function quorum(
  args: readonly string[],
  env: Record<string, string | undefined> = {},
  show: (text: string) => void = () => undefined,
): Promise<Ended> {
  const began = performance.now();
  const launcher = join(root, "engine", "launch.js");
  const ended = await runProcess("node", [launcher, ...args], { cwd: root, env, onStdout: show, onStderr: show });
  return { ...ended, seconds: (performance.now() - began) / 1000 };
}

/** As `quorum`, but a failure is the test's failure, with all that the command said. */
export async function succeed(args: readonly string[], env: Record<string, string | undefined> = {}): Promise<Ended> {
  const ended = await quorum(args, env);
  if (ended.code !== 0) throw new Error(`${args.join(" ")} ended with ${ended.code}\n${ended.stdout}\n${ended.stderr}`);
  return ended;
}

/** What a refused command says: one message, no stack trace, and a non-zero exit. */
export function refusal({ code, stderr, stdout }: Ended): string {
  expect(code, stdout).not.toBe(0);
  expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  return stderr;
}

export async function tryKubectl(args: readonly string[], input = ""): Promise<Ended> {
  const began = performance.now();
  const ended = await runProcess(binaryPath("kubernetes", "kubectl"), ["--kubeconfig", kubeconfig, ...args], { input });
  return { ...ended, seconds: (performance.now() - began) / 1000 };
}

export async function kubectl(args: readonly string[], input = ""): Promise<string> {
  const ended = await tryKubectl(args, input);
  if (ended.code !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${ended.code}\n${ended.stderr}`);
  return ended.stdout;
}

export interface KubernetesObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly labels?: Record<string, string>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: Record<string, unknown>;
  readonly status: Record<string, unknown>;
}

/** The objects of a kind that are not on their way out. */
export async function list(kind: string, namespace: string, selector?: string): Promise<KubernetesObject[]> {
  const chosen = selector === undefined ? [] : ["--selector", selector];
  const answer = await kubectl(["get", kind, "--namespace", namespace, ...chosen, "--output", "json"]);
  const { items } = JSON.parse(answer) as { items: KubernetesObject[] };
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** The one object of a kind that the selector names. @throws when there is none or more than one */
export async function only(kind: string, namespace: string, selector: string): Promise<KubernetesObject> {
  const found = await list(kind, namespace, selector);
  const [first] = found;
  if (first === undefined || found.length > 1)
    throw new Error(`${found.length} ${kind} with ${selector} in ${namespace}, but one was expected`);
  return first;
}

export interface PodView {
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  readonly ready: boolean;
  readonly restarts: number;
}

export async function pods(app = "metricsdemo", namespace = "apps"): Promise<PodView[]> {
  const found = await list("pods", namespace, `app=${app}`);
  return found.map(({ metadata, status }) => {
    const container = (status["containerStatuses"] as { ready: boolean; restartCount: number }[] | undefined)?.[0];
    return {
      name: metadata.name,
      uid: metadata.uid,
      ip: String(status["podIP"] ?? ""),
      ready: container?.ready ?? false,
      restarts: container?.restartCount ?? 0,
    };
  });
}

/** Asks again until the answer is not undefined. @throws with what was awaited when the time is over */
export async function eventually<T>(what: string, seconds: number, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  let last = "";
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error instanceof Error ? `; last: ${error.message}` : "";
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s${last}`);
    await sleep(250);
  }
}

/** The value of an instant query that has one series, or undefined where it has none. */
export async function query(expression: string): Promise<number | undefined> {
  const answer = await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(expression)}`);
  if (!answer.ok) throw new Error(`Prometheus answered ${answer.status} to ${expression}`);
  const body = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
  const value = body.data.result[0]?.value[1];
  return value === undefined ? undefined : Number(value);
}

/** Writes a copy of a stack's file, changed by `edit`, and returns its path for --config-file. */
export function editedStack(stack: string, name: string, edit: (config: Record<string, unknown>) => void): string {
  const document = parse(readFileSync(join(root, `Pulumi.${stack}.yaml`), "utf8")) as {
    config: Record<string, unknown>;
  };
  edit(document.config);
  const file = join(stateDir, `test-${name}.yaml`);
  writeFileSync(file, stringify(document));
  return file;
}

export const editedDev = (name: string, edit: (config: Record<string, unknown>) => void) =>
  editedStack("dev", name, edit);

/** Changes one value deep in a configuration. */
export function setPath(config: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const last = path.at(-1);
  if (last === undefined) return;
  let place = config;
  for (const key of path.slice(0, -1)) place = (place[key] ??= {}) as Record<string, unknown>;
  if (value === undefined) delete place[last];
  else place[last] = value;
}
