import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { makeIdentity } from "../../../components/control-plane/care/age.mjs";
import { checkSnapshot } from "../../../components/control-plane/care/archive.mjs";
import { backup, backupFigures, type BackupProgramSettings } from "../../../components/control-plane/care/backup.mjs";
import { chooseArchive, drill, drillFigures, sourceOf } from "../../../components/control-plane/care/drill.mjs";
import { bump, etcdClient, scratchEtcd } from "../../../components/control-plane/care/etcd.mjs";
import { lentPrograms } from "../../../components/control-plane/care/programs.mjs";
import { archivesOf, openStore } from "../../../components/control-plane/care/store.mjs";
import { archiveSource, openArchive } from "../../../engine/etcd-archive.ts";
import { temporaryFolder } from "../../engine/programs.ts";
import { freePort, hasEtcd, programs, RealEtcd } from "./real-etcd.ts";

const site = makeIdentity();
const cluster = "care";

/** A host with something in /etc/kubernetes, and a store. */
function world(etcd: Pick<RealEtcd, "endpoints">, folder: string) {
  const at = (name: string) => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name);
  };
  writeFileSync(join(at("etc/kubernetes/pki"), "ca.key"), "the key of the authority");
  writeFileSync(join(at("etc/kubernetes/tmp"), "old"), "a data folder that was put aside");
  const storeFolder = at("store");
  const settings: BackupProgramSettings = {
    cluster,
    endpoints: etcd.endpoints,
    recipients: [site.recipient],
    keep: { last: 2, days: 0 },
    work: at("work"),
    etc: at("etc"),
    state: at("state"),
    host: "cp-a",
    kubernetesVersion: "1.37.2",
  };
  const keyFile = join(folder, "site.key");
  writeFileSync(keyFile, `${site.identity}\n`);
  const store = openStore({ STORE_FOLDER: storeFolder });
  let time = new Date("2026-11-23T10:00:00Z").getTime();
  return {
    settings,
    store,
    storeFolder,
    keyFile,
    folder: at,
    /** Each run is an hour after the one before it. */
    backUp: (more: Partial<BackupProgramSettings> = {}, by = programs) =>
      backup(
        { ...settings, ...more },
        { programs: by, client: etcdClient(by), store, now: new Date((time += 3_600_000)) },
      ),
    newest: async () => {
      const key = JSON.parse(readFileSync(join(settings.state, "archive-key.json"), "utf8")) as {
        name: string;
        key: string;
      };
      return chooseArchive(await archivesOf(store, cluster), key);
    },
    drill: async (chosen: ReturnType<typeof chooseArchive>) =>
      drill({
        source: await sourceOf(store, chosen.archive, chosen.keys),
        programs,
        work: temporaryFolder(),
        ports: { port: await freePort(), peer: await freePort() },
      }),
  };
}

/** etcdctl, but what it saves is not whole. */
function cuttingPrograms(damage: string) {
  const etcdctl = join(temporaryFolder(), "etcdctl");
  writeFileSync(etcdctl, `#!/bin/sh\n${programs.etcdctl} "$@" || exit\n[ "$1" = snapshot ] || exit 0\n${damage}\n`);
  chmodSync(etcdctl, 0o755);
  return { ...programs, etcdctl };
}

