import { execFileSync } from "node:child_process";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const known = new Map<string, Readonly<Record<string, string>>>();

/**
 * Build arguments for the labels of OCI's convention that Git knows: REVISION and CREATED are those of the last commit that
 * changed the context, so a commit of anything else builds no other image, and the same commit builds the same one anywhere.
 * A context with changes of its own has `-dirty` behind its revision. Without Git, outside of a repository, and in a clone
 * that has not all of the history, nothing is said rather than guessed.
 *
 * @param context folder that is sent to the builder, from the folder of Pulumi.yaml
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md
 */
export function buildLabels(context: string, from = root): Readonly<Record<string, string>> {
  const folder = resolve(from, context);
  const before = known.get(folder);
  if (before !== undefined) return before;
  const labels = readLabels(folder);
  known.set(folder, labels);
  return labels;
}

function readLabels(folder: string): Readonly<Record<string, string>> {
  if (git(folder, "rev-parse", "--is-shallow-repository") !== "false") return {};
  const [revision, seconds] = git(folder, "log", "-1", "--format=%H %ct", "--", ".")?.split(" ") ?? [];
  if (revision === undefined || seconds === undefined) return {};
  const clean = git(folder, "status", "--porcelain", "--", ".") === "";
  const source = sourceUrl(git(folder, "config", "--get", "remote.origin.url") ?? "");
  return {
    REVISION: clean ? revision : `${revision}-dirty`,
    CREATED: new Date(Number(seconds) * 1000).toISOString(),
    ...(source === undefined ? {} : { SOURCE: source }),
  };
}

/** Where people find the source: the same address however it was cloned, and without what somebody signed in with. */
export function sourceUrl(remote: string): string | undefined {
  const [, host, path] =
    /^(?:https?|ssh|git):\/\/(?:[^/@]*@)?([^/:]+)(?::\d+)?\/(.+)$/.exec(remote) ??
    /^(?:[^/@:]+@)?([^/@:]{2,}):(?!\/)(.+)$/.exec(remote) ??
    [];
  return host === undefined || path === undefined ? undefined : `https://${host}/${path.replace(/(\.git)?\/?$/, "")}`;
}

function git(cwd: string, ...args: string[]): string | undefined {
  try {
    return execFileSync("git", args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}
