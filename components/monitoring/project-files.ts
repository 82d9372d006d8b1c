import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const project = join(import.meta.dirname, "../..");

/**
 * Files of the project, sorted.
 *
 * @param pattern a path from the project's folder, with `*` and `**`
 */
export function projectFiles(pattern: string): string[] {
  return globSync(pattern, { cwd: project, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(project.length + 1))
    .sort();
}

/** Text of a file of the project. */
export function projectText(file: string): string {
  return readFileSync(join(project, file), "utf8");
}

/** What to say of a pattern that finds nothing. */
export function noSuchFile(pattern: string): string {
  return `is "${pattern}", but the project has no such file; name one that is there, or leave it out`;
}
