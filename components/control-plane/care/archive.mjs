// One file for all that a lost control plane is made again from: etcd's snapshot, and the host's /etc/kubernetes.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  openSync,
  readSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Transform, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { decryption, encryption } from "./age.mjs";

const sumBytes = 32;
const blockBytes = 512;
const readBytes = 1024 * 1024;

/**
 * Whether the file of a snapshot is whole: etcd ends it with the sum of all before it. `etcdutl snapshot status` is content with half
 * a file, and with a changed one.
 *
 * @throws saying what is wrong with it
 */
export async function checkSnapshot(file) {
  return (await measureSnapshot(file)).size;
}

/**
 * The same in one pass with the sum of the whole file.
 *
 * @returns {size, sha256}
 */
export async function measureSnapshot(file) {
  const handle = openSync(file, "r");
  const end = Buffer.alloc(sumBytes);
  let size = 0;
  try {
    size = fstatSync(handle).size;
    if (size <= sumBytes || size % blockBytes !== sumBytes)
      throw new Error(`the snapshot is cut short: ${size} bytes do not end with a sum`);
    readSync(handle, end, 0, sumBytes, size - sumBytes);
  } finally {
    closeSync(handle);
  }
  const sum = createHash("sha256");
  for await (const part of createReadStream(file, { end: size - sumBytes - 1, highWaterMark: readBytes }))
    sum.update(part);
  const whole = sum.copy().update(end);
  if (!sum.digest().equals(end))
    throw new Error("the snapshot is cut short or damaged: its bytes do not have the sum at its end");
  return { size, sha256: whole.digest("hex") };
}

/** Counts and sums what passes. */
function measured() {
  const sum = createHash("sha256");
  let size = 0;
  const through = new Transform({
    transform(data, _encoding, done) {
      size += data.length;
      sum.update(data);
      done(undefined, data);
    },
  });
  return { through, result: () => ({ size, sha256: sum.digest("hex") }) };
}

/** What of a host's /etc/kubernetes is not packed: old data folders that kubeadm put aside. */
const leftOut = ["kubernetes/tmp", "kubernetes/pki.new"];

/**
 * Packs metadata.json and snapshot.db of a folder, and a host's `kubernetes` folder where it is given, into one file.
 *
 * @param recipients undefined: nothing is encrypted
 * @returns {size, sha256, fileKey} of the file
 */
export async function packArchive({ work, etc, recipients, target }) {
  const tar = spawn(
    "tar",
    [
      ...["--create", "--file", "-", "--numeric-owner", "-C", work, "metadata.json", "snapshot.db"],
      ...(etc === undefined ? [] : [...leftOut.map((path) => `--exclude=${path}`), "-C", etc, "kubernetes"]),
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let said = "";
  tar.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const ended = new Promise((resolve, reject) => tar.on("error", reject).on("close", resolve));
  const { header, body, fileKey } = recipients === undefined ? {} : encryption(recipients);
  const { through, result } = measured();
  const out = createWriteStream(target, { mode: 0o600 });
  if (header !== undefined) through.write(header);
  await pipeline([tar.stdout, ...(body === undefined ? [] : [body]), through, out]);
  if ((await ended) !== 0) throw new Error(`the archive could not be packed: ${said.trim()}`);
  return { ...result(), fileKey };
}

/**
 * Takes all of a stream for a program that may read less of it: tar ends at the archive's end mark, or at the first block that is
 * none, and the sums want the rest too.
 */
function readBy(stdin) {
  let closed = false;
  stdin.on("error", () => (closed = true)).on("close", () => (closed = true));
  return new Writable({
    write(data, _encoding, done) {
      if (closed || stdin.write(data)) return done();
      const goOn = () => {
        stdin.off("drain", goOn).off("close", goOn);
        done();
      };
      stdin.on("drain", goOn).on("close", goOn);
    },
    final(done) {
      stdin.end();
      done();
    },
  });
}

/**
 * Opens an archive, and checks every sum on the way.
 *
 * @param source stream of the stored file
 * @param keys as decryption takes them; undefined: it is not encrypted
 * @param expected {size, sha256} of the stored file, where they are known
 * @param only members to unpack. @default all
 * @returns its metadata
 * @throws when it is not what was stored
 */
export async function unpackArchive({ source, keys, expected, folder, only = [] }) {
  const tar = spawn("tar", ["--extract", "--file", "-", "--numeric-owner", "-C", folder, ...only], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  let said = "";
  tar.stderr.setEncoding("utf8").on("data", (text) => (said = (said + text).slice(-800)));
  const ended = new Promise((resolve, reject) => tar.on("error", reject).on("close", resolve));
  const { through, result } = measured();
  let failure;
  try {
    await pipeline([source, through, ...(keys === undefined ? [] : [decryption(keys)]), readBy(tar.stdin)]);
  } catch (error) {
    failure = error;
    tar.stdin.destroy();
  }
  const code = await ended;
  if (failure !== undefined) throw failure;
  const found = result();
  if (expected !== undefined && (found.sha256 !== expected.sha256 || found.size !== expected.size))
    throw new Error(
      `the archive is not what was stored: it has ${found.size} bytes with sum ${found.sha256}, but ${expected.size} with ${expected.sha256} were written`,
    );
  if (code !== 0) throw new Error(`the archive cannot be unpacked: ${said.trim()}`);
  const metadata = JSON.parse(readFileSync(join(folder, "metadata.json"), "utf8"));
  const { size, sha256 } = await measureSnapshot(join(folder, "snapshot.db"));
  const { snapshot } = metadata;
  if (size !== snapshot.size || sha256 !== snapshot.sha256)
    throw new Error("the snapshot in the archive is not the one that its metadata describe");
  return metadata;
}

export function writeMetadata(folder, metadata) {
  writeFileSync(join(folder, "metadata.json"), `${JSON.stringify(metadata, undefined, 2)}\n`, { mode: 0o600 });
}
