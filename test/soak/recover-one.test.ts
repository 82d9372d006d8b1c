import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { breakLog, emptyData, saveSnapshot } from "../cluster/broken-etcd.ts";
import { makeObjects, missingObjects } from "../cluster/many-objects.ts";
import { OwnHosts } from "../cluster/own-hosts.ts";

/** One host that loses its data in every way. What one story leaves is where the next begins. */
const host = "f-64";
const objects = 100;
let own: OwnHosts;
let folder: string;
let snapshot: string;

const revision = async () =>
  BigInt(
    await own.kubectl([
      ...["create", "configmap", `probe-${Date.now()}`, "--namespace", "keep"],
      ...["--output", "jsonpath={.metadata.resourceVersion}"],
    ]),
  );

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "quorum-recover-test-"));
  own = await OwnHosts.make({ name: "f-one", hosts: { [host]: "10.210.0.64" } }, console.log);
  await own.up();
  await makeObjects(own, "keep", objects);
  snapshot = await saveSnapshot(own, host, folder, "keep.db");
});

afterAll(async () => {
  await own.remove();
  rmSync(folder, { recursive: true, force: true });
});

afterEach(({ task }) => {
  console.log(`${task.result?.state === "fail" ? "failed" : "told"}: ${task.name}`);
});

describe("a single host", () => {
  test("that is well is not recovered, and says the way", async () => {
    const { code, stderr } = await own.tryOperate("recover");
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/has a quorum: etcd of f-64 answers.*replace HOST.*recover --member HOST.*npm run up/);
  });

  test("whose log is broken comes back from its own data, with revisions far past the old ones", async () => {
    const before = await revision();
    await own.ssh(host, breakLog);
    const { stdout } = await own.operate("recover");
    expect(stdout).toMatch(/brought back from the data of f-64, revision \d+/);
    expect(stdout).toContain("1 of 1 etcd members answer, 1 must agree: 0 may fail");
    expect(await missingObjects(own, "keep", objects)).toEqual([]);
    expect((await revision()) - before).toBeGreaterThan(1_000_000_000n - 1000n);
    expect(await own.ssh(host, "ls -d /var/lib/etcd-aside-*/member")).toContain("/member");
  });

  test("that has lost its data and begun an empty cluster comes back from a snapshot alone", async () => {
    const before = await revision();
    await own.ssh(host, emptyData);
    const refused = await own.tryOperate("recover");
    expect(refused.stderr).toMatch(/--from is survivor, but no host has etcd's data whole \(f-64: none\)/);
    const { stdout } = await own.operate("recover", "--from", snapshot);
    expect(stdout).toContain("has lost its data and begun an empty cluster");
    expect(stdout).toContain("Lost: every write after keep.db");
    expect(await missingObjects(own, "keep", objects)).toEqual([]);
    // The snapshot is older than the recovery before, and its revisions must pass those too.
    expect(await revision()).toBeGreaterThan(before);
  });

  test("refuses a snapshot that was cut short, is none, or is of another cluster, by one message", async () => {
    const cut = join(folder, "cut.db");
    await own.ssh(host, breakLog);
    const whole = readFileSync(snapshot);
    writeFileSync(cut, whole.subarray(0, whole.length - 4096));
    expect((await own.tryOperate("recover", "--from", cut)).stderr).toMatch(/cut short/);
    const changed = Buffer.from(whole);
    changed[changed.length / 2] = (changed[changed.length / 2] ?? 0) ^ 1;
    writeFileSync(cut, changed);
    expect((await own.tryOperate("recover", "--from", cut)).stderr).toMatch(/checksum is wrong/);
    expect((await own.tryOperate("recover", "--from", "/nowhere")).stderr).toMatch(/there is no such file/);
    await own.operate("recover", "--from", snapshot);
  });
});

describe("a machine that is gone", () => {
  test("is a new one, and the cluster comes back on it from the snapshot", async () => {
    await own.remake(host);
    const refused = await own.tryOperate("recover", "--from", snapshot);
    expect(refused.stderr).toMatch(/host key/);
    const { stdout, stderr, code } = await own.tryOperate("recover", "--dead", host, "--from", snapshot);
    // Without an archive the keys of encryption are gone; what is not encrypted would come back.
    expect([code, stdout + stderr]).toEqual([1, expect.stringMatching(/gives no keys of encryption/)]);
    own.change({ controlPlane: { encryption: { provider: "identity" } } });
    const again = await own.operate("recover", "--dead", host, "--from", snapshot);
    expect(again.stdout).toContain("new ones are made");
    expect(await missingObjects(own, "keep", objects)).toEqual([]);
  });
});
