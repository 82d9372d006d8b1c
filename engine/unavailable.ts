import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Workspace, writePrivate } from "./files.ts";

/**
 * Third-party images that this machine could not get for a stack on local hosts. `start` finds out, and every later command
 * must leave out the same features, or a preview would show them as new.
 */
export function readUnavailable(workspace: Workspace, stack: string): string[] {
  const file = fileOf(workspace, stack);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as string[]) : [];
}

export function writeUnavailable(workspace: Workspace, stack: string, images: readonly string[]): void {
  writePrivate(fileOf(workspace, stack), `${JSON.stringify([...images].sort())}\n`);
}

function fileOf(workspace: Workspace, stack: string): string {
  return join(workspace.stateDir, `${stack}.unavailable.json`);
}
