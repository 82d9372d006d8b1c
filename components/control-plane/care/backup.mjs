// Runs in the cluster: a snapshot of etcd and the host's /etc/kubernetes, checked, encrypted, and put where the hosts' loss leaves it.
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { measureSnapshot, packArchive, writeMetadata } from "./archive.mjs";
import { countsFit, etcdClient, snapshotStatus } from "./etcd.mjs";
import { fileSum, figuresText, lentPrograms, main, noted, putFile, say, seconds } from "./programs.mjs";
import { archivesOf, nameOf, openStore, partEnding, surplus } from "./store.mjs";

/** A run may meet a compaction between its questions, after which the answers do not fit together. */
const attempts = 3;
const dayMilliseconds = 86_400_000;
/** Part of the most keys of late that a backup must have, or older ones stay: it may be the mistake that they are kept for. */
const leastShare = 0.5;
/** How late: time to see the alert. */
const peakMilliseconds = 2 * dayMilliseconds;

/** Members that answer, in the order to ask them in: the leader has enough to do, and one that learns lacks some. */
async function healthyMembers(client, endpoints) {
  const found = [];
  for (const endpoint of endpoints) {
    try {
      await client.health(endpoint);
      const status = await client.status(endpoint);
      const corrupt = status.errors.some((error) => /corrupt/i.test(error));
      if (status.isLearner || corrupt)
        say(`${endpoint} is left out: ${corrupt ? status.errors.join(", ") : "it is a learner"}`);
      else found.push(status);
    } catch (error) {
      say(`${endpoint} is left out: ${error.message}`);
    }
  }
  if (found.length === 0)
    throw new Error(`none of the members at ${endpoints.join(", ")} is healthy, so there is nothing to save`);
  return found.sort((a, b) => Number(a.leads) - Number(b.leads));
}

/** Saves one member, and notes what a restore must have again. */
async function saveMember(client, programs, member, file) {
  const { endpoint } = member;
  for (let attempt = 1; ; attempt += 1) {
    rmSync(file, { force: true });
    const before = await client.hashKV(endpoint);
    await client.save(endpoint, file, 3600);
    const { size, sha256 } = await measureSnapshot(file);
    const { hash, revision, keys: counted, size: databaseBytes } = await snapshotStatus(programs, file);
    if (revision < member.revision)
      throw new Error(`the snapshot is of revision ${revision}, but ${endpoint} had ${member.revision} before it`);
    const hashKV = await client.hashKV(endpoint, revision).catch(() => undefined);
    const keys = await client.count(endpoint, revision).catch(() => undefined);
    if (hashKV !== undefined && keys !== undefined && hashKV.compactRevision === before.compactRevision) {
      if (!countsFit(counted, keys, revision))
        throw new Error(`the snapshot has ${counted} keys, but ${endpoint} has ${keys} at its revision ${revision}`);
      return { revision, keys, hash, hashKV, size, sha256, databaseBytes };
    }
    if (attempt === attempts) throw new Error(`etcd was compacted during each of ${attempts} snapshots; run it again`);
    say(`etcd was compacted meanwhile: once more`);
  }
}

async function firstSaved(client, programs, members, file) {
  for (const [index, member] of members.entries()) {
    try {
      say(`saving ${member.endpoint} (${member.leads ? "the leader" : "a follower"}), revision ${member.revision}`);
      return { member, saved: await saveMember(client, programs, member, file) };
    } catch (error) {
      if (index === members.length - 1) throw error;
      say(`${member.endpoint} could not be saved, so the next one is: ${error.message}`);
    }
  }
  throw new Error("there is no member to save");
}

/** What a run that was cut short left in the store. */
async function clearLeftovers(store, cluster, now) {
  const files = (await store.list()).map(({ name }) => name);
  const described = new Set(files);
  for (const name of files) {
    const stamp = new RegExp(`^${cluster}-(\\d{4})(\\d\\d)(\\d\\d)T`).exec(name);
    if (stamp === null || now - new Date(`${stamp[1]}-${stamp[2]}-${stamp[3]}T00:00:00Z`) < 2 * dayMilliseconds)
      continue;
    if (name.endsWith(partEnding) || (/\.tar(\.age)?$/.test(name) && !described.has(`${name}.json`)))
      await store.remove(name);
  }
}