describe.skipIf(!hasEtcd)("with a real etcd", () => {
  let etcd: RealEtcd;
  let here: ReturnType<typeof world>;
  let root: string;

  beforeAll(async () => {
    vi.spyOn(console, "log").mockImplementation(() => undefined);
    etcd = await RealEtcd.start();
    etcd.fill(0, 300);
    etcd.ctl(["del", "/registry/thing/7"]);
    etcd.ctl(["compact", "3"]);
    root = mkdtempSync(join(tmpdir(), "quorum-care-"));
    here = world(etcd, join(root, "here"));
  });
  afterAll(async () => {
    await etcd.stop();
    rmSync(root, { recursive: true, force: true });
  });

  it("a backup is stored whole, nobody but the site can read it, and the site has all of it", async () => {
    const made = await here.backUp();
    expect(made).toMatchObject({ keys: 299, archives: 1 });
    const { archive } = await here.newest();
    expect(archive.name).toMatch(/^care-20261123T110000Z-\d+\.tar\.age$/);
    const file = join(here.storeFolder, archive.name);
    const stored = readFileSync(file);
    for (const secret of ["the key of the authority", "/registry/thing/8", "snapshot.db"])
      expect(stored.includes(secret)).toBe(false);

    const opened = temporaryFolder();
    const metadata = await openArchive(file, here.keyFile, opened);
    expect(metadata).toMatchObject({ cluster, host: "cp-a", members: [{ name: "m0", learner: false }] });
    expect(metadata.snapshot).toMatchObject({ keys: 299, revision: made.revision });
    expect(readFileSync(join(opened, "kubernetes/pki/ca.key"), "utf8")).toBe("the key of the authority");
    expect(existsSync(join(opened, "kubernetes/tmp"))).toBe(false);
    await checkSnapshot(join(opened, "snapshot.db"));
  });

  it("the drill finds again what the backup noted, by the key of this one archive and by the site's own", async () => {
    const { archive, keys } = await here.newest();
    expect((await here.drill({ archive, ...(keys && { keys }) })).snapshot.keys).toBe(299);
    const source = archiveSource(join(here.storeFolder, archive.name), here.keyFile);
    const ports = { port: await freePort(), peer: await freePort() };
    expect((await drill({ source, programs, work: temporaryFolder(), ports })).snapshot.keys).toBe(299);
  });

  it.each([
    ["a bit of its data", (file: string) => flip(file, 40_000), /not what was stored|was changed/],
    ["its end", (file: string) => truncateSync(file, readFileSync(file).length - 100), /cut short/],
    ["all but its header", (file: string) => truncateSync(file, 300), /cut short/],
  ])("the drill sees that the store lost %s", async (_, damage, says) => {
    const { archive, keys } = await here.newest();
    const file = join(here.storeFolder, archive.name);
    cpSync(file, `${file}.whole`);
    damage(file);
    await expect(here.drill({ archive, ...(keys && { keys }) })).rejects.toThrow(says);
    cpSync(`${file}.whole`, file);
  });

  it("the drill sees that the noted figures are not those of the snapshot, each by itself", async () => {
    const { archive, keys } = await here.newest();
    const beside = join(here.storeFolder, `${archive.name}.json`);
    const whole = readFileSync(beside, "utf8");
    // Beside an archive that somebody put another's description to, its own sum gives it away.
    writeFileSync(beside, whole.replace(/"sha256": "....(?=[^"]*",\n {4}"recipients)/, '"sha256": "0000'));
    await expect(here.drill({ archive, ...(keys && { keys }) })).rejects.toThrow("the archive is not what was stored");
    writeFileSync(beside, whole);
  });

  it("a snapshot that is cut short or damaged is no backup, and the last good one stays", async () => {
    const before = readdirSync(here.storeFolder).sort();
    for (const damage of [
      'truncate -s 12000 "$3"',
      'truncate -s -1 "$3"',
      `printf XX | dd of="$3" bs=1 seek=9000 conv=notrunc 2>/dev/null`,
    ]) {
      await expect(here.backUp({}, cuttingPrograms(damage)), damage).rejects.toThrow(/the snapshot is cut short/);
      expect(readdirSync(here.storeFolder).sort()).toEqual(before);
    }
  });

  it("old archives go, but not once the new one has lost most of the keys", async () => {
    await here.backUp();
    await here.backUp();
    const archives = async () => (await archivesOf(here.store, cluster)).length;
    expect(await archives()).toBe(2);
    etcd.ctl(["del", "/registry/thing/", "--prefix"]);
    etcd.fill(0, 20);
    // Not the one after it either: what was lost must not become what is usual.
    expect((await here.backUp()).keys).toBe(20);
    await here.backUp();
    expect(await archives()).toBe(4);
    etcd.fill(0, 300);
    await here.backUp();
    expect(await archives()).toBe(2);
  });

  it("an archive without recipients is a plain one, which the drill reads too", async () => {
    const plain = world(etcd, join(root, "plain"));
    await plain.backUp({ recipients: [] });
    const [archive] = await archivesOf(plain.store, cluster);
    expect(archive?.name).toMatch(/\.tar$/);
    const chosen = chooseArchive(await archivesOf(plain.store, cluster), undefined);
    await plain.drill(chosen);
  });

  it("an etcd that was recovered, twice too, is backed up and drilled like any other", async () => {
    let endpoint = etcd.endpoints[0] ?? "";
    for (const round of [1, 2]) {
      const snapshot = join(temporaryFolder(), "snapshot.db");
      await etcdClient(programs).save(endpoint, snapshot, 60);
      const ports = { port: await freePort(), peer: await freePort() };
      const recovered = await scratchEtcd(programs, {
        snapshot,
        folder: join(temporaryFolder(), "data"),
        bump,
        ...ports,
      });
      onTestFinished(() => recovered.stop());
      endpoint = recovered.url;
      const keys = await etcdClient(programs).count(endpoint);
      await etcdClient(programs).put(endpoint, `/registry/after/${round}`, "1");
      const there = world({ endpoints: [endpoint] }, join(root, `recovered-${round}`));
      expect((await there.backUp()).keys).toBe(keys + 1);
      const { archive, keys: opening } = await there.newest();
      expect((await there.drill({ archive, ...(opening && { keys: opening }) })).snapshot.keys).toBe(keys + 1);
    }
  });

  it("members that are gone are left out, and without any there is no backup", async () => {
    const gone = `http://127.0.0.1:${await freePort()}`;
    const made = await here.backUp({ endpoints: [gone, ...etcd.endpoints] });
    expect(made.keys).toBe(300);
    await expect(here.backUp({ endpoints: [gone] })).rejects.toThrow(/none of the members at .* is healthy/);
  });
});

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}

