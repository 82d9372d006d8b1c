import { spawn } from "node:child_process";
import { Interrupted } from "./errors.ts";

export interface ProcessOptions {
  readonly input?: string | Buffer;
  readonly cwd?: string;
  /** Added to this process's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly onStdout?: (text: string) => void;
  readonly onStderr?: (text: string) => void;
  /** Goes on after Ctrl-C: for what must be put back in order then. */
  readonly evenIfInterrupted?: boolean;
  /** The child uses this process's own terminal; nothing is captured. */
  readonly inherit?: boolean;
}

export interface ProcessResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const interruption = new AbortController();

/** Ends every child process and makes all further work stop. */
export function interrupt(): void {
  interruption.abort();
}

/** @throws Interrupted after Ctrl-C */
export function refuseIfInterrupted(): void {
  if (interruption.signal.aborted) throw new Interrupted();
}

/** Waits, or ends at once with Interrupted after Ctrl-C. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new Interrupted());
    };
    const timer = setTimeout(() => {
      interruption.signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (interruption.signal.aborted) stop();
    else interruption.signal.addEventListener("abort", stop, { once: true });
  });
}

/**
 * Runs a program to its end and resolves whatever its exit code is.
 *
 * @throws when the program does not exist, naming it; Interrupted after Ctrl-C
 */
export function runProcess(
  file: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  if (options.evenIfInterrupted !== true) refuseIfInterrupted();
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: options.inherit === true ? "inherit" : "pipe",
    });
    const stop = () => child.kill("SIGTERM");
    if (options.evenIfInterrupted !== true) interruption.signal.addEventListener("abort", stop, { once: true });
    const stdout = collect(child.stdout, options.onStdout);
    const stderr = collect(child.stderr, options.onStderr);
    const end = () => interruption.signal.removeEventListener("abort", stop);
    child.on("error", (error: NodeJS.ErrnoException) => {
      end();
      reject(error.code === "ENOENT" ? new Error(`${file} was not found; install it or put it on the PATH`) : error);
    });
    child.on("close", (code) => {
      end();
      if (interruption.signal.aborted && options.evenIfInterrupted !== true) reject(new Interrupted());
      else resolve({ code: code ?? 128, stdout: stdout(), stderr: stderr() });
    });
    // A child may end before it has read all of its input; its exit code tells the story.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.input ?? "");
  });
}

function collect(stream: NodeJS.ReadableStream | null, each?: (text: string) => void): () => string {
  const chunks: string[] = [];
  stream?.setEncoding("utf8");
  stream?.on("data", (text: string) => {
    chunks.push(text);
    each?.(text);
  });
  return () => chunks.join("");
}

/** The last lines of an output that say something. */
export function lastLines(text: string, count: number): string[] {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .slice(-count);
}
