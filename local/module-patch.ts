import { chmodSync, copyFileSync, cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "./run.ts";

/** A Go module some of whose files are replaced, as where they import what no proxy serves. */
export interface ModulePatch {
  readonly module: string;
  /** File of the module → file in the part's folder that takes its place. */
  readonly files: Readonly<Record<string, string>>;
}

/** Files of a part's folder that its patches take, in a stable order. */
export function patchFiles(patches: readonly ModulePatch[]): string[] {
  return patches.flatMap(({ files }) => Object.values(files)).sort();
}

/**
 * Copies the modules, replaces their files, and writes a go.mod that builds with the copies.
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
  for (const [index, { module, files }] of patches.entries()) {
    const downloaded = await run(go, ["mod", "download", "-json", module], { cwd: part });
    const { Dir: source } = JSON.parse(downloaded) as { Dir: string };
    const copy = join(folder, String(index));
    if (existsSync(copy)) rmSync(copy, { recursive: true });
    cpSync(source, copy, { recursive: true });
    makeWritable(copy);
    for (const [target, replacement] of Object.entries(files)) {
      copyFileSync(join(part, replacement), join(copy, target));
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
