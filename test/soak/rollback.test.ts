import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { OwnStack, type Sections } from "../cluster/own-stack.ts";
import { eventually, kubectl, pods } from "../cluster/quorum.ts";

const stack = new OwnStack("rollback");
const port = 9391;
const address = `http://127.0.0.1:${port}/health`;
const badImage = `localhost:5000/quorum/app:dev@sha256:${"1".repeat(64)}`;

function services(greeting: string, image = "app"): Sections {
  const common = { role: "web", replicas: 2, port: 8080, scrape: false, resources: { cpuMillis: 20, memoryMiB: 64 } };
  const web = { ...common, image, rollback: true, expose: { port }, config: { greeting } };
  return { services: { web } };
}

interface Deployment {
  readonly metadata: { readonly generation: number };
  readonly spec: { readonly template: object };
}
const deployment = async () =>
  JSON.parse(await kubectl(["get", "deployment", "web", "--namespace", stack.apps, "--output", "json"])) as Deployment;
const greeting = () =>
  kubectl(["get", "configmap", "web-config", "--namespace", stack.apps, "--output", "jsonpath={.data.greeting}"]);

/** Asks the service again and again while something is done; answers how often, and what failed. */
async function underLoad(work: Promise<unknown>): Promise<{ asked: number; failed: string[] }> {
  const failed: string[] = [];
  let [asked, goesOn] = [0, true];
  const load = (async () => {
    while (goesOn) {
      asked++;
      try {
        const answer = await fetch(address, { signal: AbortSignal.timeout(5000) });
        if (!answer.ok) failed.push(String(answer.status));
      } catch (error) {
        failed.push(error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error));
      }
      await sleep(20);
    }
  })();
  try {
    await work;
  } finally {
    goesOn = false;
    await load;
  }
  return { asked, failed };
}

afterAll(() => stack.down());

test("a bad image's roll-out stops at its first pod, goes back by itself and fails up, with no request lost", async () => {
  await stack.up(services("hello"));
  await eventually("the service answers", 30, async () => ((await fetch(address)).ok ? true : undefined));
  const before = await deployment();
  const old = (await pods("web", stack.apps)).map(({ uid }) => uid).sort();

  const bad = stack.tryUp(services("bad day", badImage));
  const { asked, failed } = await underLoad(bad);
  const { code, stdout, stderr, seconds } = await bad;
  expect(failed).toEqual([]);
  expect(asked).toBeGreaterThan(100);
  expect(code).not.toBe(0);
  expect(seconds).toBeLessThan(120);
  expect(stdout + stderr).toMatch(
    /Deployment rollback-apps\/web does not get ready[^]*(ErrImagePull|ImagePullBackOff)/,
  );
  expect(stdout + stderr).toMatch(/Deployment rollback-apps\/web is back at its last good template .*, and ready/);

  expect((await deployment()).spec.template).toEqual(before.spec.template);
  expect(await greeting()).toBe("hello");
  const now = await eventually("the bad pod is gone", 30, async () => {
    const found = (await pods("web", stack.apps)).map(({ uid }) => uid).sort();
    return found.length === 2 ? found : undefined;
  });
  expect(now).toEqual(old);
});

test("what was asked for is still a change, and a good one goes through", async () => {
  const { stdout } = await stack.preview(services("bad day", badImage));
  expect(stdout).toMatch(/Deployment rollback-apps\/web/);
  expect(stdout).toMatch(/containers\[web\]\.image: .* → .*1111/);
  await stack.up(services("good day"));
  expect(await greeting()).toBe("good day");
  expect((await pods("web", stack.apps)).map(({ ready }) => ready)).toEqual([true, true]);
});
