import { existsSync } from "node:fs";
import { dockerSocket, startDocker } from "./docker.ts";
import { findProgram } from "./packages.ts";
import { tryRun } from "./run.ts";
import { binaryPath, ensurePart, parts, type PartName } from "./toolchain.ts";

/**
 * The path of a program: the one on the PATH, else one of our own parts, built when it is first asked for.
 * @throws naming the program and how to get it.
 */
export async function toolPath(name: string): Promise<string> {
  const part = (Object.keys(parts) as PartName[]).find((key) => name in parts[key].binaries);
  if (part !== undefined && existsSync(binaryPath(part, name))) return binaryPath(part, name);
  const found = findProgram(name);
  if (found !== undefined) return found;
  if (part === undefined || findProgram("go") === undefined) {
    throw new Error(
      `${name} was not found on the PATH; install it${part === undefined ? "" : ", or install Go 1.26 so that it can be built"}`,
    );
  }
  await ensurePart(part, (line) => console.error(line));
  return binaryPath(part, name);
}

let dockerHostFound: Promise<string | undefined> | undefined;

/**
 * The Docker daemon to use, as a value of DOCKER_HOST; undefined where the Docker CLI's own setting answers.
 * Where none answers on Linux as root, one of our own is started.
 * @throws when there is none and none can be started.
 */
export function dockerHost(): Promise<string | undefined> {
  return (dockerHostFound ??= findDockerHost());
}

async function findDockerHost(): Promise<string | undefined> {
  const docker = await toolPath("docker");
  const answer = await tryRun(docker, ["version", "--format", "{{.Server.Version}}"]);
  if (answer.code === 0) return undefined;
  if (process.platform !== "linux" || process.getuid?.() !== 0 || findProgram("dockerd") === undefined) {
    throw new Error(
      "no Docker daemon answers, and none can be started here; start Docker (docker version must name a server), then run the command again",
    );
  }
  await startDocker();
  return `unix://${dockerSocket}`;
}
