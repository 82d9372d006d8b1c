import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../local/paths.ts";
import { say } from "./common.ts";

/** `npm run build`: components/ as a package in dist/. */
export async function build(argv: string[]): Promise<number> {
  const { values } = parseArgs({ args: argv, options: { name: { type: "string" } }, strict: true });
  const { buildLibrary } = await import("../library/build.ts");
  await buildLibrary(root, join(root, "dist"), { name: values.name });
  say("components/ is compiled into dist/; npm pack ./dist makes it one file");
  return 0;
}
