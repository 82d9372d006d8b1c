import { type Options, readOptions } from "../options.ts";
import { announceEngine, type Log, openCli, openSession, outputLines, say } from "./common.ts";

/** `npm run up`: brings a stack up, and prints its outputs. */
export async function up(argv: string[]): Promise<number> {
  const options = readOptions("up", argv, ["stack", "config-file", "context", "engine", "timeout"]);
  const outputs = await bringUp(options, say);
  for (const line of outputLines(outputs)) say(line);
  return 0;
}

/** Brings a stack up with whichever engine is to be used; answers its outputs. */
export async function bringUp(options: Options, log: Log): Promise<Readonly<Record<string, unknown>>> {
  const choice = announceEngine(options, log);
  if (choice.engine === "cli") {
    return (await openCli(choice, options, log)).up();
  }
  const { up: direct } = await import("../direct/up.ts");
  return (await direct(await openSession(options, log))).outputs;
}
