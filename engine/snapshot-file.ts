import { createHash } from "node:crypto";
import { closeSync, createReadStream, existsSync, openSync, readSync, statSync } from "node:fs";

/** What a snapshot of etcd says of itself. */
export interface SnapshotFile {
  /** Whether it ends with its own checksum, as `etcdctl snapshot save` writes one; it is right then. */
  readonly summed: boolean;
  /** Names of the clusters that its kubeadm configuration has carried; empty where there is none. */
  readonly clusters: readonly string[];
}

/** bbolt's first page: its magic number lies behind the page's header. */
const magicOffset = 16;
const magic = 0xed0cdaed;
const sumBytes = 32;
/** A database is whole pages; a checksum behind it is what is over. */
const sectorBytes = 512;
/** How a value of kubeadm's configuration holds it, in plain text: only Secrets are ever encrypted. */
const clusterName = /\nclusterName: ([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)(?=\n)/g;
/** Longer than any match: what of one part is looked at again with the next. */
const overlap = 512;

/**
 * Reads a snapshot once, from its first byte to its last.
 *
 * @throws with the reason where it is none, or was cut short or changed
 */
export async function readSnapshotFile(file: string): Promise<SnapshotFile> {
  if (!existsSync(file) || !statSync(file).isFile())
    throw new Error(
      `--from is "${file}", but there is no such file; give survivor, a snapshot of etcd or an archive of EtcdBackup`,
    );
  const { size } = statSync(file);
  if (size < 2 * sectorBytes || numberAt(file, magicOffset) !== magic)
    throw new Error(
      `--from is "${file}", but that is no snapshot of etcd; give one that \`etcdctl snapshot save\` made, or an archive of EtcdBackup`,
    );
  const summed = size % sectorBytes === sumBytes;
  const pages = pagesOf(file);
  if ((!summed && size % sectorBytes !== 0) || size < pages)
    throw new Error(
      `--from is "${file}", but that snapshot was cut short: it has ${size} bytes of ${pages} or more; take another snapshot`,
    );
  const hash = createHash("sha256");
  const clusters = new Set<string>();
  let read = 0;
  let rest = "";
  let sum = Buffer.alloc(0);
  for await (const part of createReadStream(file, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    const body = summed ? part.subarray(0, Math.max(0, size - sumBytes - read)) : part;
    if (summed && body.length < part.length) sum = Buffer.concat([sum, part.subarray(body.length)]);
    hash.update(body);
    const text = rest + part.toString("latin1");
    for (const [, name = ""] of text.matchAll(clusterName)) clusters.add(name);
    rest = text.slice(-overlap);
    read += part.length;
  }
  if (summed && !hash.digest().equals(sum))
    throw new Error(
      `--from is "${file}", but its checksum is wrong: it was cut short or changed; take another snapshot`,
    );
  return { summed, clusters: [...clusters] };
}

/** Bytes of the pages that a database says it has: its first two pages each tell of them, the one with the later transaction is right. */
function pagesOf(file: string): number {
  const pageSize = numberAt(file, magicOffset + 8);
  const said = [0, pageSize].flatMap((start): { transaction: bigint; pages: bigint }[] => {
    const meta = bytesAt(file, start + magicOffset, 64);
    if (meta.length < 64 || meta.readUInt32LE(0) !== magic) return [];
    return [{ pages: meta.readBigUInt64LE(40), transaction: meta.readBigUInt64LE(48) }];
  });
  const last = said.reduce((a, b) => (b.transaction > a.transaction ? b : a), { transaction: 0n, pages: 0n });
  return Number(last.pages) * pageSize;
}

const numberAt = (file: string, offset: number) => bytesAt(file, offset, 4).readUInt32LE(0);

function bytesAt(file: string, offset: number, length: number): Buffer {
  const handle = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(handle, bytes, 0, length, offset));
  } finally {
    closeSync(handle);
  }
}
