import { runtime } from "@pulumi/pulumi";
import { pathToFileURL } from "node:url";
import type { StackConfig } from "../stack.ts";
import type { DirectMonitor } from "./monitor.ts";

export interface ProgramRun {
  /** Path of index.ts. */
  readonly program: string;
  readonly config: StackConfig;
  readonly monitor: DirectMonitor;
  readonly preview: boolean;
}

let runs = 0;

/**
 * Runs a Pulumi program in this process against our monitor, and waits for all that it began.
 *
 * @throws the program's first error, whether thrown, rejected, or met while making a resource
 */
export async function runProgram(run: ProgramRun): Promise<void> {
  const { project, stack, values, secretKeys } = run.config;
  runtime.setMockOptions(run.monitor, project, stack, run.preview, "organization");
  runtime.setAllConfig({ ...values }, [...secretKeys]);
  const stray = strayRejections();
  // A module is evaluated once in a process; the query makes each run one of its own.
  const module = `${pathToFileURL(run.program).href}?run=${runs++}`;
  const program = async () => {
    await runtime.runInPulumiStack(() => import(module) as Promise<Record<string, unknown>>);
    await runtime.disconnect();
  };
  try {
    await Promise.race([program(), run.monitor.failure, stray.first]);
  } catch (error) {
    await run.monitor.settle();
    throw error;
  }
  stray.stop();
}

/**
 * A promise that rejects with the first rejection that nobody handles: how the SDK reports an error inside `apply`.
 * One error surfaces there several times, so after a failure it goes on listening, and the rest is ignored.
 */
function strayRejections(): { first: Promise<never>; stop: () => void } {
  let report!: (error: unknown) => void;
  const first = new Promise<never>((_, reject) => {
    report = reject;
  });
  first.catch(() => undefined);
  const listener = (error: unknown) => report(error);
  process.on("unhandledRejection", listener);
  return { first, stop: () => process.removeListener("unhandledRejection", listener) };
}
