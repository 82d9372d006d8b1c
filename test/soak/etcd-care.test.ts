import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { maintainEtcd } from "../cluster/etcd-care.ts";
import { eventually, query, quorum, stateDir, succeed } from "../cluster/quorum.ts";

/** Where the host of stack dev has its archives, as this machine sees it. */
const store = join(stateDir, "hosts/local-1/var-lib/quorum/etcd-archives");
const folder = mkdtempSync(join(tmpdir(), "quorum-archives-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const newest = () =>
  readdirSync(store)
    .filter((name) => name.endsWith(".tar"))
    .sort()
    .at(-1) ?? "";

describe("etcd", () => {
  it("is backed up, and the archive says what it has", async () => {
    const { stdout } = await succeed(["backup", "run", "etcd"]);
    expect(stdout).toMatch(
      /saving https:\/\/10\.210\.0\.11:2379 [^]*: whole\n[^]*stored quorum-dev-\d{8}T\d{6}Z-\d+\.tar, /,
    );
    expect((await succeed(["backup", "list", "etcd"])).stdout).toContain(`${newest()}  of `);
    await eventually("Prometheus has the figures", 60, async () =>
      (await query('time() - quorum:etcd_care_success_time_seconds{task="backup"} < 120')) === undefined
        ? undefined
        : true,
    );
  });

  it("is restored by the drill, in the cluster and on this machine, with what the cluster has", async () => {
    const { stdout } = await succeed(["backup", "drill", "etcd"]);
    expect(stdout).toMatch(/restored as it was[^]*restored as recover does it[^]*the drill succeeded/);
    const { stdout: fetched } = await succeed(["backup", "fetch", "etcd", "--to", folder]);
    const archive = fetched.trim().split("\n").at(-1) ?? "";
    expect(readFileSync(archive).equals(readFileSync(join(store, newest())))).toBe(true);
    expect((await succeed(["backup", "drill", "etcd", "--from", archive])).stdout).toContain("the drill succeeded");
    await succeed(["backup", "open", archive, "--to", join(folder, "opened")]);
    expect(readdirSync(join(folder, "opened")).sort()).toEqual(["kubernetes", "metadata.json", "snapshot.db"]);
    expect(readFileSync(join(folder, "opened/kubernetes/pki/ca.key"), "utf8")).toMatch(/PRIVATE KEY/);
  });

  it("whose archive the store has damaged is not restored, and somebody is told; a new one is", async () => {
    const file = join(store, newest());
    const whole = readFileSync(file);
    const damaged = Buffer.from(whole);
    const middle = Math.floor(whole.length / 2);
    damaged[middle] = (damaged[middle] ?? 0) ^ 1;
    writeFileSync(`${file}.damaged`, damaged);
    renameSync(`${file}.damaged`, file);
    try {
      const { code, stdout } = await quorum(["backup", "drill", "etcd"]);
      expect(code).toBe(1);
      expect(stdout).toContain("restore-drill: the archive is not what was stored");
      await eventually("Prometheus has the failure", 60, async () =>
        (await query('quorum:etcd_care_last_run_succeeded{task="drill"} == 0')) === undefined ? undefined : true,
      );
    } finally {
      writeFileSync(file, whole);
    }
    expect((await succeed(["backup", "drill", "etcd"])).stdout).toContain("the drill succeeded");
  });

  it("is looked after: its members' sizes and the certificates' ends are told", async () => {
    const log = await maintainEtcd();
    expect(log).toMatch(/etcd https:\/\/10\.210\.0\.11:2379: [\d.]+ MiB, [\d.]+ MiB of it in use, leads/);
    const day = 86_400;
    await eventually("Prometheus knows when certificates end", 60, async () =>
      ((await query('quorum_control_plane_certificate_end_timestamp_seconds{certificate="API server"} - time()')) ??
        0) >
      30 * day
        ? true
        : undefined,
    );
  });
});
