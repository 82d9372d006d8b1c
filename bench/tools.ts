import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { lastLines } from "../engine/process.ts";
import { findProgram } from "../local/packages.ts";
import { tryRun } from "../local/run.ts";
import { binaryPath } from "../local/toolchain.ts";
import { toolPath } from "../local/tools.ts";
import { root } from "./paths.ts";

/** A peer that can be measured here, or the reason why it cannot. */
export type Found = { readonly path: string; readonly version: string } | { readonly missing: string };

export async function findHelm(): Promise<Found> {
  try {
    const path = await toolPath("helm");
    return { path, version: (await tryRun(path, ["version", "--template", "{{ .Version }}"])).stdout.trim() };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

/** Installs bench's own dependencies from its lock file, once for each content of that file. */
export function findCdk8s(log: (line: string) => void): Found {
  const folder = import.meta.dirname;
  const lock = createHash("sha256")
    .update(readFileSync(join(folder, "package-lock.json")))
    .digest("hex");
  const stamp = join(folder, "node_modules", ".quorum-lock");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
    log("installing cdk8s for the comparison (npm ci in bench)");
    const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
      cwd: folder,
      encoding: "utf8",
      shell: process.platform === "win32",
    });
    if (npm.error) return { missing: `npm could not be started: ${npm.error.message}` };
    if (npm.status !== 0) {
      return { missing: `npm ci in bench ended with exit code ${npm.status}: ${lastLines(npm.stderr, 1).join("")}` };
    }
    writeFileSync(stamp, lock);
  }
  const { version } = JSON.parse(readFileSync(join(folder, "node_modules", "cdk8s", "package.json"), "utf8")) as {
    version: string;
  };
  return { path: join(folder, "peers", "cdk8s.js"), version };
}

/** The machine and the versions, for the line above the table. */
export async function describeSurroundings(peers: { readonly helm?: Found; readonly cdk8s?: Found }): Promise<string> {
  const processors = cpus();
  const version = (found: Found | undefined) => (found && "version" in found ? found.version : undefined);
  const versions = Object.entries({
    node: process.versions.node,
    quorum: await revision(),
    kubectl: await kubectlVersion(),
    helm: version(peers.helm),
    cdk8s: version(peers.cdk8s),
  });
  const known = versions.filter(([, text]) => text !== undefined).map(([name, text]) => `${name} ${text}`);
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${processors.length} cores (${processors[0]?.model.trim() ?? "unknown"}), ${process.platform}; ${known.join(", ")}`;
}

export async function revision(): Promise<string> {
  const commit = await tryRun("git", ["rev-parse", "--short", "HEAD"], { cwd: root }).catch(() => undefined);
  if (commit?.code !== 0) return "outside of git";
  const changes = await tryRun("git", ["status", "--porcelain"], { cwd: root });
  return `${commit.stdout.trim()}${changes.stdout === "" ? "" : " with changes"}`;
}

/** Of the kubectl that is here: none is built only to be asked. */
async function kubectlVersion(): Promise<string | undefined> {
  const built = binaryPath("kubernetes", "kubectl");
  const path = existsSync(built) ? built : findProgram("kubectl");
  if (path === undefined) return undefined;
  const answer = await tryRun(path, ["version", "--client", "--output=json"]);
  if (answer.code !== 0) return undefined;
  return (JSON.parse(answer.stdout) as { clientVersion: { gitVersion: string } }).clientVersion.gitVersion;
}
