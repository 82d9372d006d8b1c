import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BackedUpShop } from "../cluster/backed-up-shop.ts";
import { kubectl } from "../cluster/quorum.ts";

const precious = "what nobody has anywhere else";
let shop: BackedUpShop;

beforeAll(async () => {
  shop = await BackedUpShop.open("backup", 18_010);
  await shop.write("orders", precious);
});

afterAll(() => shop.close());

describe("a volume", () => {
  it("is backed up off the cluster, where nobody can read it", async () => {
    const { stdout } = await shop.backup("run", "shop/data");
    expect(stdout).toMatch(/shop\/data\/0: done[^]*no errors were found/);
    const packs = shop.packFiles();
    expect(packs.length).toBeGreaterThan(0);
    for (const pack of packs) expect(readFileSync(pack).includes(precious)).toBe(false);
    expect((await shop.backup("list")).stdout).toMatch(/shop\/data\/0 {2}last success 20/);
  });

  it("that is deleted is restored, and the service goes on with it", async () => {
    await kubectl(["delete", "pvc", "data-shop-0", "-n", shop.stack.apps, "--wait=false"]);
    await kubectl(["delete", "pod", "shop-0", "-n", shop.stack.apps]);

    const planned = await shop.backup("restore", "shop/data");
    expect(planned.stdout).toMatch(/stop statefulset backup-apps\/shop: 1 pods[^]*add --yes/);
    const { stdout } = await shop.backup("restore", "shop/data", "--yes");
    expect(stdout).toMatch(/made claim data-shop-0[^]*restored and verified/);
    await shop.ready();
    expect(await shop.read("orders")).toContain(precious);
    expect(await shop.files()).toEqual(["orders"]);
  });
});
