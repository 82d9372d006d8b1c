// Runs in the cluster, or on an operator's machine: proves that the last archive can be restored, in an etcd that is thrown away.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { unpackArchive } from "./archive.mjs";
import { bump, countsFit, etcdClient, scratchEtcd, snapshotStatus } from "./etcd.mjs";
import { figuresText, lentPrograms, main, noted, putFile, say, seconds } from "./programs.mjs";
import { archivesOf, openStore } from "./store.mjs";

/** The newest archive, and of those that are encrypted the newest whose key is on this host. */
export function chooseArchive(archives, key) {
  const [newest] = archives;
  if (newest === undefined) throw new Error("the store has no archive of this cluster, so there is nothing to restore");
  if (!newest.name.endsWith(".age")) return { archive: newest };
  const own = archives.find(({ name }) => name === key?.name);
  if (own === undefined)
    throw new Error(
      `the last archive, ${newest.name}, was made on another host, and only there is the key of it; wait for a backup by this one, or run the drill with the site's own key: npm run backup -- drill etcd --from ARCHIVE --key FILE`,
    );
  return { archive: own, keys: { fileKey: Buffer.from(key.key, "base64") } };
}

function same(what, found, noted) {
  if (found !== noted) throw new Error(`${what} is ${found}, but the backup noted ${noted}`);
}

/** Restored as it was, it has the same revision, keys and hash as the member that was saved. */
async function asItWas({ programs, work, snapshot, metadata, ports }) {
  const { revision, keys, hashKV } = metadata.snapshot;
  const folder = join(work, "as-it-was");
  const scratch = await scratchEtcd(programs, { snapshot, folder, ...ports });
  const client = etcdClient(programs);
  try {
    same("the restored etcd's revision", (await client.status(scratch.url)).revision, revision);
    same("the restored etcd's number of keys", await client.count(scratch.url), keys);
    const found = await client.hashKV(scratch.url, revision);
    same("the revision that the restored etcd was compacted at", found.compactRevision, hashKV.compactRevision);
    same("the restored etcd's hash", found.hash, hashKV.hash);
  } finally {
    await scratch.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Restored as `recover` does it, nothing of it can be taken for what was there before, and it takes writes. */
async function asRecovered({ programs, work, snapshot, metadata, ports }) {
  const { revision, keys } = metadata.snapshot;
  const folder = join(work, "recovered");
  const scratch = await scratchEtcd(programs, { snapshot, folder, bump, ...ports });
  const client = etcdClient(programs);
  try {
    const { revision: now } = await client.status(scratch.url);
    if (now < revision + bump)
      throw new Error(`the recovered etcd is at revision ${now}, but must be past ${revision + bump}`);
    same("the recovered etcd's number of keys", await client.count(scratch.url), keys);
    const old = await client.read(scratch.url, "/", revision).then(
      () => "is answered",
      (error) => error.message,
    );
    if (!/compacted/.test(old))
      throw new Error(`a read of the old revision ${revision} ${old}, but must be told that it is compacted`);
    const written = await client.put(scratch.url, "quorum.dev/restore-drill", "written");
    if (written <= now)
      throw new Error(`a write to the recovered etcd has revision ${written}, but must be past ${now}`);
  } finally {
    await scratch.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Restores an archive twice into an etcd of its own, and compares what is there with what the backup noted.
 *
 * @param source {stream, keys, expected} of the archive
 * @returns the archive's metadata
 * @throws saying what is not as it should be
 */
export async function drill({ source, programs, work, ports = {} }) {
  mkdirSync(work, { recursive: true });
  const metadata = await unpackArchive({
    source: source.stream,
    keys: source.keys,
    expected: source.expected,
    folder: work,
    only: ["metadata.json", "snapshot.db"],
  });
  const snapshot = join(work, "snapshot.db");
  say(`opened: revision ${metadata.snapshot.revision}, ${metadata.snapshot.keys} keys, of ${metadata.time}`);
  const found = await snapshotStatus(programs, snapshot);
  same("the snapshot's revision", found.revision, metadata.snapshot.revision);
  if (!countsFit(found.keys, metadata.snapshot.keys, found.revision))
    same("the snapshot's number of keys", found.keys, metadata.snapshot.keys);
  same("the snapshot's hash", found.hash, metadata.snapshot.hash);
  const what = { programs, work, snapshot, metadata, ports };
  await asItWas(what);
  say("restored as it was: revision, keys and hash are those of the member that was saved");
  await asRecovered(what);
  say("restored as recover does it: revisions go on past all that were given out, and it takes writes");
  return metadata;
}

/** The archive to restore, out of the store. */
export async function sourceOf(store, archive, keys) {
  const { archive: expected } = JSON.parse(await store.text(`${archive.name}.json`));
  return { stream: await store.read(archive.name), keys, expected };
}

/** What Prometheus is told of the last drill. */
export function drillFigures({ run: { time, succeeded, seconds: took }, good = {} }) {
  const one = (help, value) => ({ help, samples: [[{}, value]] });
  return figuresText({
    quorum_restore_drill_last_run_timestamp_seconds: one("When the last restore drill ended.", time),
    quorum_restore_drill_last_run_succeeded: one(
      "Whether the last restore drill found all as it should be.",
      succeeded ? 1 : 0,
    ),
    quorum_restore_drill_last_run_seconds: one("How long the last restore drill took.", took),
    quorum_restore_drill_last_success_timestamp_seconds: one("When a restore drill last succeeded.", good.time),
    quorum_restore_drill_archive_timestamp_seconds: one(
      "Of when the archive is that was last restored well.",
      good.archiveTime,
    ),
    quorum_restore_drill_keys: one("Keys that the last good drill found again.", good.keys),
  });
}

async function scheduled({ cluster, state, work, metrics }, environment) {
  const note = join(state, "drill.json");
  const keyFile = join(state, "archive-key.json");
  const began = Date.now();
  let good;
  try {
    const programs = await lentPrograms();
    const store = openStore(environment);
    const key = existsSync(keyFile) ? JSON.parse(readFileSync(keyFile, "utf8")) : undefined;
    const { archive, keys } = chooseArchive(await archivesOf(store, cluster), key);
    say(`restoring ${archive.name}`);
    const metadata = await drill({ source: await sourceOf(store, archive, keys), programs, work });
    good = { time: seconds(), archiveTime: seconds(new Date(metadata.time)), keys: metadata.snapshot.keys };
    say("the drill succeeded");
  } finally {
    const last = good ?? noted(note).good;
    const ended = { time: seconds(), succeeded: good !== undefined, seconds: (Date.now() - began) / 1000 };
    putFile(note, JSON.stringify({ good: last }));
    putFile(join(metrics, "quorum-restore-drill.prom"), drillFigures({ run: ended, good: last }));
  }
}

if (import.meta.main) {
  await main("restore-drill", () => {
    process.umask(0o077);
    return scheduled(JSON.parse(process.env["SETTINGS"]), process.env);
  });
}