describe("the key of the last archive", () => {
  const archive = (name: string) => ({ name, size: 1, time: new Date(), revision: 1 });

  it("opens that archive, though a newer one was made on another host", () => {
    const all = [archive("c-2.tar.age"), archive("c-1.tar.age")];
    expect(chooseArchive(all, { name: "c-1.tar.age", key: "AAAA" }).archive.name).toBe("c-1.tar.age");
  });

  it("that is not here is told of, with what to do", () => {
    expect(() => chooseArchive([archive("c-2.tar.age")], undefined)).toThrow(/made on another host.*--key FILE/);
    expect(() => chooseArchive([], undefined)).toThrow("the store has no archive");
  });
});

describe("figures", () => {
  it("of a run that failed are those of the last good one, and that it failed", () => {
    const good = { time: 5, revision: 9, keys: 3, databaseBytes: 1, archiveBytes: 2, archives: 4, storeBytes: 8 };
    const text = backupFigures({ run: { time: 7, succeeded: false, seconds: 1.5 }, good });
    expect(text).toContain("quorum_etcd_backup_last_run_succeeded 0\n");
    expect(text).toContain("quorum_etcd_backup_last_success_timestamp_seconds 5\n");
    expect(backupFigures({ run: { time: 7, succeeded: false, seconds: 1 } })).not.toContain("last_success");
    expect(
      drillFigures({ run: { time: 7, succeeded: true, seconds: 1 }, good: { time: 7, archiveTime: 5, keys: 3 } }),
    ).toContain("quorum_restore_drill_archive_timestamp_seconds 5\n");
  });
});

describe("etcd's programs", () => {
  it("are taken from the files of a process beside this one", async () => {
    const processes = temporaryFolder();
    const bin = join(processes, "17", "root", "usr/local/bin");
    mkdirSync(bin, { recursive: true });
    mkdirSync(join(processes, "1"));
    for (const name of ["etcd", "etcdctl", "etcdutl"]) writeFileSync(join(bin, name), name);
    const paths = await lentPrograms(join(processes, "bin"), { processes });
    expect(readFileSync(paths.etcdutl, "utf8")).toBe("etcdutl");
    await expect(
      lentPrograms(join(processes, "other"), { processes: join(processes, "1"), seconds: 0 }),
    ).rejects.toThrow("no container beside this one has etcd's programs");
  });
});
