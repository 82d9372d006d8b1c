import { readdirSync, readFileSync } from "node:fs";
import type { OwnHosts } from "../test/cluster/own-hosts.ts";

/** Of all times in /proc on Linux, whatever the kernel's own clock. */
const ticksPerSecond = 100;

interface Pod {
  readonly status: Readonly<Record<"containerStatuses" | "initContainerStatuses", readonly Status[] | undefined>>;
}

interface Status {
  readonly name: string;
  readonly containerID?: string;
}

/** Containers of the pods of an app in namespace `apps`, sidecars among them: their names to the runtime's ids. */
export async function containersOf(own: OwnHosts, app: string): Promise<Map<string, string>> {
  const answer = await own.kubectl(["get", "pods", "-n", "apps", "-l", `app=${app}`, "-o", "json"]);
  const { items } = JSON.parse(answer) as { items: readonly Pod[] };
  const found = items.flatMap(({ status: { containerStatuses = [], initContainerStatuses = [] } }) =>
    [...containerStatuses, ...initContainerStatuses].flatMap(({ name, containerID }): [string, string][] =>
      containerID === undefined ? [] : [[name, containerID.replace(/^.*:\/\//, "")]],
    ),
  );
  return new Map(found);
}

/**
 * CPU time that the processes of a container have had so far, in seconds, to a hundredth. Local hosts share this machine's processes, so
 * nothing has to be asked of a kubelet, whose figures are some seconds old.
 *
 * @throws when no process of it runs
 */
export function cpuSeconds(container: string): number {
  const ticks = readdirSync("/proc").flatMap((process) => {
    if (!/^\d+$/.test(process)) return [];
    try {
      if (!readFileSync(`/proc/${process}/cgroup`, "utf8").includes(container)) return [];
      return [ticksOf(readFileSync(`/proc/${process}/stat`, "utf8"))];
    } catch {
      // It ended between the two looks.
      return [];
    }
  });
  if (ticks.length === 0) throw new Error(`no process of container ${container} runs on this machine`);
  return ticks.reduce((sum, one) => sum + one, 0) / ticksPerSecond;
}

/** User and system time in the text of /proc/PID/stat, in ticks. The name of the program before them may have spaces and brackets. */
export function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
