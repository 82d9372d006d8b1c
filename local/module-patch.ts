import { chmodSync, copyFileSync, cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./run.ts";

/** A Go module some of whose files are replaced or edited, as where they import what no proxy serves. */
export interface ModulePatch {
  readonly module: string;
  /** File of the module → file in the part's folder that takes its place. */
  readonly files: Readonly<Record<string, string>>;
  /** File of the module → text that is in it exactly once, and what takes its place. */
  readonly edits?: Readonly<Record<string, readonly [text: string, instead: string]>>;
}

/** Files of a part's folder that its patches take, in a stable order. */
export function patchFiles(patches: readonly ModulePatch[]): string[] {
  return patches.flatMap(({ files }) => Object.values(files)).sort();
}

/**
 * Copies the modules, replaces and edits their files, and writes a go.mod that builds with the copies.
 *
 * Go's own `-overlay` will not do: it refuses files of the module cache.
 *
 * @returns the path of that go.mod, for `-modfile`
 */
export async function patchedModFile(
  go: string,
  part: string,
  patches: readonly ModulePatch[],
  folder: string,
): Promise<string> {
  const modFile = join(folder, "go.mod");
  for (const file of ["go.mod", "go.sum"]) copyFileSync(join(part, file), join(folder, file));
  for (const [index, { module, files, edits = {} }] of patches.entries()) {
    const downloaded = await run(go, ["mod", "download", "-json", module], { cwd: part });
    const { Dir: source } = JSON.parse(downloaded) as { Dir: string };
    const copy = join(folder, String(index));
    if (existsSync(copy)) rmSync(copy, { recursive: true });
    cpSync(source, copy, { recursive: true });
    makeWritable(copy);
    for (const [target, replacement] of Object.entries(files)) {
      copyFileSync(join(part, replacement), join(copy, target));
    }
    for (const [target, [text, instead]] of Object.entries(edits)) {
      const [before, after, ...more] = readFileSync(join(copy, target), "utf8").split(text);
      if (before === undefined || after === undefined || more.length > 0)
        throw new Error(
          `${module}: "${text}" is to be in ${target} exactly once, but is there ${after === undefined ? 0 : more.length + 1} times; adapt the part's patch to this release`,
        );
      writeFileSync(join(copy, target), `${before}${instead}${after}`);
    }
    await run(go, ["mod", "edit", `-replace=${module}=${copy}`, modFile], { cwd: part });
  }
  return modFile;
}

/** The module cache is read-only, folders included; a copy must be one that can be changed and removed. */
function makeWritable(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) makeWritable(path);
    else chmodSync(path, 0o644);
  }
}
