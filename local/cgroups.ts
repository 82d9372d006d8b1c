import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureDir } from "./paths.ts";

const root = "/sys/fs/cgroup";

/** The mounted cgroup hierarchies: one for each controller (v1), or a single one (v2). */
function hierarchies(type = "cgroup"): string[] {
  if (existsSync(join(root, "cgroup.controllers"))) return [root];
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  return mounts
    .map((line) => line.split(" "))
    .filter((f) => f[2] === type)
    .flatMap((f) => (f[1] === undefined ? [] : [f[1]]));
}

/** Makes the host's cgroup in every hierarchy. @returns the folders a process is to be put into. */
export function makeCgroups(name: string): string[] {
  return hierarchies().map((hierarchy) => {
    let parent = hierarchy;
    for (const level of ["quorum", name]) {
      const folder = ensureDir(join(parent, level));
      for (const file of ["cpuset.cpus", "cpuset.mems"]) {
        // In v1 a new cpuset is empty, and nothing can be put into it before it has processors and memory.
        if (
          hierarchy !== root &&
          existsSync(join(folder, file)) &&
          readFileSync(join(folder, file), "utf8").trim() === ""
        ) {
          writeFileSync(join(folder, file), readFileSync(join(parent, file), "utf8"));
        }
      }
      if (hierarchy === root) {
        const controllers = readFileSync(join(parent, "cgroup.controllers"), "utf8").trim().split(/\s+/);
        for (const controller of controllers) {
          try {
            writeFileSync(join(parent, "cgroup.subtree_control"), `+${controller}`);
          } catch {
            // A parent that holds processes of its own cannot hand this controller down; the kubelet names what it lacks.
          }
        }
      }
      parent = folder;
    }
    // In v2 only leaves may hold processes, and pods get their own leaves beside this one.
    return hierarchy === root ? ensureDir(join(parent, "system")) : parent;
  });
}

function subfolders(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name));
}

/** Where runc may have made cgroups for the host's pods: beside ours, the unified hierarchy that some v1 machines mount too. */
const allHierarchies = () => [...new Set([...hierarchies(), ...hierarchies("cgroup2")])];

/** Every process of the host, pods included: what its cgroups hold. */
function hostProcesses(name: string): number[] {
  const found = new Set<number>();
  const visit = (folder: string) => {
    if (!existsSync(folder)) return;
    try {
      for (const line of readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n"))
        if (line !== "") found.add(Number(line));
      subfolders(folder).forEach(visit);
    } catch {
      // The cgroup went away while it was read: its processes are gone too.
    }
  };
  for (const hierarchy of allHierarchies()) visit(join(hierarchy, "quorum", name));
  return [...found];
}

/** Ends what runs in the host's cgroups, and nothing else. */
export async function endHostProcesses(name: string): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const processes = hostProcesses(name);
    if (processes.length === 0) return;
    for (const pid of processes) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself meanwhile.
      }
    }
    await sleep(100);
  }
  throw new Error(
    `processes of host ${name} do not end: ${hostProcesses(name).join(", ")}; see what holds them with ps`,
  );
}

/** Removes the host's cgroups, and the one that all hosts share with the last of them. */
export async function removeCgroups(name: string): Promise<void> {
  // A cgroup is busy for a moment after its last process ended.
  for (let round = 0; round < 50 && allHierarchies().some((h) => existsSync(join(h, "quorum", name))); round++) {
    tryRemove(name);
    await sleep(100);
  }
}

function tryRemove(name: string): void {
  const remove = (folder: string) => {
    if (!existsSync(folder)) return;
    subfolders(folder).forEach(remove);
    try {
      rmdirSync(folder);
    } catch {
      // Busy; the caller tries again.
    }
  };
  for (const hierarchy of allHierarchies()) {
    remove(join(hierarchy, "quorum", name));
    const shared = join(hierarchy, "quorum");
    if (existsSync(shared) && subfolders(shared).length === 0) remove(shared);
  }
}
