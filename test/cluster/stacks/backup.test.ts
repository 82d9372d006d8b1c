import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensureImages } from "../../../local/images.ts";
import { OwnStack } from "../own-stack.ts";
import { eventually, kubectl, pods, quorum, succeed } from "../quorum.ts";
import { type ResticServer, startResticServer } from "../restic-server.ts";

const stack = new OwnStack("backup");
const password = "correct horse battery staple";
const precious = "what nobody has anywhere else";
let server: ResticServer;
let flags: string[];

const exec = (...command: string[]) => kubectl(["exec", "-n", stack.apps, "shop-0", "--", "node", "-e", ...command]);
const write = (file: string, text: string) =>
  exec(`require("node:fs").writeFileSync("/var/lib/shop/${file}", ${JSON.stringify(text)})`);
const files = async () =>
  JSON.parse(await exec(`console.log(JSON.stringify(require("node:fs").readdirSync("/var/lib/shop")))`)) as string[];
const read = (file: string) => exec(`console.log(require("node:fs").readFileSync("/var/lib/shop/${file}", "utf8"))`);
const ready = () =>
  eventually("the shop's pod", 60, async () => ((await pods("shop", stack.apps))[0]?.ready ? true : undefined));
const backup = (...words: string[]) => succeed(["backup", ...words, ...flags]);
const failing = async (...words: string[]) => {
  const ended = await quorum(["backup", ...words, ...flags]);
  expect(ended.code).toBe(1);
  return ended.stdout + ended.stderr;
};

beforeAll(async () => {
  await ensureImages(["restic"], console.log);
  server = await startResticServer(18_010);
  const sections = {
    services: {
      shop: {
        image: "app",
        role: "web",
        kind: "StatefulSet",
        replicas: 1,
        scrape: false,
        volumes: { data: { mountPath: "/var/lib/shop", storageGiB: 1, backup: true } },
      },
    },
    backup: { repository: server.repository, password, checkPercent: 100 },
  };
  await stack.up(sections);
  // The commands about backups take the same stack, but neither an engine nor a build.
  flags = stack.flags(sections).filter((word) => word !== "--engine" && word !== "direct");
  await write("orders", precious);
});

afterAll(async () => {
  await stack.down();
  server.stop();
});

describe("a volume", () => {
  it("is backed up off the cluster, where nobody can read it", async () => {
    const { stdout } = await backup("run", "shop/data");
    expect(stdout).toMatch(/shop\/data\/0: done[^]*no errors were found/);
    const packs = packFiles();
    expect(packs.length).toBeGreaterThan(0);
    for (const pack of packs) expect(readFileSync(pack).includes(precious)).toBe(false);
    expect((await backup("list")).stdout).toMatch(/shop\/data\/0 {2}last success 20/);
  });

  it("that is deleted is restored, and the service goes on with it", async () => {
    await kubectl(["delete", "pvc", "data-shop-0", "-n", stack.apps, "--wait=false"]);
    await kubectl(["delete", "pod", "shop-0", "-n", stack.apps]);

    const planned = await backup("restore", "shop/data");
    expect(planned.stdout).toMatch(/stop statefulset backup-apps\/shop: 1 pods[^]*add --yes/);
    const { stdout } = await backup("restore", "shop/data", "--yes");
    expect(stdout).toMatch(/made claim data-shop-0[^]*restored and verified/);
    await ready();
    expect(await read("orders")).toContain(precious);
    expect(await files()).toEqual(["orders"]);
  });

  it("that holds something is left as it is, or kept in a backup of its own before it is replaced", async () => {
    await write("orders", "a newer order");
    expect(await failing("restore", "shop/data", "--yes")).toMatch(/the volume is not empty \(orders/);
    await ready();
    expect(await read("orders")).toContain("a newer order");

    await backup("restore", "shop/data", "--yes", "--overwrite");
    await ready();
    expect(await read("orders")).toContain(precious);
    expect((await backup("list", "shop/data")).stdout).toMatch(/before-restore/);
  });

  it("whose restore was interrupted is finished by the next run", async () => {
    // As a run leaves it that was killed after it had stopped the pods and begun to write.
    await exec(`require("node:fs").writeFileSync("/var/lib/shop/.quorum-restore", "latest")`);
    await write("orders", "half of it");
    const patch = {
      metadata: { annotations: { "quorum.dev/replicas-before-restore": "1" } },
      spec: { replicas: 0 },
    };
    await kubectl(["patch", "statefulset", "shop", "-n", stack.apps, "--type=merge", "-p", JSON.stringify(patch)]);
    const { stdout } = await backup("restore", "shop/data", "--yes");
    expect(stdout).toMatch(/is stopped by a restore that did not end[^]*going on with a restore/);
    await ready();
    expect(await read("orders")).toContain(precious);
    expect(await files()).toEqual(["orders"]);
  });
});

describe("a repository", () => {
  const secret = async (text: string) => {
    const data = { data: { password: Buffer.from(text).toString("base64") } };
    await kubectl(["patch", "secret", "quorum-volume-backup", "-n", stack.apps, "-p", JSON.stringify(data)]);
  };

  it("is not opened by another password, and says so", async () => {
    await secret("another password");
    expect(await failing("check")).toMatch(/the password of quorum:backup does not open the repository/);
    await secret(password);
  });

  it("that is damaged is found out, and no snapshot is taken away", async () => {
    const before = snapshotFiles();
    const [pack = ""] = packFiles();
    const bytes = readFileSync(pack);
    bytes.writeUInt8((bytes[20] ?? 0) ^ 0xff, 20);
    writeFileSync(pack, bytes);
    expect(await failing("check", "shop/data/0")).toMatch(/the repository is damaged/);
    expect(await failing("run", "shop/data")).toMatch(/the repository is damaged, so no backup is taken away/);
    expect(snapshotFiles()).toEqual(expect.arrayContaining(before));
  });
});

const repository = () => join(server.folder, "backup.data-shop-0");
const snapshotFiles = () => readdirSync(join(repository(), "snapshots"));
function packFiles(): string[] {
  const data = join(repository(), "data");
  return readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
