/** A file of an archive. */
export interface TarEntry {
  readonly name: string;
  readonly size: number;
  readonly executable?: boolean;
  readonly content: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

const block = 512;
/** What the header's twelve octal digits can say. */
const mostBytes = 8 ** 11 - 1;

/**
 * The bytes of a tar archive (ustar). Times, owners and modes are always the same, so that equal files make equal archives.
 *
 * @throws when a content is longer or shorter than it was said to be, naming the file
 */
export async function* tarOf(entries: Iterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    yield header(entry);
    let written = 0;
    for await (const chunk of entry.content()) {
      written += chunk.length;
      if (written > entry.size) break;
      yield chunk;
    }
    if (written !== entry.size)
      throw new Error(
        `${entry.name} has ${written > entry.size ? "more than " : ""}${Math.min(written, entry.size)} bytes, but ${entry.size} were announced`,
      );
    const rest = entry.size % block;
    if (rest > 0) yield Buffer.alloc(block - rest);
  }
  yield Buffer.alloc(2 * block);
}

/** Length of an archive with these files. */
export const tarSize = (entries: readonly Pick<TarEntry, "size">[]) =>
  entries.reduce((sum, { size }) => sum + block + Math.ceil(size / block) * block, 2 * block);

function header({ name, size, executable = false }: TarEntry): Buffer {
  if (Buffer.byteLength(name) > 100)
    throw new Error(`the name ${name} has more than the 100 bytes that a tar archive takes`);
  if (size > mostBytes) throw new Error(`${name} has ${size} bytes, but a tar archive takes at most ${mostBytes}`);
  const buffer = Buffer.alloc(block);
  const octal = (value: number, at: number, length: number) =>
    buffer.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at);
  buffer.write(name, 0);
  octal(executable ? 0o755 : 0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  buffer.write("        ", 148);
  buffer.write("0", 156);
  buffer.write("ustar\x0000", 257);
  octal(
    buffer.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return buffer;
}
