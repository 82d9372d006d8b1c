import { createWriteStream } from "node:fs";
import { rename, rm, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type TarEntry, tarOf, tarSize } from "./tar.ts";

const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/**
 * Writes an archive under its name only when all of it is there.
 *
 * @throws when the disk is too small, before or while it is written; what was written is taken away again
 */
export async function writeTar(entries: readonly TarEntry[], file: string): Promise<number> {
  const target = resolve(file);
  const size = tarSize(entries);
  const { bavail, bsize } = await statfs(dirname(target)).catch((error: unknown) => {
    throw new Error(`--out is ${file}, but its folder cannot be written to; make it, or name another`, {
      cause: error,
    });
  });
  if (bavail * bsize < size) throw full(file, size, bavail * bsize);
  const partial = `${target}.part`;
  try {
    await pipeline(Readable.from(tarOf(entries)), createWriteStream(partial));
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") throw full(file, size, 0);
    throw error;
  }
  return size;
}

const full = (file: string, size: number, free: number) =>
  new Error(
    `the disk is full: ${file} takes ${mebibytes(size)}, but ${mebibytes(free)} are free; make room, or name another disk by --out`,
  );
