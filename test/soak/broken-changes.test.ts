import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, test } from "vitest";
import { appUrl, editedDev, pods, quorum, refusal, setPath, succeed } from "../cluster/quorum.ts";

afterAll(async () => void (await succeed(["up"])));

test("a registry that refuses the push is named", async () => {
  const registry = createServer((request, response) => {
    const open = request.url === "/v2/" && request.method === "GET";
    response.writeHead(open ? 200 : request.method === "HEAD" ? 404 : 403, { "content-type": "application/json" });
    response.end(open ? "{}" : JSON.stringify({ errors: [{ code: "DENIED", message: "pushes are closed" }] }));
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  const address = `localhost:${(registry.address() as AddressInfo).port}`;
  try {
    const edited = editedDev("registry", (config) => setPath(config, ["quorum:images", "registry"], address));
    const said = refusal(await quorum(["up", "--config-file", edited]));
    expect(said).toContain(address);
    expect(said).toMatch(/push|denied|refus/i);
  } finally {
    registry.close();
  }
});

test("an image that cannot be pulled, then a pod that never gets ready, are told by name, harm nobody, and the next up converges", async () => {
  const faults = [
    [["quorum:images", "builds", "app", "digest"], `sha256:${"1".repeat(64)}`, /ImagePull|ErrImage/],
    [["quorum:services", "metricsdemo", "role"], "no-such-role", /CrashLoopBackOff|Error/],
  ] as const;
  for (const [path, value, why] of faults) {
    const edited = editedDev("spoilt", (config) => setPath(config, path, value));
    const said = refusal(await quorum(["up", "--config-file", edited]));
    expect(said).toMatch(/Deployment apps\/metricsdemo/);
    expect(said).toMatch(why);
    expect((await fetch(`${appUrl}/health`)).status).toBe(200);
  }
  await succeed(["up"]);
  expect((await pods()).map(({ ready }) => ready)).toEqual([true, true]);
});
