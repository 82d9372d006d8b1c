import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lastLines, runProcess } from "../process.ts";

/** A revision's files in a folder of their own. */
export interface Checkout {
  readonly folder: string;
  /** Its whole name: 40 or 64 hex digits. */
  readonly commit: string;
}

/**
 * Runs `work` on the files of a Git revision, which are taken away afterwards. The repository itself is not touched.
 *
 * @throws when the revision is no commit of the repository
 */
export async function withRevision<T>(
  root: string,
  revision: string,
  work: (checkout: Checkout) => Promise<T>,
): Promise<T> {
  const commit = await commitOf(root, revision);
  const folder = mkdtempSync(join(tmpdir(), "quorum-diff-"));
  try {
    const archive = join(folder, "base.tar");
    const checkout = join(folder, "base");
    await git(root, ["archive", "--format=tar", "--prefix=base/", `--output=${archive}`, commit]);
    const { code, stderr } = await runProcess("tar", ["-xf", archive, "-C", folder]);
    if (code !== 0) throw new Error(`the files of ${revision} could not be unpacked: ${stderr.trim()}`);
    rmSync(archive);
    return await work({ folder: checkout, commit });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @throws naming the revision, and what to do where the clone is too shallow to have it */
async function commitOf(root: string, revision: string): Promise<string> {
  const asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`];
  const { code, stdout, stderr } = await runProcess("git", asked, { cwd: root });
  if (code === 0) return stdout.trim();
  const why = stderr.trim() === "" ? "" : ` (${stderr.trim()})`;
  throw new Error(
    `--base is "${revision}", but it must be a commit of this repository${why}; name a branch, a tag or a commit, and fetch it first where the clone is shallow (git fetch origin ${revision.replace(/^origin\//, "")})`,
  );
}

async function git(root: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProcess("git", args, { cwd: root });
  if (code !== 0) throw new Error(`git ${args[0] ?? ""} failed: ${stderr.trim()}`);
  return stdout;
}

/**
 * Renders a stack of another checkout with that checkout's own code and the dependencies that its lock file names.
 *
 * @throws when it does not render, with what it said last
 */
export async function renderCheckout(
  { folder, commit }: Checkout,
  {
    root,
    stack,
    out,
    log,
  }: { readonly root: string; readonly stack: string; readonly out: string; readonly log: (line: string) => void },
): Promise<void> {
  const launcher = join(folder, "engine", "launch.js");
  const short = commit.slice(0, 10);
  if (!existsSync(launcher))
    throw new Error(
      `--base is ${short}, but that commit has no \`npm run render\`; name a later one, or give --base-dir`,
    );
  shareDependencies(root, folder);
  log(`rendering stack ${stack} as of ${short}`);
  const { code, stderr, stdout } = await runProcess(
    process.execPath,
    [launcher, "render", "--stack", stack, "--out", out],
    {
      cwd: folder,
    },
  );
  if (code === 0) return;
  const said = lastLines(`${stdout}\n${stderr}`, 5).join("\n  ");
  throw new Error(
    `stack ${stack} does not render as of ${short}, so there is nothing to compare with; name another --base, or give --base-dir. It said:\n  ${said}`,
  );
}

/** Where both lock files are the same and this checkout has installed by it, its packages are those of the other too. */
function shareDependencies(root: string, folder: string): void {
  const lock = (place: string) => {
    const file = join(place, "package-lock.json");
    return existsSync(file) ? createHash("sha256").update(readFileSync(file)).digest("hex") : undefined;
  };
  const modules = join(root, "node_modules");
  const stamp = join(modules, ".quorum-lock");
  // The launcher of the other checkout must find its own stamp: else it would install through the link, over ours.
  if (!existsSync(stamp) || existsSync(join(folder, "node_modules"))) return;
  if (readFileSync(stamp, "utf8") !== lock(folder) || lock(root) !== lock(folder)) return;
  symlinkSync(modules, join(folder, "node_modules"), "junction");
}
