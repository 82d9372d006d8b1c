import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { declared, Msgd, notify, pay, PayChain, paySections } from "../cluster/pay-chain.ts";

const host = "mesh-1";
const monitoring = { prometheus: { enabled: false }, collector: { agent: { enabled: false } } };
const storage = { provisioner: "existing", className: "none", retain: false };
const sections = (versions?: Readonly<Record<string, unknown>>) => ({
  ...paySections({ external: declared, monitoring, ...(versions && { versions }) }),
  storage,
});

describe("a stack whose services are in a mesh of its own", () => {
  let own: OwnHosts;
  let chain: PayChain;
  let msgd: Msgd | undefined;
  const say = (line: string) => process.stderr.write(`${line}\n`);

  beforeAll(async () => {
    own = await OwnHosts.make({ name: "mesh", hosts: { [host]: "10.210.0.71" }, sections: sections() }, say);
    msgd = await Msgd.start();
    chain = new PayChain(own);
    const { seconds } = await own.up();
    say(`up with the mesh, from a bare host: ${Math.round(seconds)} s`);
  });
  afterAll(async () => {
    await own.remove();
    await msgd?.end();
  });

  test("shares payments out to two versions by their weights, through to a host outside", async () => {
    const { seen } = await chain.ask("front", pay, { count: 400, width: 8 });
    const [one = 0, two = 0] = ["200 v0.1 v0.1 v0.1", "200 v0.1 v0.2 v0.1"].map((key) => seen[key]);
    expect(one + two, JSON.stringify(seen)).toBe(400);
    // Four standard deviations of 400 even draws.
    expect(Math.abs(one - 200)).toBeLessThan(40);
  });

  test("answers 403 to what no call declares, and refuses plain text and whoever calls past his proxy's list", async () => {
    expect(await chain.one("svca", "http://svcb/health")).toBe("403 RBAC: access denied");
    expect(await chain.one("svca", notify, { method: "POST" })).toBe("403 RBAC: access denied");
    expect(await chain.one("stranger", notify)).toMatch(/^(error|502 )/);
    const path = "jsonpath={.items[0].status.podIP}";
    const address = await own.kubectl(["get", "pods", "-n", "apps", "-l", "app=svcb", "-o", path]);
    const script = `curl -s -m 5 -o /dev/null -w '%{http_code}' http://${address}:8080/notify`;
    expect((await own.trySsh(host, script)).stdout).toBe("000");
  });

  test("moves all payments to the other version without a failed one", async () => {
    const watched = chain.ask("front", pay, { count: 1_000_000, seconds: 25, width: 2 });
    own.change({ sections: sections({ "v0.1": { weight: 0 }, "v0.2": { weight: 100 } }) });
    const { seconds } = await own.up();
    say(`up to new weights: ${Math.round(seconds)} s`);
    const { seen } = await watched;
    expect(Object.keys(seen).filter((key) => !key.startsWith("200 "))).toEqual([]);
    expect((await chain.ask("front", pay, { count: 100, width: 2 })).seen).toEqual({ "200 v0.1 v0.2 v0.1": 100 });
  });
});
