import { createHash, type Hash } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type IgnoreRules, parseDockerIgnore } from "./docker-ignore.ts";

/** All that decides what a build makes, save what its base image's tag may come to mean. */
export interface BuildInputs {
  /** Absolute path of the context folder. */
  readonly context: string;
  /** Absolute path of the Dockerfile. */
  readonly dockerfile: string;
  readonly args: Readonly<Record<string, string>>;
  readonly platform?: string | undefined;
  readonly target?: string | undefined;
}

/**
 * A name for what a build would be made from: 40 hex digits, the same for the same files, wherever and whenever they lie.
 * Times and owners do not count; names, contents, links and the executable bit do.
 *
 * @throws when the context or the Dockerfile does not exist
 */
export function contextHash(inputs: BuildInputs): string {
  if (!existsSync(inputs.context))
    throw new Error(`build context ${inputs.context} does not exist; set images.builds.<name>.context`);
  if (!existsSync(inputs.dockerfile)) {
    throw new Error(
      `${inputs.dockerfile} does not exist; add it, or name the Dockerfile in images.builds.<name>.dockerfile`,
    );
  }
  const ignoreFile = join(inputs.context, ".dockerignore");
  const rules = parseDockerIgnore(existsSync(ignoreFile) ? readFileSync(ignoreFile, "utf8") : "");
  const hash = createHash("sha256");
  part(hash, "args", JSON.stringify(Object.entries(inputs.args).sort(([a], [b]) => (a < b ? -1 : 1))));
  part(hash, "platform", inputs.platform ?? "");
  part(hash, "target", inputs.target ?? "");
  part(hash, "dockerfile", readFileSync(inputs.dockerfile));
  addFolder(hash, inputs.context, "", rules);
  return hash.digest("hex").slice(0, 40);
}

function addFolder(hash: Hash, root: string, folder: string, rules: IgnoreRules): void {
  for (const name of readdirSync(join(root, folder)).sort()) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const full = join(root, path);
    const stat = lstatSync(full);
    const ignored = rules.ignores(path);
    if (stat.isDirectory()) {
      if (!ignored) part(hash, "folder", path);
      if (!rules.prunes(path)) addFolder(hash, root, path, rules);
    } else if (ignored) continue;
    else if (stat.isSymbolicLink()) part(hash, "link", `${path}\0${readlinkSync(full)}`);
    else if (stat.isFile()) {
      part(hash, (stat.mode & 0o111) === 0 ? "file" : "program", path);
      part(hash, "content", readFileSync(full));
    }
  }
}

/** Each part is hashed with its length, so that no two lists of parts run together into the same bytes. */
function part(hash: Hash, kind: string, content: string | Buffer): void {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  hash.update(`${kind} ${bytes.length}\n`).update(bytes);
}
