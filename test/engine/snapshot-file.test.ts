import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSnapshotFile } from "../../engine/snapshot-file.ts";

const page = 4096;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "quorum-snapshot-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A database of so many pages, as its first two say, with a text somewhere in it. */
function database(pages: number, text = ""): Buffer {
  const bytes = Buffer.alloc(pages * page);
  for (const [start, transaction] of [
    [0, 4n],
    [page, 5n],
  ] as const) {
    bytes.writeUInt32LE(0xed0cdaed, start + 16);
    bytes.writeUInt32LE(page, start + 24);
    bytes.writeBigUInt64LE(BigInt(transaction === 5n ? pages : 3), start + 56);
    bytes.writeBigUInt64LE(transaction, start + 64);
  }
  bytes.write(text, 3 * page);
  return bytes;
}
const summed = (bytes: Buffer) => Buffer.concat([bytes, createHash("sha256").update(bytes).digest()]);

function file(bytes: Buffer): string {
  const path = join(folder, "s.db");
  writeFileSync(path, bytes);
  return path;
}

describe("a snapshot's file", () => {
  it("that is whole says whether it has a checksum, and whose it is", async () => {
    const bytes = database(600, "\nclusterName: shop\nclusterName: shop-2\n");
    expect(await readSnapshotFile(file(summed(bytes)))).toEqual({ summed: true, clusters: ["shop", "shop-2"] });
    expect(await readSnapshotFile(file(bytes))).toEqual({ summed: false, clusters: ["shop", "shop-2"] });
  });

  it("has a cluster's name also where two reads meet", async () => {
    const bytes = database(600);
    bytes.write("\nclusterName: shop\n", 1024 * 1024 - 9);
    expect((await readSnapshotFile(file(summed(bytes)))).clusters).toEqual(["shop"]);
  });

  it.each<[string, (whole: Buffer) => Buffer, RegExp]>([
    [
      "cut at a page",
      (whole) => whole.subarray(0, 500 * page),
      /was cut short: it has 2048000 bytes of 2457600 or more/,
    ],
    ["cut anywhere", (whole) => whole.subarray(0, whole.length - 1000), /was cut short/],
    ["cut so that it looks summed", (whole) => whole.subarray(0, 500 * page + 32), /was cut short/],
    ["changed", (whole) => Buffer.from(whole).fill(1, 5 * page, 5 * page + 1), /its checksum is wrong/],
    ["of something else", () => Buffer.alloc(10_000, "text "), /is no snapshot of etcd/],
    ["empty", () => Buffer.alloc(0), /is no snapshot of etcd/],
  ])("that is %s is refused", async (_, of, reason) => {
    await expect(readSnapshotFile(file(of(summed(database(600)))))).rejects.toThrow(reason);
  });

  it("that is not there is refused", async () => {
    await expect(readSnapshotFile(join(folder, "none"))).rejects.toThrow(/there is no such file/);
    await expect(readSnapshotFile(folder)).rejects.toThrow(/there is no such file/);
  });
});
