// A cluster of etcd as its own programs show it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "./programs.mjs";

/** Ids have more digits than a number holds: they stay text. */
function parse(text) {
  return JSON.parse(text.replaceAll(/([:[,]\s*)(-?\d{16,})(?=\s*[,}\]])/g, '$1"$2"'));
}

/**
 * @param programs paths, as lentPrograms gives them
 * @param tls {ca, cert, key}; undefined: plain HTTP
 */
export function etcdClient({ etcdctl }, tls) {
  const env = {
    ...(tls && { ETCDCTL_CACERT: tls.ca, ETCDCTL_CERT: tls.cert, ETCDCTL_KEY: tls.key }),
  };
  const call = (endpoint, args, seconds = 20) =>
    run(etcdctl, [...args, "--endpoints", endpoint, "--dial-timeout", "3s", "--command-timeout", `${seconds}s`], {
      env,
      seconds: seconds + 10,
    });
  const json = async (...args) => parse(await call(args[0], [...args[1], "-w", "json"], args[2]));
  return {
    /** Throws where the member does not answer a read that asks all others too. */
    health: (endpoint) => call(endpoint, ["endpoint", "health"], 5),
    status: async (endpoint) => {
      const [{ Status }] = await json(endpoint, ["endpoint", "status"]);
      const { header, leader, dbSize = 0, dbSizeInUse = 0, dbSizeQuota = 0, errors = [], isLearner = false } = Status;
      return {
        endpoint,
        id: String(header.member_id),
        clusterId: String(header.cluster_id),
        revision: Number(header.revision ?? 0),
        version: Status.version,
        leads: leader === header.member_id,
        leader: String(leader ?? ""),
        isLearner,
        errors,
        dbSize,
        dbSizeInUse,
        quota: dbSizeQuota,
      };
    },
    members: async (endpoint) =>
      (await json(endpoint, ["member", "list"])).members.map(
        ({ ID, name = "", peerURLs = [], clientURLs = [], isLearner = false }) => ({
          id: String(ID),
          name,
          peerUrls: peerURLs,
          clientUrls: clientURLs,
          learner: isLearner,
        }),
      ),
    alarms: async (endpoint) => (await call(endpoint, ["alarm", "list"])).trim().split("\n").filter(Boolean),
    disarm: (endpoint) => call(endpoint, ["alarm", "disarm"]),
    hashKV: async (endpoint, revision) => {
      const [{ HashKV }] = await json(
        endpoint,
        ["endpoint", "hashkv", ...(revision ? ["--rev", String(revision)] : [])],
        120,
      );
      return { hash: HashKV.hash, revision: HashKV.hash_revision, compactRevision: HashKV.compact_revision };
    },
    /** Keys that are there at a revision. @default the newest */
    count: async (endpoint, revision) => {
      const at = revision ? ["--rev", String(revision)] : [];
      const text = await call(endpoint, ["get", "", "--prefix", "--count-only", "-w", "fields", ...at], 120);
      return Number(/"Count" : (\d+)/.exec(text)?.[1] ?? 0);
    },
    read: (endpoint, key, revision) => call(endpoint, ["get", key, "--rev", String(revision)]),
    put: async (endpoint, key, value) => Number((await json(endpoint, ["put", key, value])).header.revision),
    save: (endpoint, file, seconds) => call(endpoint, ["snapshot", "save", file], seconds),
    defrag: (endpoint, seconds) => call(endpoint, ["defrag"], seconds),
  };
}

/** What etcdutl says of a snapshot's file. It finds no damage: the sum at the file's end does. */
export async function snapshotStatus({ etcdutl }, file) {
  const { hash, revision, totalKey, totalSize } = parse(await run(etcdutl, ["snapshot", "status", file, "-w", "json"]));
  return { hash, revision, keys: totalKey, size: totalSize };
}

/** Revisions that a real restore skips, so that no watcher sees one again. @see https://etcd.io/docs/v3.6/op-guide/recovery/ "Restoring with revision bump" */
export const bump = 1_000_000_000;

/**
 * Whether what etcdutl counts in a snapshot fits the keys that clients can read. A restore that skips revisions notes the last of them in an
 * entry without a name, and leaves it there for good: etcdutl counts it, and no client can read it.
 */
export function countsFit(counted, readable, revision) {
  return counted === readable || (revision >= bump && counted === readable + 1);
}

const peerPort = 23_800;
const clientPort = 23_790;
/** Most that any etcd's database may have. */
const mostQuota = 8 * 1024 ** 3;

/**
 * An etcd of one member that a snapshot was restored into, for as long as it is looked at.
 *
 * @param bump revisions to skip; 0: it is as it was
 * @returns its address, and how to end it
 */
export async function scratchEtcd(
  { etcd, etcdutl },
  { snapshot, folder, bump = 0, port = clientPort, peer = peerPort },
) {
  const peerUrl = `http://127.0.0.1:${peer}`;
  const url = `http://127.0.0.1:${port}`;
  const own = ["--name", "drill", "--initial-advertise-peer-urls", peerUrl, "--initial-cluster", `drill=${peerUrl}`];
  const skipped = bump > 0 ? ["--bump-revision", String(bump), "--mark-compacted"] : [];
  await run(etcdutl, ["snapshot", "restore", snapshot, "--data-dir", folder, ...own, ...skipped], { seconds: 1800 });
  const child = spawn(
    etcd,
    [
      ...own,
      ...[
        "--data-dir",
        folder,
        "--listen-client-urls",
        url,
        "--advertise-client-urls",
        url,
        "--listen-peer-urls",
        peerUrl,
      ],
      ...["--quota-backend-bytes", String(mostQuota), "--log-level", "warn"],
      // It is looked at and thrown away: the disk that it shares with the real one has better things to do.
      "--unsafe-no-fsync",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said = (said + text).slice(-2000)));
  const ended = once(child, "exit");
  const stop = async () => {
    if (child.exitCode === null) child.kill("SIGKILL");
    await ended;
  };
  const until = Date.now() + 120_000;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the restored etcd ended by itself: ${said.trim().split("\n").at(-1)}`);
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
    if (answer?.ok && (await answer.json()).health === "true") return { url, stop };
    if (Date.now() > until) {
      await stop();
      throw new Error(`the restored etcd does not become healthy: ${said.trim().split("\n").at(-1)}`);
    }
    await sleep(100);
  }
}
