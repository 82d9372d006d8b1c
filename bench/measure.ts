import { existsSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { lastLines, type ProcessResult, runProcess } from "../engine/process.ts";
import { benchDir, root } from "./paths.ts";

/** A command whose run is measured. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** File name of the script whose process does the work, where that is Node's: its time and memory are taken too. */
  readonly worker?: string;
  /** Exit codes of a run that went well. @default 0 alone */
  readonly codes?: readonly number[];
}

export interface Sample {
  /** From the start of the first process to the end of the last. */
  readonly seconds: number;
  /** Of the worker, from the end of Node's own start-up to its exit. */
  readonly inProcessSeconds: number | undefined;
  /** Of the worker. */
  readonly peakMiB: number | undefined;
}

interface WorkerReport {
  readonly script: string;
  readonly milliseconds: number;
  readonly peakKiB: number;
}

const reportsFile = join(benchDir, "reports.jsonl");
const preload = pathToFileURL(join(import.meta.dirname, "report-process.js")).href;

/** Runs a command once. @throws with its last lines when it fails */
export async function runCommand(command: Command): Promise<ProcessResult> {
  const result = await runProcess(command.file, command.args, { cwd: root, env: command.env ?? {} });
  if ((command.codes ?? [0]).includes(result.code)) return result;
  const said = lastLines(result.stderr || result.stdout, 15).join("\n");
  throw new Error(`${[command.file, ...command.args].join(" ")} ended with exit code ${result.code}\n${said}`);
}

export async function measure(command: Command): Promise<Sample> {
  rmSync(reportsFile, { force: true });
  const options = `${process.env["NODE_OPTIONS"] ?? ""} --import=${preload}`.trim();
  const reporting = command.worker === undefined ? {} : { NODE_OPTIONS: options, QUORUM_BENCH_REPORTS: reportsFile };
  const began = performance.now();
  await runCommand({ ...command, env: { ...command.env, ...reporting } });
  const seconds = (performance.now() - began) / 1000;
  const worker = readReports().find(({ script }) => basename(script) === command.worker);
  return {
    seconds,
    inProcessSeconds: worker && worker.milliseconds / 1000,
    peakMiB: worker && worker.peakKiB / 1024,
  };
}

function readReports(): WorkerReport[] {
  if (!existsSync(reportsFile)) return [];
  const lines = readFileSync(reportsFile, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as WorkerReport);
}

/** Median of each figure over several samples. */
export interface Figures extends Sample {
  readonly rounds: number;
  readonly fastestSeconds: number;
  readonly slowestSeconds: number;
}

/** Runs the commands in turn, so that a busy minute of the machine falls on all of them. */
export async function measureInTurn<Name extends string>(
  commands: ReadonlyMap<Name, Command>,
  rounds: number,
): Promise<Map<Name, Figures>> {
  const samples = new Map<Name, Sample[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, command] of commands) samples.set(name, [...(samples.get(name) ?? []), await measure(command)]);
  }
  return new Map([...samples].map(([name, taken]) => [name, summarize(taken)]));
}

export function summarize(samples: readonly Sample[]): Figures {
  const seconds = samples.map((sample) => sample.seconds);
  return {
    seconds: median(seconds) ?? NaN,
    inProcessSeconds: median(samples.map((sample) => sample.inProcessSeconds)),
    peakMiB: median(samples.map((sample) => sample.peakMiB)),
    rounds: samples.length,
    fastestSeconds: Math.min(...seconds),
    slowestSeconds: Math.max(...seconds),
  };
}

/** The middle value, or the mean of the two middle ones; undefined without values. */
export function median(values: readonly (number | undefined)[]): number | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  return upper === undefined || lower === undefined ? undefined : (lower + upper) / 2;
}

/** The value below which that share of rising values lies, by the nearest rank. */
export function quantile(rising: readonly number[], share: number): number {
  return rising[Math.max(0, Math.ceil(share * rising.length) - 1)] ?? NaN;
}
