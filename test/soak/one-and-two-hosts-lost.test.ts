import { describe, expect, test } from "vitest";
import { faultsOf, observedEffect, plannedEffect } from "../cluster/host-loss.ts";
import { type OwnHosts, withOwnHosts } from "../cluster/own-hosts.ts";
import { eventually } from "../cluster/quorum.ts";

const say = (line: string) => process.stderr.write(`${line}\n`);

/** Loses a host, holds what is seen against the plan's table, and turns the host on again. */
async function loseAndCompare(own: OwnHosts, victim: string): Promise<void> {
  const writer = await own.write();
  await writer.progress(100, 60);
  await own.kill(victim);
  const { reads, writes, scheduling } = plannedEffect(own, victim);
  expect(await observedEffect(own)).toEqual({ reads, writes, scheduling });
  await own.start(victim);
  await eventually(`${victim} is back`, 240, async () => {
    const { code, stdout } = await own.tryKubectl(["get", "--raw", "/readyz", "--request-timeout=5s"]);
    return code === 0 && stdout === "ok" ? true : undefined;
  });
  const seen = await eventually("all is well again", 120, async () => {
    const effect = await observedEffect(own);
    return effect.scheduling ? effect : undefined;
  });
  expect(seen).toEqual({ reads: "all", writes: true, scheduling: true });
  // The disk outlived the power cut: what was acknowledged before it is there.
  expect(await faultsOf(writer)).toEqual([]);
}

describe("small layouts do what the plan's table of losses says", () => {
  test("one host", async () => {
    await withOwnHosts(
      { name: "single", hosts: { "single-1": "10.210.0.21" } },
      async (own) => {
        await own.up();
        expect(plannedEffect(own, "single-1")).toMatchObject({ reads: "none", writes: false, data: "gone" });
        await loseAndCompare(own, "single-1");
      },
      say,
    );
  });

  test("two hosts: all of etcd on the more reliable; the other one may be lost", async () => {
    await withOwnHosts(
      {
        name: "pair",
        hosts: { "pair-1": "10.210.0.21", "pair-2": "10.210.0.22" },
        each: { "pair-1": { reliability: 40 }, "pair-2": { reliability: 80 } },
      },
      async (own) => {
        await own.up();
        expect((await own.members("pair-2")).leader).toBe("pair-2");
        expect(plannedEffect(own, "pair-1")).toMatchObject({ reads: "all", writes: true, scheduling: true });
        expect(plannedEffect(own, "pair-2")).toMatchObject({ reads: "none", writes: false, data: "gone" });
        await loseAndCompare(own, "pair-1");
        await loseAndCompare(own, "pair-2");
      },
      say,
    );
  });
});
