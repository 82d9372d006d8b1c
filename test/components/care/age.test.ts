import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import {
  decryption,
  type DecryptionKeys,
  encryption,
  isRecipient,
  looksPrivate,
  makeIdentity,
  readIdentities,
} from "../../../components/control-plane/care/age.mjs";
import { temporaryFolder } from "../../engine/programs.ts";

const chunk = 64 * 1024;
/** Around the sizes at which a file gets one more piece. */
const sizes = [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk + 5];

async function bytes(stream: Readable): Promise<Buffer> {
  return Buffer.concat((await stream.toArray()) as Buffer[]);
}

async function encrypted(plain: Buffer, recipients: readonly string[]) {
  const { header, body, fileKey } = encryption(recipients);
  return { file: Buffer.concat([header, await bytes(Readable.from([plain]).compose(body))]), fileKey };
}

/** In pieces of a size that fits nothing. */
function decrypted(file: Buffer, keys: DecryptionKeys): Promise<Buffer> {
  const pieces = Array.from({ length: Math.ceil(file.length / 1000) }, (_, at) =>
    file.subarray(at * 1000, at * 1000 + 1000),
  );
  return bytes(Readable.from(pieces).compose(decryption(keys)));
}

const mine = makeIdentity();
const identities = readIdentities(`# a comment\n\n${mine.identity}\n`);

describe("a file to several recipients", () => {
  it.each(sizes)("of %i bytes is opened by each of them, and by its own key", async (size) => {
    const plain = randomBytes(size);
    const { file, fileKey } = await encrypted(plain, [makeIdentity().recipient, mine.recipient]);
    expect(file.includes(plain) && size > 1).toBe(false);
    expect((await decrypted(file, { identities })).equals(plain)).toBe(true);
    expect((await decrypted(file, { fileKey })).equals(plain)).toBe(true);
  });

  it("is opened by no other key", async () => {
    const { file } = await encrypted(Buffer.from("text"), [mine.recipient]);
    const others = readIdentities(makeIdentity().identity);
    await expect(decrypted(file, { identities: others })).rejects.toThrow("none of the given keys opens this file");
    const { fileKey } = await encrypted(Buffer.from("text"), [mine.recipient]);
    await expect(decrypted(file, { fileKey })).rejects.toThrow("the key is not that of this file");
  });

  it("is refused wherever a bit of it was changed", async () => {
    const { file, fileKey } = await encrypted(randomBytes(2 * chunk + 10), [mine.recipient]);
    const payload = file.indexOf("\n--- ") + 50;
    for (const at of [3, 40, 70, payload - 45, payload, payload + chunk, file.length - 1]) {
      const changed = Buffer.from(file);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(decrypted(changed, { fileKey }), String(at)).rejects.toThrow();
      await expect(decrypted(changed, { identities }), String(at)).rejects.toThrow();
    }
  });

  it("is refused wherever it was cut", async () => {
    const { file, fileKey } = await encrypted(randomBytes(2 * chunk), [mine.recipient]);
    const header = file.indexOf("\n--- ") + 50;
    const whole = header + 16 + chunk + 16;
    for (const length of [0, 10, header - 5, header + 3, whole, whole + 5, file.length - 1])
      await expect(decrypted(file.subarray(0, length), { fileKey }), String(length)).rejects.toThrow();
  });

  it("is refused with something after it", async () => {
    const { file, fileKey } = await encrypted(randomBytes(10), [mine.recipient]);
    await expect(decrypted(Buffer.concat([file, Buffer.from("x")]), { fileKey })).rejects.toThrow();
  });
});

describe("keys", () => {
  it("are told apart", () => {
    expect(isRecipient(mine.recipient)).toBe(true);
    expect(isRecipient(mine.identity)).toBe(false);
    expect(looksPrivate(mine.identity)).toBe(true);
    expect(looksPrivate(mine.identity.toLowerCase().slice(0, 30))).toBe(true);
    expect(looksPrivate(mine.recipient)).toBe(false);
  });

  it("with a slip in them are none", () => {
    for (let at = 4; at < mine.recipient.length; at += 7) {
      const slip = mine.recipient[at] === "q" ? "p" : "q";
      expect(isRecipient(mine.recipient.slice(0, at) + slip + mine.recipient.slice(at + 1)), String(at)).toBe(false);
    }
    for (const text of ["", "age1", "ssh-ed25519 AAAA", mine.recipient.slice(0, -1), `${mine.recipient}q`])
      expect(isRecipient(text), text).toBe(false);
  });

  it("are not shown when their file holds something else", () => {
    const wrong = mine.identity.slice(0, -1);
    expect(() => readIdentities(`${wrong}\n`)).toThrow(/no AGE-SECRET-KEY-1… line, or another line that is no key/);
    expect(() => readIdentities("# nothing\n")).toThrow();
  });
});

describe("age itself", () => {
  // In parts, so that whoever looks for keys in this repository finds none: it opens nothing but the file below.
  const known = ["AGE-SECRET", "KEY-1LQ4WL3UE8SDVDKUE58DR5EC3K5N4ESU37MYKC078ZGD7N2WTF4MS2ZVLY5"].join("-");
  const madeByAge =
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBLalNpM0VDUzBZWFFkYmlKcm54aC93dlNCZS8zL0p1UUkxV00zSlM2MWdJCmNMb1NFUlpnY0FsdzY4R0NXNjZxR0FwOTk0Y2JQYURxc0MyczZFWnpzc2MKLS0tIDdnczJ0b29HMjF5T29QSFRXQWFWNzJRdVd0c3hKY3pIejhJQ3AwMm1XaFkKuRFYvnjj6L0jjOnDRBtXdUPd9M0AKoiXQCYPi9im4KPUDcajpTktoLSLA6A8TGgmsN66";

  it("made a file that is opened here", async () => {
    const plain = await decrypted(Buffer.from(madeByAge, "base64"), { identities: readIdentities(known) });
    expect(plain.toString()).toBe("the fixture of age\n");
  });

  it.skipIf(spawnSync("age", ["--version"]).error !== undefined).each(sizes)(
    "opens a file of %i bytes",
    async (size) => {
      const folder = temporaryFolder();
      const plain = randomBytes(size);
      writeFileSync(join(folder, "key"), `${mine.identity}\n`);
      writeFileSync(join(folder, "file"), (await encrypted(plain, [mine.recipient])).file);
      const opened = execFileSync("age", ["-d", "-i", join(folder, "key"), join(folder, "file")], { maxBuffer: 1e9 });
      expect(opened.equals(plain)).toBe(true);
    },
  );
});
