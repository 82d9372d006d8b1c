import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { behindBalancer, failoverMillis, faultsOf, holdersOf, loseHost, virtualAddress } from "../host-loss.ts";
import { OwnHosts } from "../own-hosts.ts";

describe("three hosts, whose API has an address that moves", () => {
  let own: OwnHosts;
  const say = (line: string) => process.stderr.write(`${line}\n`);
  beforeAll(async () => {
    own = await OwnHosts.make(behindBalancer("trio"), say);
    await own.up();
  });
  afterAll(async () => own.remove());

  test("become one cluster through that address", async () => {
    const ready = await own.kubectl(["get", "nodes", "--output", "jsonpath={.items[*].status.conditions[-1].status}"]);
    expect(ready).toBe("True True True");
    expect(await own.kubectl(["config", "view", "--output", "jsonpath={.clusters[0].cluster.server}"])).toBe(
      `https://${virtualAddress}:8443`,
    );
    expect(await holdersOf(own)).toEqual(["trio-1"]);
  });

  test("go on within seconds when the leader's host loses its power under constant writes; none of them is lost", async () => {
    const { leader } = await own.members("trio-1");
    const writer = await own.write();
    await writer.progress(50, 60);
    const gap = await loseHost(own, writer, leader);
    say(`the leader's host was lost: ${Math.round(gap)} ms from the last good write to the next`);
    expect(gap).toBeLessThan(failoverMillis);
    expect(await holdersOf(own)).toHaveLength(1);
    expect(await faultsOf(writer)).toEqual([]);
    expect(writer.acknowledged.length).toBeGreaterThan(150);
  });
});
