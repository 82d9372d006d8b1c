import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runProcess } from "../../engine/process.ts";
import { kubectl, readStart, stateDir, succeed } from "./quorum.ts";

const output = async (command: string, ...args: string[]) => (await runProcess(command, args)).stdout;

describe.skipIf(readStart().wasRunning)(
  "the end (skipped where the hosts ran before the tests, so that they stay)",
  () => {
    test("npm run down takes away every object of the stack; the hosts keep their control plane", async () => {
      const { stdout } = await succeed(["down"]);
      expect(stdout).toMatch(/\d+ deleted/);
      const kinds = (await kubectl(["api-resources", "--verbs=list", "--output", "name"]))
        .trim()
        .split("\n")
        .filter((kind) => !/^(events|componentstatuses)/.test(kind));
      const selector = [
        "--selector",
        "quorum.dev/stack=dev",
        "--all-namespaces",
        "--output",
        "name",
        "--ignore-not-found",
      ];
      expect((await kubectl(["get", kinds.join(","), ...selector])).trim()).toBe("");
      const namespaces = await kubectl(["get", "namespaces", "--output", "name"]);
      expect(namespaces.trim().split("\n").sort()).toEqual(
        ["default", "kube-node-lease", "kube-public", "kube-system"].map((name) => `namespace/${name}`),
      );
      // A volume that went with its claim is removed by its provisioner, which must outlive it.
      expect((await kubectl(["get", "persistentvolumes", "--output", "name"])).trim()).toBe("");
      expect(await kubectl(["get", "--raw", "/readyz"])).toBe("ok");
    });

    test("npm run local -- reset leaves the machine as it was", async () => {
      await succeed(["local", "reset"]);
      expect(await output("ip", "-brief", "link")).not.toMatch(/quorum/);
      expect(await output("ip", "netns")).not.toContain("quorum");
      expect(await output("iptables", "-S")).not.toContain("quorum");
      expect(await output("mount")).not.toContain(stateDir);
      expect(await output("find", "/sys/fs/cgroup", "-maxdepth", "3", "-name", "quorum")).toBe("");
      expect(await output("ps", "-eo", "args")).not.toContain(stateDir);
      for (const name of ["hosts", "docker", "services", "registry", "ssh"])
        expect(existsSync(join(stateDir, name))).toBe(false);
      expect(readdirSync("/run").filter((name) => name.startsWith("quorum"))).toEqual([]);
    });
  },
);
