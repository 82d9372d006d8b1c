import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { OwnStack, type Sections } from "../cluster/own-stack.ts";
import { eventually, kubectl } from "../cluster/quorum.ts";

const stack = new OwnStack("handover");
const service = { image: "app", role: "web", port: 8080, scrape: false, resources: { cpuMillis: 20, memoryMiB: 64 } };
// progressSeconds changes the Deployment without new pods, so that nothing has to be waited for.
const services = (more: object): Sections => ({ services: { web: { ...service, ...more } } });
const autoscale = { minReplicas: 2, maxReplicas: 5, cpuPercent: 80 };

const replicas = async () =>
  Number(
    await kubectl(["get", "deployment", "web", "--namespace", stack.apps, "--output", "jsonpath={.spec.replicas}"]),
  );

/** The autoscaler may take the number that was set by hand back, but nobody lets it fall. */
const staysAbove2 = (seen: number[]) => seen.every((number) => number > 2);

/** Every number of replicas that the Deployment was seen with while something was done. */
async function seenDuring(work: Promise<unknown>): Promise<number[]> {
  const seen = new Set<number>([await replicas()]);
  let goesOn = true;
  const watching = (async () => {
    while (goesOn) {
      seen.add(await replicas());
      await sleep(50);
    }
  })();
  try {
    await work;
  } finally {
    goesOn = false;
    await watching;
  }
  return [...seen].sort();
}

afterAll(() => stack.down());

describe("an autoscaler that takes over", () => {
  test("finds the number of pods as it was, and no later up changes what it sets", async () => {
    await stack.up(services({ replicas: 3 }));
    expect((await stack.preview(services({ autoscale }))).stdout).not.toMatch(/spec\.replicas/);
    expect(await seenDuring(stack.up(services({ autoscale, progressSeconds: 301 })))).toEqual([3]);
    // The autoscaler has no reason to change the number yet: somebody else does, by the same API.
    await kubectl(["scale", "deployment/web", "--namespace", stack.apps, "--replicas=4"]);
    expect((await stack.preview(services({ autoscale, progressSeconds: 301 }))).stdout).toMatch(
      /0 to be created, 0 to be changed, 0 to be deleted/,
    );
    expect(await seenDuring(stack.up(services({ autoscale, progressSeconds: 302 })))).toSatisfy(staysAbove2);
  });

  test("goes, and the number of the program counts again", async () => {
    expect((await stack.preview(services({ replicas: 2, progressSeconds: 302 }))).stdout).toMatch(
      /spec\.replicas: [34] → 2/,
    );
    expect(await seenDuring(stack.up(services({ replicas: 2, progressSeconds: 302 })))).not.toContain(1);
    expect(await replicas()).toBe(2);
    await eventually("the autoscaler is gone", 10, async () =>
      (await kubectl(["get", "hpa", "--namespace", stack.apps, "--output", "name"])) === "" ? true : undefined,
    );
    expect((await stack.up(services({ replicas: 2, progressSeconds: 302 }))).stdout).toContain("nothing to change");
  });
});
