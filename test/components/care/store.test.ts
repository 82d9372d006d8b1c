import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { archivesOf, nameOf, openStore, surplus } from "../../../components/control-plane/care/store.mjs";
import { fileSum } from "../../../components/control-plane/care/programs.mjs";
import { temporaryFolder } from "../../engine/programs.ts";

const day = 86_400_000;
const now = new Date("2026-11-23T12:00:00Z");

describe("archives in a folder", () => {
  const folderOf = (names: readonly string[]) => {
    const folder = temporaryFolder();
    for (const name of names) writeFileSync(join(folder, name), "x");
    return { folder, store: openStore({ STORE_FOLDER: folder }) };
  };

  it("are those of the cluster that are described, the newest first", async () => {
    const name = (hours: number, cluster = "prod") =>
      nameOf({ cluster, time: new Date(now.getTime() - hours * 3_600_000), revision: 7, encrypted: true });
    const { store } = folderOf([
      ...[3, 1, 2].flatMap((hours) => [name(hours), `${name(hours)}.json`]),
      // Not described, not whole, another's, and nobody's.
      name(0),
      `${name(4)}.part`,
      name(1, "prod-eu"),
      `${name(1, "prod-eu")}.json`,
      "notes.txt",
    ]);
    expect((await archivesOf(store, "prod")).map((each) => each.name)).toEqual([1, 2, 3].map((hours) => name(hours)));
    const [first] = await archivesOf(store, "prod");
    expect(first?.time.toISOString()).toBe("2026-11-23T11:00:00.000Z");
    expect(first?.revision).toBe(7);
  });

  it("get their name only once they read back as they were written", async () => {
    const { folder, store } = folderOf([]);
    const file = join(temporaryFolder(), "archive");
    writeFileSync(file, "all of it");
    await store.put("a.tar", file, await fileSum(file));
    expect(readdirSync(folder)).toEqual(["a.tar"]);
    await expect(store.put("b.tar", file, "0".repeat(64))).rejects.toThrow("b.tar does not read back");
    expect(readdirSync(folder)).toEqual(["a.tar", "b.tar.part"]);
    // What is in the way of a new one does not become it.
    mkdirSync(join(folder, "c.tar.part"));
    await expect(store.put("c.tar", file, await fileSum(file))).rejects.toThrow();
  });

  it("need a place to be", () => {
    expect(() => openStore({})).toThrow("neither STORE_FOLDER nor STORE_REMOTE");
  });
});

// An object store is reached by rclone, which here writes to a folder.
describe.skipIf(spawnSync("rclone", ["version"]).error !== undefined)("archives behind rclone", () => {
  it("are listed, read, put and removed as those in a folder are", async () => {
    vi.stubEnv("RCLONE_CONFIG_STORE_TYPE", "local");
    const folder = temporaryFolder();
    const store = openStore({ STORE_REMOTE: `store:${folder}/` });
    const file = join(temporaryFolder(), "archive");
    writeFileSync(file, "all of it");
    const name = nameOf({ cluster: "prod", time: now, revision: 7, encrypted: true });
    await store.put(name, file, await fileSum(file));
    await store.put(`${name}.json`, file, await fileSum(file));
    expect(await archivesOf(store, "prod")).toEqual([{ name, size: 9, time: now, revision: 7 }]);
    expect(await store.text(name)).toBe("all of it");
    await expect(store.put("bad.tar", file, "0".repeat(64))).rejects.toThrow("does not read back from the store");
    expect(readdirSync(folder)).not.toContain("bad.tar");
    await store.remove(name);
    expect(readdirSync(folder).sort()).toEqual(["bad.tar.part", `${name}.json`]);
    await expect(store.text(name)).rejects.toThrow(`${name} cannot be read from the store`);
    vi.unstubAllEnvs();
  });
});

describe("retention", () => {
  const ages = fc.uniqueArray(fc.integer({ min: 0, max: 90 * 24 }), { minLength: 0, maxLength: 200 });
  const archives = ages.map((hours) =>
    hours.sort((a, b) => a - b).map((each) => ({ time: new Date(now.getTime() - each * 3_600_000) })),
  );
  const keep = fc.record({ last: fc.integer({ min: 1, max: 40 }), days: fc.integer({ min: 0, max: 60 }) });

  it("never takes one of the newest, however old, nor the last one", () => {
    fc.assert(
      fc.property(archives, keep, (all, kept) => {
        const gone = new Set(surplus(all, kept, now));
        for (const each of all.slice(0, Math.max(1, kept.last))) expect(gone.has(each)).toBe(false);
      }),
    );
  });

  it("keeps one of each day that is young enough, and none that is too old", () => {
    fc.assert(
      fc.property(archives, keep, (all, kept) => {
        const gone = new Set(surplus(all, kept, now));
        const left = all.filter((each) => !gone.has(each));
        const dayOf = ({ time }: { time: Date }) => time.toISOString().slice(0, 10);
        const young = all.filter(({ time }) => now.getTime() - time.getTime() <= kept.days * day);
        expect(new Set(left.map(dayOf))).toEqual(new Set([...all.slice(0, kept.last), ...young].map(dayOf)));
        for (const each of left.slice(kept.last)) expect(young).toContain(each);
      }),
    );
  });

  it("comes to rest: what is left once is left again", () => {
    fc.assert(
      fc.property(archives, keep, (all, kept) => {
        const gone = new Set(surplus(all, kept, now));
        expect(
          surplus(
            all.filter((each) => !gone.has(each)),
            kept,
            now,
          ),
        ).toEqual([]);
      }),
    );
  });
});
