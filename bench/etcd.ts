import { execFileSync } from "node:child_process";
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeIdentity, readIdentities } from "../components/control-plane/care/age.mjs";
import { unpackArchive } from "../components/control-plane/care/archive.mjs";
import { backup } from "../components/control-plane/care/backup.mjs";
import { chooseArchive, drill, sourceOf } from "../components/control-plane/care/drill.mjs";
import { bump, etcdClient, scratchEtcd } from "../components/control-plane/care/etcd.mjs";
import { archivesOf, openStore } from "../components/control-plane/care/store.mjs";
import { ensurePart } from "../local/toolchain.ts";
import { freePort, programs, RealEtcd } from "../test/components/care/real-etcd.ts";
import { median } from "./measure.ts";
import { benchDir } from "./paths.ts";
import type { Row } from "./table.ts";

export interface EtcdBenchOptions {
  readonly rounds: number | undefined;
  readonly log: (line: string) => void;
}

const sizes = [10_000, 100_000];
/** Of a value: about what an object of Kubernetes has. */
const valueBytes = 1024;
const usualRounds = 3;
const mebibyte = 1024 * 1024;

/** How long a backup of etcd, a restore and a drill take, beside etcd's bare programs on the same member in the same minutes. */
export async function benchEtcd({ rounds = usualRounds, log }: EtcdBenchOptions): Promise<Row[]> {
  await ensurePart("etcd", log);
  const rows: Row[] = [];
  for (const keys of sizes) rows.push(...(await benchSize(keys, rounds, log)));
  return rows;
}

async function benchSize(keys: number, rounds: number, log: (line: string) => void): Promise<Row[]> {
  mkdirSync(benchDir, { recursive: true });
  const folder = mkdtempSync(join(benchDir, "etcd-"));
  const etcd = await RealEtcd.start(1, ["--max-txn-ops=2000"]);
  const quiet = console.log;
  try {
    log(`${keys} keys of ${valueBytes} bytes`);
    etcd.fill(0, keys, valueBytes, 1000);
    // What the programs say to people would be said again in each round.
    console.log = () => undefined;
    const world = await worldOf(etcd, folder);
    const taken = new Map<string, number[]>();
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, work] of world.contestants) {
        const began = performance.now();
        await work();
        taken.set(name, [...(taken.get(name) ?? []), (performance.now() - began) / 1000]);
      }
    }
    return rowsOf(keys, taken, statSync(world.snapshot).size);
  } finally {
    console.log = quiet;
    await etcd.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is timed, in the order in which each needs what the one before it left. */
async function worldOf(etcd: RealEtcd, folder: string) {
  const at = (name: string) => {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const [endpoint = ""] = etcd.endpoints;
  const client = etcdClient(programs);
  const store = openStore({ STORE_FOLDER: at("store") });
  const site = makeIdentity();
  writeFileSync(join(at("etc/kubernetes"), "admin.conf"), "a file of the host");
  const settings = {
    cluster: "bench",
    endpoints: etcd.endpoints,
    recipients: [site.recipient],
    keep: { last: 1, days: 0 },
    work: at("work"),
    etc: at("etc"),
    state: at("state"),
    host: "bench",
    kubernetesVersion: "1.37.2",
  };
  const ports = { port: await freePort(), peer: await freePort() };
  const snapshot = join(folder, "bare.db");
  const newest = async () => {
    const key = JSON.parse(readFileSync(join(settings.state, "archive-key.json"), "utf8")) as {
      name: string;
      key: string;
    };
    return chooseArchive(await archivesOf(store, "bench"), key);
  };
  const emptied = (name: string) => {
    rmSync(join(folder, name), { recursive: true, force: true });
    return at(name);
  };
  const healthy = async (file: string, skipped: number) => {
    const scratch = await scratchEtcd(programs, {
      snapshot: file,
      folder: join(emptied("data"), "d"),
      bump: skipped,
      ...ports,
    });
    await scratch.stop();
  };
  const contestants = new Map<string, () => Promise<unknown> | void>([
    ["backup: saved, checked, encrypted, stored, read back", () => backup(settings, { programs, client, store })],
    [
      "etcdctl snapshot save, etcdutl snapshot status",
      () => {
        execFileSync(programs.etcdctl, ["snapshot", "save", snapshot, "--endpoints", endpoint], { stdio: "pipe" });
        execFileSync(programs.etcdutl, ["snapshot", "status", snapshot], { stdio: "pipe" });
      },
    ],
    [
      "restore: opened by the site's key, checked, restored, healthy",
      async () => {
        const { archive } = await newest();
        const opened = emptied("opened");
        const keys = { identities: readIdentities(site.identity) };
        await unpackArchive({ source: createReadStream(join(folder, "store", archive.name)), keys, folder: opened });
        await healthy(join(opened, "snapshot.db"), bump);
      },
    ],
    ["etcdutl snapshot restore, etcd healthy", () => healthy(snapshot, bump)],
    [
      "drill: opened, restored twice, compared",
      async () => {
        const { archive, keys } = await newest();
        await drill({ source: await sourceOf(store, archive, keys), programs, work: emptied("drill"), ports });
      },
    ],
  ]);
  return { contestants, snapshot };
}

/** A bare program's time is a multiple of what we take for the same; the drill has no peer but two bare restores. */
function rowsOf(keys: number, taken: ReadonlyMap<string, readonly number[]>, bytes: number): Row[] {
  const seconds = new Map([...taken].map(([name, each]) => [name, median(each) ?? NaN]));
  const [ourBackup = "", bareBackup = "", ourRestore = "", bareRestore = "", ourDrill = ""] = seconds.keys();
  const of = (name: string) => seconds.get(name) ?? NaN;
  const ratios = new Map([
    [ourBackup, 1],
    [bareBackup, of(bareBackup) / of(ourBackup)],
    [ourRestore, 1],
    [bareRestore, of(bareRestore) / of(ourRestore)],
    [ourDrill, undefined],
  ]);
  return [...taken].map(([name, each], index): Row => ({
    measurement: `${keys.toLocaleString("en")} keys: ${name}`,
    seconds: of(name),
    range: [Math.min(...each), Math.max(...each)],
    ratio: ratios.get(name),
    remark:
      index === 0
        ? `snapshot of ${(bytes / mebibyte).toFixed(0)} MiB`
        : name === ourDrill
          ? `${(of(ourDrill) / of(bareRestore)).toFixed(1)} × one bare restore`
          : undefined,
  }));
}
