import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { onTestFinished } from "vitest";
import type { Workspace } from "../../engine/files.ts";

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "quorum-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A checkout of nothing but the given files, and a state folder in it. */
export function temporaryWorkspace(files: Readonly<Record<string, string>> = {}): Workspace {
  const root = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(root, name, ".."), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  mkdirSync(join(root, ".quorum"), { recursive: true });
  return { root, stateDir: join(root, ".quorum") };
}

/** Puts a bash script in the place of a program, before all others on the PATH, until the test ends. */
export function fakeProgram(name: string, script: string): string {
  const folder = temporaryFolder();
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/bash\n${script}\n`);
  chmodSync(path, 0o755);
  const before = process.env["PATH"];
  process.env["PATH"] = `${folder}${delimiter}${before ?? ""}`;
  onTestFinished(() => {
    process.env["PATH"] = before;
  });
  return path;
}

/** The error that something throws, as the command line would print it. */
export async function failureOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it did not fail");
}
