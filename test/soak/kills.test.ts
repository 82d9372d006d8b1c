import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { appUrl, editedDev, list, pods, root, setPath, succeed } from "../cluster/quorum.ts";

const rounds = 20;
const kinds = ["deployments", "services", "serviceaccounts", "configmaps"];

/** Names of the objects in the apps namespace that our own program makes. */
async function ownObjects(): Promise<string[]> {
  const found = await Promise.all(kinds.map((kind) => list(kind, "apps", "quorum.dev/stack=dev")));
  return found.flatMap((objects, index) => objects.map(({ metadata }) => `${kinds[index]}/${metadata.name}`)).sort();
}

afterAll(async () => void (await succeed(["up"])));

describe("up killed at random moments", () => {
  test(`${rounds} times by SIGKILL: the next up converges to the same objects, and no orphan stays`, async () => {
    await succeed(["up"]);
    const clean = await ownObjects();
    for (let round = 0; round < rounds; round++) {
      const replicas = 1 + (round % 3);
      const edited = editedDev("kills", (config) => {
        for (const name of ["one", "two"]) {
          const service = {
            image: "app",
            role: "web",
            replicas,
            port: 8080,
            scrape: false,
            config: { "round.txt": String(round) },
          };
          setPath(config, ["quorum:services", name], service);
        }
      });
      const arguments_ = [join(root, "engine", "launch.js"), "up", "--config-file", edited];
      const child = spawn("node", arguments_, { cwd: root, detached: true, stdio: "ignore" });
      const { pid } = child;
      if (pid === undefined) throw new Error("up did not start");
      const ended = new Promise((resolve) => child.once("exit", resolve));
      const moment = Math.round(Math.random() * 9000);
      await Promise.race([sleep(moment), ended]);
      if (child.exitCode === null) process.kill(-pid, "SIGKILL");
      await ended;
      console.log(`round ${round + 1}: killed after ${moment} ms${child.exitCode === null ? "" : " (it had ended)"}`);
      if (round % 2 === 0) {
        await succeed(["up", "--config-file", edited]);
        expect((await pods("one")).map(({ ready }) => ready)).toEqual(Array.from({ length: replicas }, () => true));
      }
      await succeed(["up"]);
      expect(await ownObjects()).toEqual(clean);
      expect((await fetch(`${appUrl}/health`)).status).toBe(200);
    }
  });
});
