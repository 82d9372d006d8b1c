import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BackedUpShop } from "../cluster/backed-up-shop.ts";
import { kubectl } from "../cluster/quorum.ts";

const precious = "what nobody has anywhere else";
let shop: BackedUpShop;

beforeAll(async () => {
  shop = await BackedUpShop.open("backup-faults", 18_011);
  await shop.write("orders", precious);
  await shop.backup("run", "shop/data");
});

afterAll(() => shop.close());

async function failing(...words: string[]): Promise<string> {
  const ended = await shop.tryBackup(...words);
  expect(ended.code).toBe(1);
  return ended.stdout + ended.stderr;
}

describe("a restore", () => {
  it("leaves a volume that holds something as it is, or keeps that in a backup of its own", async () => {
    await shop.write("orders", "a newer order");
    expect(await failing("restore", "shop/data", "--yes")).toMatch(/the volume is not empty \(orders/);
    await shop.ready();
    expect(await shop.read("orders")).toContain("a newer order");

    await shop.backup("restore", "shop/data", "--yes", "--overwrite");
    await shop.ready();
    expect(await shop.read("orders")).toContain(precious);
    expect((await shop.backup("list", "shop/data")).stdout).toMatch(/before-restore/);
  });

  it("that was interrupted is finished by the next run", async () => {
    // As a run leaves it that was killed after it had stopped the pods and begun to write.
    await shop.write(".quorum-restore", "latest");
    await shop.write("orders", "half of it");
    const patch = {
      metadata: { annotations: { "quorum.dev/replicas-before-restore": "1" } },
      spec: { replicas: 0 },
    };
    const shopSet = ["patch", "statefulset", "shop", "-n", shop.stack.apps];
    await kubectl([...shopSet, "--type=merge", "-p", JSON.stringify(patch)]);
    const { stdout } = await shop.backup("restore", "shop/data", "--yes");
    expect(stdout).toMatch(/is stopped by a restore that did not end[^]*going on with a restore/);
    await shop.ready();
    expect(await shop.read("orders")).toContain(precious);
    expect(await shop.files()).toEqual(["orders"]);
  });
});

describe("a repository", () => {
  it("is not opened by another password, and says so", async () => {
    await shop.setPassword("another password");
    expect(await failing("check")).toMatch(/the password of quorum:backup does not open the repository/);
    await shop.setPassword();
  });

  it("that is damaged is found out, and no snapshot is taken away", async () => {
    const before = shop.snapshotFiles();
    const [pack = ""] = shop.packFiles();
    const bytes = readFileSync(pack);
    bytes.writeUInt8((bytes[20] ?? 0) ^ 0xff, 20);
    writeFileSync(pack, bytes);
    expect(await failing("check", "shop/data/0")).toMatch(/the repository is damaged/);
    expect(await failing("run", "shop/data")).toMatch(/the repository is damaged, so no backup is taken away/);
    expect(shop.snapshotFiles()).toEqual(expect.arrayContaining(before));
  });
});
