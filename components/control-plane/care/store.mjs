// Where archives are kept: a folder that is mounted from another machine, or an object store that rclone reaches.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileSum, run } from "./programs.mjs";

/** Ends the name of what is not whole yet: no reader of the store takes it for an archive. */
export const partEnding = ".part";

/** Fewer and larger turns: most of the time of a large file goes into turns. */
const large = { highWaterMark: 1024 * 1024 };

/** @param settings of the environment: STORE_FOLDER, or STORE_REMOTE as rclone takes it */
export function openStore({ STORE_FOLDER: folder, STORE_REMOTE: remote, RCLONE: rclone = "rclone" }) {
  if (folder) return folderStore(folder);
  if (remote) return remoteStore(remote, rclone);
  throw new Error("neither STORE_FOLDER nor STORE_REMOTE says where archives are kept");
}

/** Kept by the name only once it is on the disk and reads back as it was written. */
function folderStore(folder) {
  const sync = (path) => {
    const handle = openSync(path, "r");
    fsyncSync(handle);
    closeSync(handle);
  };
  return {
    where: folder,
    list: async () =>
      readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => ({ name, size: statSync(join(folder, name)).size })),
    read: async (name) => createReadStream(join(folder, name), large),
    text: async (name) => readFileSync(join(folder, name), "utf8"),
    put: async (name, file, sum) => {
      mkdirSync(folder, { recursive: true });
      const part = join(folder, `${name}${partEnding}`);
      await pipeline(createReadStream(file, large), createWriteStream(part, { mode: 0o600, ...large }));
      sync(part);
      if ((await fileSum(part)) !== sum) throw new Error(`${name} does not read back from ${folder} as it was written`);
      renameSync(part, join(folder, name));
      sync(folder);
    },
    remove: async (name) => rmSync(join(folder, name), { force: true }),
  };
}

/** Kept by the name only once it reads back as it was written; a store of objects knows no half of one. */
function remoteStore(remote, rclone) {
  const at = (name) => `${remote.replace(/\/+$/, "")}/${name}`;
  const call = (...args) =>
    run(rclone, [...args, "--retries", "3", "--low-level-retries", "5", "--contimeout", "20s"], { seconds: 3600 });
  const read = (name) => {
    const child = spawn(rclone, ["cat", at(name)], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text) => (said = (said + text).slice(-800)));
    const ended = new Promise((resolve) => child.on("close", resolve));
    child.on("error", (error) => child.stdout.destroy(error));
    return Readable.from(
      (async function* parts() {
        yield* child.stdout;
        if ((await ended) !== 0) throw new Error(`${name} cannot be read from the store: ${said.trim()}`);
      })(),
    );
  };
  const sumOf = async (name) => {
    const sum = createHash("sha256");
    for await (const part of read(name)) sum.update(part);
    return sum.digest("hex");
  };
  return {
    where: remote,
    list: async () => {
      const found = JSON.parse(await call("lsjson", "--files-only", remote));
      return found.map(({ Name, Size }) => ({ name: Name, size: Size }));
    },
    read: async (name) => read(name),
    text: async (name) => Buffer.concat(await read(name).toArray()).toString("utf8"),
    put: async (name, file, sum) => {
      await call("copyto", file, at(`${name}${partEnding}`));
      if ((await sumOf(`${name}${partEnding}`)) !== sum)
        throw new Error(`${name} does not read back from the store as it was written`);
      await call("moveto", at(`${name}${partEnding}`), at(name));
    },
    remove: async (name) => void (await call("deletefile", at(name))),
  };
}

const archiveName = /^(.+)-(\d{8}T\d{6}Z)-(\d+)\.tar(\.age)?$/;

/** Name of an archive: whose, of when and of which revision; in the order of names they are in that of time. */
export function nameOf({ cluster, time, revision, encrypted }) {
  const stamp = time.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `${cluster}-${stamp}-${revision}.tar${encrypted ? ".age" : ""}`;
}

/** The archives of a cluster, the newest first: those whose description is beside them, since it is put there last. */
export async function archivesOf(store, cluster) {
  const files = await store.list();
  const names = new Set(files.map(({ name }) => name));
  return files
    .flatMap(({ name, size }) => {
      const [, whose, stamp, revision] = archiveName.exec(name) ?? [];
      if (whose !== cluster || !names.has(`${name}.json`)) return [];
      const time = new Date(stamp.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, "$1-$2-$3T$4:$5:$6Z"));
      return [{ name, size, time, revision: Number(revision) }];
    })
    .sort((a, b) => b.time - a.time || b.revision - a.revision);
}

/**
 * Which archives may go: not the newest `last`, however old they get; of the others one a day stays, until it is `days` old.
 *
 * @param archives the newest first
 */
export function surplus(archives, { last, days }, now) {
  const oldest = now.getTime() - days * 86_400_000;
  const dayOf = (time) => time.toISOString().slice(0, 10);
  const seen = new Set(archives.slice(0, last).map(({ time }) => dayOf(time)));
  return archives.slice(Math.max(1, last)).filter(({ time }) => {
    const day = dayOf(time);
    const kept = time.getTime() >= oldest && !seen.has(day);
    seen.add(day);
    return !kept;
  });
}
