import { readOptions } from "../options.ts";
import { announceEngine, openCli, openSession, say } from "./common.ts";

/** `npm run down`: takes away all objects that a stack made, save what is protected or retained. */
export async function down(argv: string[]): Promise<number> {
  const options = readOptions("down", argv, ["stack", "config-file", "context", "engine", "timeout"]);
  const choice = announceEngine(options, say);
  if (choice.engine === "cli") {
    await (await openCli(choice, options, say)).down();
    return 0;
  }
  const { down: direct } = await import("../direct/down.ts");
  await direct(await openSession(options, say));
  return 0;
}
