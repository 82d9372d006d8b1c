import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { declared, type Map, Msgd, notify, pay, PayChain, paySections, times } from "../cluster/pay-chain.ts";

const bad = { FAIL_PERCENT: "100", DELAY_MILLIS: "200" };
const slowMillis = 1500;
const versions = {
  "v0.1": { weight: 100 },
  bad: { weight: 0, env: bad },
  slow: { weight: 0, env: { DELAY_MILLIS: String(slowMillis) } },
};
const toward = (version: string, rest: Map = {}) => ({ headers: { "x-to": { exact: version } }, to: version, ...rest });
const never = { attempts: 0 };
const twice = { attempts: 2, on: ["5xx"] };

let own: OwnHosts;
let chain: PayChain;
let msgd: Msgd | undefined;
const sections = (svcb: Map, ofVersions: Map = versions) =>
  paySections({ external: declared, versions: ofVersions, svcb });

async function upWith(svcb: Map, ofVersions?: Map): Promise<void> {
  own.change({ sections: sections(svcb, ofVersions) });
  await own.up();
}

beforeAll(async () => {
  const matches = [toward("bad", { retries: twice }), toward("slow", { timeoutMillis: 500, retries: never })];
  own = await OwnHosts.make({
    name: "mesh-faults",
    hosts: { "mesh-72": "10.210.0.72" },
    sections: sections({ route: { matches } }),
  });
  msgd = await Msgd.start();
  chain = new PayChain(own);
  await own.up();
});

afterAll(async () => {
  await own.remove();
  await msgd?.end();
});

/** Asks svcb from svca; how many requests arrived at the version beside what came back. */
async function askVersion(version: string, how: { count: number; width?: number }) {
  const pod = `svcb/svcb-${version}`;
  const before = await chain.received(pod, "/notify");
  const asked = await chain.ask("svca", notify, { ...how, headers: { "x-to": version } });
  return { ...asked, received: (await chain.received(pod, "/notify")) - before };
}

describe("a service that does badly", () => {
  test("trips the timeout where it is slow: 504, long before it would have answered", async () => {
    const { seen, slowest } = await askVersion("slow", { count: 5 });
    expect(seen).toEqual({ "504 upstream request timeout": 5 });
    expect(Object.values(slowest)[0]).toBeLessThan(slowMillis - 300);
  });

  test("is tried again as often as it is said, counted where the requests arrive", async () => {
    const { seen, received } = await askVersion("bad", { count: 20 });
    expect(times(seen, /^500 /), JSON.stringify(seen)).toBe(20);
    expect(received).toBe(60);
  });

  test("is tried again no more than the budget lets, however many fail", async () => {
    await upWith({ route: { matches: [toward("bad")], retries: { ...twice, budget: { percent: 20, min: 1 } } } });
    const { seen, received } = await askVersion("bad", { count: 400, width: 20 });
    console.log(`of 400 requests that fail, ${received} arrived`, seen);
    // Without a budget 1,200 would. At 20 percent of those open, one in five that arrive is a further attempt.
    expect(received).toBeGreaterThan(400);
    expect(received).toBeLessThanOrEqual(400 * 1.35);
  });

  test("is not overloaded: what is more than its pool is answered 503 at once", async () => {
    const connections = { max: 1, pending: 1, requests: 2 };
    await upWith({ route: { matches: [toward("slow", { retries: never })], connections } });
    const { seen, received, slowest, median } = await askVersion("slow", { count: 40, width: 20 });
    const [overflow = ""] = Object.keys(seen).filter((key) => /^503 .*overflow/.test(key));
    console.log(seen, slowest, median);
    expect(seen[overflow]).toBeGreaterThanOrEqual(30);
    // Beside what was served in the same run, as an overloaded machine makes both slow.
    const served = median["200 slow v0.1"] ?? 0;
    expect(served).toBeGreaterThanOrEqual(slowMillis);
    expect(median[overflow]).toBeLessThan(served / 3);
    expect(slowest[overflow]).toBeLessThan(served);
    expect(received).toBe(40 - (seen[overflow] ?? 0));
  });

  test("gets no further step of its canary, with the numbers; with outliers it is left out", async () => {
    const canary = (at: number) => ({ to: "bad", steps: [50, 100], at, windowMinutes: 3, minRequests: 30 });
    const both = { "v0.1": { weight: 100 }, bad: { env: bad } };
    const route = { retries: never };
    await upWith({ canary: canary(1), route }, both);
    await chain.ask("front", pay, { count: 200, width: 2 });
    await sleep(15_000);
    own.change({ sections: sections({ canary: canary(2), route }, both) });
    const { code, stdout, stderr } = await own.tryUp();
    expect(code, stdout).toBe(1);
    expect(stderr).toMatch(/canary svcb bad from 50 % to 100 %: refused, as bad fails more often/);
    expect(stderr).toMatch(/bad: \d+ requests, 100\.0 % failed/);
    const outliers = { consecutive5xx: 3, intervalSeconds: 1, ejectionSeconds: 60, maxEjectionPercent: 100 };
    await upWith({ canary: canary(1), route: { ...route, outliers } }, both);
    const { seen } = await chain.ask("front", pay, { count: 100 });
    console.log(seen);
    // svca's answer says what its call of svcb came to.
    expect(times(seen, /svcb answered 500/)).toBeLessThanOrEqual(5);
    expect(times(seen, /no healthy upstream/)).toBeGreaterThan(20);
    expect(times(seen, /^200 /)).toBeGreaterThan(20);
  });
});