/** Takes old archives away. Nothing goes while there are far fewer keys than of late: somebody may want them back. */
async function prune(store, cluster, keep, { keys, peak }, now) {
  const archives = await archivesOf(store, cluster);
  if (keys < peak.keys * leastShare) {
    say(`older archives stay: this one has ${keys} keys, and one of ${peak.time} had ${peak.keys}`);
    return archives;
  }
  const gone = surplus(archives, keep, now);
  for (const { name } of gone) {
    // The description first: what has none counts for nothing any more.
    await store.remove(`${name}.json`);
    await store.remove(name);
    say(`took ${name} away`);
  }
  await clearLeftovers(store, cluster, now);
  return archives.filter((archive) => !gone.includes(archive));
}

/** The most keys of late, as the description of an archive says; one that cannot be read must not keep a new backup from being made. */
async function peakOf(store, name) {
  try {
    return JSON.parse(await store.text(`${name}.json`)).peak;
  } catch (error) {
    say(`the description of ${name} cannot be read: ${error.message}`);
    return undefined;
  }
}

/** The most keys that a backup had of late. */
function nextPeak(before, own, now) {
  const young = before !== undefined && now - new Date(before.time) < peakMilliseconds;
  return young && before.keys > own.keys ? before : own;
}

/** A folder on the disk that etcd itself is on goes with it. */
function refuseOwnDisk({ STORE_FOLDER: folder, STORE_MUST_BE_MOUNTED: must }, etc) {
  if (folder && must === "yes" && statSync(folder).dev === statSync(etc).dev)
    throw new Error(
      "the folder of quorum:controlPlane.etcd.backup.store.folder is on the host's own disk, so it would be lost with the host; mount another machine's storage there",
    );
}

/** @returns what the run made, for its figures */
export async function backup(settings, { programs, client, store, now = new Date() }) {
  const { cluster, endpoints, recipients, keep, work, etc, state, host, kubernetesVersion } = settings;
  mkdirSync(work, { recursive: true });
  const file = join(work, "snapshot.db");
  const { member, saved } = await firstSaved(client, programs, await healthyMembers(client, endpoints), file);
  const { databaseBytes, ...snapshot } = saved;
  say(`revision ${snapshot.revision}, ${snapshot.keys} keys, ${databaseBytes} bytes, hash ${snapshot.hash}: whole`);
  const [previous] = await archivesOf(store, cluster);
  const before = previous && (await peakOf(store, previous.name));
  const metadata = {
    format: 1,
    cluster,
    time: now.toISOString(),
    host,
    kubernetesVersion,
    etcdVersion: member.version,
    clusterId: member.clusterId,
    leader: member.leader,
    members: await client.members(member.endpoint),
    snapshot,
  };
  writeMetadata(work, metadata);
  const encrypted = recipients.length > 0;
  const name = nameOf({ cluster, time: now, revision: snapshot.revision, encrypted });
  const target = join(work, "archive");
  const { fileKey, ...packed } = await packArchive({
    work,
    etc,
    recipients: encrypted ? recipients : undefined,
    target,
  });
  await store.put(name, target, packed.sha256);
  const peak = nextPeak(before, { keys: snapshot.keys, time: metadata.time }, now);
  const description = { ...metadata, peak, archive: { name, ...packed, recipients } };
  const beside = join(work, "description.json");
  putFile(beside, `${JSON.stringify(description, undefined, 2)}\n`);
  // By this the drill opens this one archive, and no other, on this host, where all that is in it lies open anyway.
  if (fileKey)
    putFile(join(state, "archive-key.json"), JSON.stringify({ name, key: fileKey.toString("base64") }), 0o600);
  await store.put(`${name}.json`, beside, await fileSum(beside));
  say(`stored ${name}, ${packed.size} bytes, in ${store.where}`);
  const kept = await prune(store, cluster, keep, { keys: snapshot.keys, peak }, now);
  return {
    time: seconds(now),
    revision: snapshot.revision,
    keys: snapshot.keys,
    databaseBytes,
    archiveBytes: packed.size,
    archives: kept.length,
    storeBytes: kept.reduce((sum, { size }) => sum + size, 0),
  };
}

