import { join } from "node:path";
import { workspace } from "../load-stack.ts";
import { readOptions } from "../options.ts";
import { readStack } from "../stack.ts";
import { say } from "./common.ts";

/** `npm run render`: the stack as plain manifests. */
export async function render(argv: string[]): Promise<number> {
  const { stack, configFile, context, out } = readOptions("render", argv, ["stack", "config-file", "context", "out"]);
  if (out === undefined) throw new Error("render needs --out DIR, the folder that the manifests are written to");
  const config = readStack(workspace, { stack, configFile, context, secrets: "placeholder" });
  const { render: direct } = await import("../direct/render.ts");
  await direct({ config, program: join(workspace.root, "index.ts"), log: say }, out);
  return 0;
}
