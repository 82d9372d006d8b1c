import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../local/paths.ts";
import { say } from "./common.ts";

/** `npm run docs`: makes what is made of the schema and of docstrings; with `--check` it only says what is out of date. */
export async function docs(argv: string[]): Promise<number> {
  const { values } = parseArgs({ args: argv, options: { check: { type: "boolean" } }, strict: true });
  const { madeFiles } = await import("../documents/files.ts");
  const files = await madeFiles(root);
  const stale = files.filter(({ path, text }) => current(path) !== text);
  if (values.check === true) {
    for (const { path } of stale) say(`${path} is out of date; run npm run docs`);
    return stale.length === 0 ? 0 : 1;
  }
  for (const { path, text } of stale) writeFileSync(join(root, path), text);
  say(
    stale.length === 0 ? "every made document is up to date" : `written: ${stale.map(({ path }) => path).join(", ")}`,
  );
  return 0;
}

function current(path: string): string | undefined {
  const file = join(root, path);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}
