import { readOptions } from "../options.ts";
import { announceEngine, enforceRender, openCli, openSession, say, sayAside } from "./common.ts";

/** `npm run preview`: shows what `up` would change. With --json, standard output holds one JSON document and nothing else. */
export async function preview(argv: string[]): Promise<number> {
  const options = readOptions("preview", argv, ["stack", "config-file", "context", "engine", "json"]);
  const log = options.json ? sayAside : say;
  const choice = announceEngine(options, log);
  if (choice.engine === "cli") {
    await enforceRender(options, log);
    await (await openCli(choice, options, log)).preview(options.json);
    return 0;
  }
  const { preview: direct } = await import("../direct/preview.ts");
  const answer = await direct(await openSession(options, log), options.json);
  if (answer !== undefined) say(JSON.stringify(answer, null, 2));
  return 0;
}
