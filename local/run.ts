import { appendFileSync } from "node:fs";
import { lastLines, runProcess, type ProcessResult } from "../engine/process.ts";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly input?: string;
  /** A file that gets the command's output too. */
  readonly logFile?: string;
}

/** Runs a command to its end; resolves whatever its exit code is. */
export function tryRun(command: string, args: readonly string[], options: RunOptions = {}): Promise<ProcessResult> {
  const { logFile, ...rest } = options;
  if (logFile === undefined) return runProcess(command, args, rest);
  const log = (text: string) => {
    try {
      appendFileSync(logFile, text);
    } catch {
      // A full disk: the command itself fails of it, and its own words say so.
    }
  };
  return runProcess(command, args, { ...rest, onStdout: log, onStderr: log });
}

/** Runs a command and returns its standard output. @throws with the last lines of its output when it fails. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(command, args, options);
  if (result.code !== 0) {
    const said = lastLines(result.stderr || result.stdout, 15).join("\n");
    const whole = options.logFile === undefined ? "" : `\nall of it: ${options.logFile}`;
    const reason = /no space left on device/i.test(said)
      ? "the disk is full; free some space and run the command again (what is built already is kept)"
      : `it ended with exit code ${result.code}`;
    throw new Error(`${command} ${args.slice(0, 3).join(" ")}: ${reason}\n${said}${whole}`);
  }
  return result.stdout;
}
