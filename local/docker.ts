import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "./packages.ts";
import { ensureDir, removeIfEmpty, socketDir, stateDir } from "./paths.ts";
import { tryRun } from "./run.ts";
import { startService, stopService } from "./service.ts";

export const dockerSocket = join(socketDir, "docker.sock");

/** Folders where a Docker daemon leaves things whatever its options say. */
const sharedFolders = ["/run/docker", "/run/containerd"];

/**
 * Starts a Docker daemon of our own: no bridge and no packet-filter rules, so builds use the machine's network. It sees
 * empty folders in place of those that it would share with another daemon, and its mounts end with it.
 */
export async function startDocker(): Promise<void> {
  ensureDir(socketDir, 0o700);
  sharedFolders.forEach((folder) => ensureDir(folder));
  const alone = `${sharedFolders.map((folder) => `mount -t tmpfs tmpfs ${folder}`).join(" && ")} && exec "$@"`;
  await startService({
    name: "docker",
    command: "unshare",
    args: [
      ...["--mount", "--propagation", "private", "/bin/sh", "-c", alone, "sh"],
      findProgram("dockerd") ?? "dockerd",
      `--host=unix://${dockerSocket}`,
      `--data-root=${ensureDir(join(stateDir, "docker"))}`,
      `--exec-root=${join(socketDir, "docker")}`,
      `--pidfile=${join(socketDir, "docker.pid")}`,
      "--bridge=none",
      "--iptables=false",
      "--ip6tables=false",
    ],
    ready: async () =>
      existsSync(dockerSocket) &&
      (
        await tryRun("docker", ["version", "--format", "{{.Server.Version}}"], {
          env: { DOCKER_HOST: `unix://${dockerSocket}` },
        })
      ).code === 0,
  });
}

/** Stops the daemon and removes what it left, save a folder that something else uses. */
export async function removeDocker(): Promise<void> {
  await stopService("docker");
  rmSync(socketDir, { recursive: true, force: true });
  rmSync(join(stateDir, "docker"), { recursive: true, force: true });
  sharedFolders.forEach(removeIfEmpty);
}
