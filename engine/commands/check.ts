import { root } from "../../local/paths.ts";
import { join } from "node:path";
import { runProcess } from "../process.ts";

/** Checks format, rules and types, each with its own tool, and tells of all of them. */
export async function lint(argv: string[]): Promise<number> {
  refuseArguments("lint", argv);
  let worst = 0;
  for (const [tool, ...args] of [
    ["prettier", "--check", "."],
    ["eslint", "."],
    ["tsc", "--noEmit"],
  ] as const) {
    worst = Math.max(worst, await runTool(tool, args));
  }
  return worst;
}

/** Puts every file in the common format. */
export async function format(argv: string[]): Promise<number> {
  refuseArguments("format", argv);
  return runTool("prettier", ["--write", "."]);
}

const entries = {
  prettier: "prettier/bin/prettier.cjs",
  eslint: "eslint/bin/eslint.js",
  tsc: "typescript/bin/tsc",
} as const;

async function runTool(tool: keyof typeof entries, args: readonly string[]): Promise<number> {
  const script = join(root, "node_modules", entries[tool]);
  return (await runProcess(process.execPath, [script, ...args], { cwd: root, inherit: true })).code;
}

function refuseArguments(command: string, argv: readonly string[]): void {
  if (argv[0] !== undefined) throw new Error(`"${argv[0]}" means nothing to ${command}, which takes no arguments`);
}