/** What Prometheus is told of the last run, and of the last one that succeeded. */
export function backupFigures({ run: { time, succeeded, seconds: took }, good = {} }) {
  const one = (help, value) => ({ help, samples: [[{}, value]] });
  return figuresText({
    quorum_etcd_backup_last_run_timestamp_seconds: one("When the last backup of etcd ended.", time),
    quorum_etcd_backup_last_run_succeeded: one("Whether the last backup of etcd was made.", succeeded ? 1 : 0),
    quorum_etcd_backup_last_run_seconds: one("How long the last backup of etcd took.", took),
    quorum_etcd_backup_last_success_timestamp_seconds: one("Of when the last good backup of etcd is.", good.time),
    quorum_etcd_backup_keys: one("Keys in the last good backup of etcd.", good.keys),
    quorum_etcd_backup_revision: one("Revision of the last good backup of etcd.", good.revision),
    quorum_etcd_backup_database_bytes: one("Size of the database in the last good backup of etcd.", good.databaseBytes),
    quorum_etcd_backup_archive_bytes: one("Size of the last good backup of etcd as it is stored.", good.archiveBytes),
    quorum_etcd_backup_archives: one("Backups of etcd that the store has.", good.archives),
    quorum_etcd_backup_store_bytes: one("Size of all backups of etcd in the store.", good.storeBytes),
  });
}

/** Runs with figures, whichever way it ends. */
async function runWithFigures(settings, environment) {
  const note = join(settings.state, "backup.json");
  const began = Date.now();
  let good;
  try {
    refuseOwnDisk(environment, settings.etc);
    const programs = await lentPrograms();
    const store = openStore(environment);
    good = await backup(settings, { programs, client: etcdClient(programs, settings.tls), store });
  } finally {
    const last = good ?? noted(note).good;
    const ended = { time: seconds(), succeeded: good !== undefined, seconds: (Date.now() - began) / 1000 };
    putFile(note, JSON.stringify({ good: last }));
    putFile(join(settings.metrics, "quorum-etcd-backup.prom"), backupFigures({ run: ended, good: last }));
  }
}

/** What the store has, a line each, for people. */
async function list(store, cluster) {
  const archives = await archivesOf(store, cluster);
  for (const { name } of archives) {
    const { time, host, snapshot, archive } = JSON.parse(await store.text(`${name}.json`));
    say(`${name}  of ${time}  revision ${snapshot.revision}  ${snapshot.keys} keys  ${archive.size} bytes  by ${host}`);
  }
  if (archives.length === 0) say(`there is no archive of ${cluster} in ${store.where}`);
}

/** Longest time that a pod stays for somebody to take an archive out of it. */
const holdSeconds = 1800;

/** What a person asks for by `npm run backup`; without words, what the schedule asks for. */
async function asked([word, name], settings) {
  if (word === undefined) return runWithFigures({ ...settings, host: process.env["NODE_NAME"] }, process.env);
  if (word === "hold") return sleep(holdSeconds * 1000);
  const store = openStore(process.env);
  if (word === "list") return list(store, settings.cluster);
  if (word === "cat") return pipeline(await store.read(name), process.stdout);
  throw new Error(`"${word}" is nothing that the backup does`);
}

if (import.meta.main) {
  await main("etcd-backup", () => {
    process.umask(0o077);
    return asked(process.argv.slice(2), JSON.parse(process.env["SETTINGS"]));
  });
}
