import { runtime } from "@pulumi/pulumi";
import { pathToFileURL } from "node:url";
import type { StackConfig } from "../stack.ts";
import type { DirectMonitor } from "./monitor.ts";
import { hearProgram } from "./program-log.ts";

export interface ProgramRun {
  /** Path of index.ts. */
  readonly program: string;
  readonly config: StackConfig;
  readonly monitor: DirectMonitor;
  readonly preview: boolean;
  /** Where its own words go. @default nowhere */
  readonly log?: (line: string) => void;
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
  const endHearing = hearProgram(run.log ?? (() => undefined));
  // A module is evaluated once in a process; the query makes each run one of its own.
  const module = `${pathToFileURL(run.program).href}?run=${runs++}`;
  const program = async () => {
    await runtime.runInPulumiStack(() => import(module) as Promise<Record<string, unknown>>);
    await runtime.disconnect();
    // Node reports unhandled rejections only once nothing else is left to do in this turn.
    await new Promise((resolve) => setImmediate(resolve));
  };
  // The SDK takes a stack trace for every promise it makes, which costs a quarter of a large program's time.
  const { stackTraceLimit } = Error;
  if (process.env["QUORUM_DEBUG"] !== "1") Error.stackTraceLimit = 0;
  try {
    await Promise.race([program(), run.monitor.failure, stray.first]);
  } catch (error) {
    await run.monitor.settle();
    stray.stopLater();
    throw error;
  } finally {
    endHearing();
    Error.stackTraceLimit = stackTraceLimit;
  }
  stray.stop();
}

/** gRPC's code for a call that was given up: such an error only follows one that the monitor has reported itself. */
const cancelled = 1;
const echoMilliseconds = 1000;

/**
 * A promise that rejects with the first rejection that nobody handles: how the SDK reports an error inside `apply`.
 * One error surfaces there several times, so after a failure its echoes are caught for a while, and ignored.
 */
function strayRejections(): { first: Promise<never>; stop: () => void; stopLater: () => void } {
  let report!: (error: unknown) => void;
  const first = new Promise<never>((_, reject) => {
    report = reject;
  });
  first.catch(() => undefined);
  const listener = (error: unknown) => {
    if ((error as { code?: unknown } | undefined)?.code !== cancelled) report(error);
  };
  process.on("unhandledRejection", listener);
  const stop = () => void process.removeListener("unhandledRejection", listener);
  return { first, stop, stopLater: () => void setTimeout(stop, echoMilliseconds).unref() };
}
