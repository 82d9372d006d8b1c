// The age file format by X25519 recipients, with Node's own cryptography: neither the image that programs run in nor an operator's
// machine has to have `age` for it, and whoever has it reads the same files. @see https://c2sp.org/age
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import { Transform } from "node:stream";

const version = "age-encryption.org/v1";
const recipientPrefix = "age";
const identityPrefix = "age-secret-key-";
const chunkBytes = 64 * 1024;
const tagBytes = 16;
const nonceBytes = 16;
/** No header of ours comes near it: some hundred recipients. */
const longestHeader = 64 * 1024;

const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

function checksum(values) {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, generator] of generators.entries()) if ((top >>> bit) & 1) sum ^= generator;
  }
  return sum >>> 0;
}

function expanded(prefix) {
  const codes = [...prefix].map((letter) => letter.codePointAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

/** Groups of bits of another width; those that are left over are zeros, or the text is none. */
function regroup(values, from, to, pad) {
  let bits = 0;
  let held = 0;
  const out = [];
  for (const value of values) {
    held = ((held << from) | value) & 0xffff;
    bits += from;
    while (bits >= to) {
      bits -= to;
      out.push((held >> bits) & ((1 << to) - 1));
    }
  }
  const rest = (held << (to - bits)) & ((1 << to) - 1);
  if (pad) return bits > 0 ? [...out, rest] : out;
  return bits < from && rest === 0 ? out : undefined;
}

function bech32(prefix, bytes) {
  const values = regroup(bytes, 8, 5, true);
  const sum = checksum([...expanded(prefix), ...values, 0, 0, 0, 0, 0, 0]) ^ 1;
  const end = [0, 1, 2, 3, 4, 5].map((index) => (sum >>> (5 * (5 - index))) & 31);
  return `${prefix}1${[...values, ...end].map((value) => alphabet[value]).join("")}`;
}

/** The 32 bytes of a key, or undefined where the text is none with this prefix, or has a slip in it. */
function keyBytes(prefix, text) {
  const lower = text.toLowerCase();
  if ((text !== lower && text !== text.toUpperCase()) || !lower.startsWith(`${prefix}1`)) return undefined;
  const values = [...lower.slice(prefix.length + 1)].map((letter) => alphabet.indexOf(letter));
  if (values.includes(-1) || values.length < 6 || checksum([...expanded(prefix), ...values]) !== 1) return undefined;
  const bytes = regroup(values.slice(0, -6), 5, 8, false);
  return bytes?.length === 32 ? Buffer.from(bytes) : undefined;
}

/** Whether a text is a recipient: the public half of a key. */
export function isRecipient(text) {
  return keyBytes(recipientPrefix, text) !== undefined;
}

/** Whether a text looks like the private half of a key, slips in it or not. */
export function looksPrivate(text) {
  return /age-secret-key-/i.test(text) || /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text);
}

const privateKeyForm = Buffer.from("302e020100300506032b656e04220420", "hex");
const publicKeyForm = Buffer.from("302a300506032b656e032100", "hex");

function privateKey(bytes) {
  return createPrivateKey({ key: Buffer.concat([privateKeyForm, bytes]), format: "der", type: "pkcs8" });
}

function publicKey(bytes) {
  return createPublicKey({ key: Buffer.concat([publicKeyForm, bytes]), format: "der", type: "spki" });
}

function rawPublic(key) {
  return key.export({ format: "der", type: "spki" }).subarray(-32);
}

/** A new key: what to encrypt to, and what opens it. */
export function makeIdentity() {
  const { privateKey: made } = generateKeyPairSync("x25519");
  const bytes = made.export({ format: "der", type: "pkcs8" }).subarray(-32);
  return {
    recipient: bech32(recipientPrefix, rawPublic(createPublicKey(made))),
    identity: bech32(identityPrefix, bytes).toUpperCase(),
  };
}

/** The keys of a file as age-keygen writes it: a key a line, comments after #. */
export function readIdentities(text) {
  const lines = text.split("\n").map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
  const found = keys.map((line) => keyBytes(identityPrefix, line));
  if (found.length === 0 || found.includes(undefined))
    throw new Error("the key's file has no AGE-SECRET-KEY-1… line, or another line that is no key");
  return found.map((bytes) => {
    const own = privateKey(bytes);
    return { own, recipient: rawPublic(createPublicKey(own)) };
  });
}

const derive = (secret, salt, info) => Buffer.from(hkdfSync("sha256", secret, salt, info, 32));
const wrapKey = (shared, share, recipient) => derive(shared, Buffer.concat([share, recipient]), `${version}/X25519`);
const unpadded = (bytes) => bytes.toString("base64").replace(/=+$/, "");
const noNonce = Buffer.alloc(12);

function seal(key, nonce, plain) {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: tagBytes });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** @throws when a single bit of it has changed */
function open(key, nonce, sealed) {
  const decipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: tagBytes });
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()]);
}

function chunkNonce(counter, last) {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(Math.floor(counter / 2 ** 32), 3);
  nonce.writeUInt32BE(counter % 2 ** 32, 7);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

function stanza(recipient, fileKey) {
  const { privateKey: once } = generateKeyPairSync("x25519");
  const share = rawPublic(createPublicKey(once));
  const shared = diffieHellman({ privateKey: once, publicKey: publicKey(recipient) });
  const body = unpadded(seal(wrapKey(shared, share, recipient), noNonce, fileKey));
  return `-> X25519 ${unpadded(share)}\n${body}\n`;
}

const headerKey = (fileKey, header) =>
  createHmac("sha256", derive(fileKey, Buffer.alloc(0), "header"))
    .update(header)
    .digest();

/** Data in pieces of one size but for the last, each handed to `each` with its number and whether it is the last. */
function inPieces(size, each) {
  let held = Buffer.alloc(0);
  let counter = 0;
  return new Transform({
    writableHighWaterMark: 16 * size,
    readableHighWaterMark: 16 * size,
    transform(data, _encoding, done) {
      try {
        let from = 0;
        // The last piece is known only when there is no more.
        while (held.length + data.length - from > size) {
          const take = size - held.length;
          const piece =
            held.length === 0
              ? data.subarray(from, from + take)
              : Buffer.concat([held, data.subarray(from, from + take)]);
          held = held.subarray(held.length);
          from += take;
          this.push(each(piece, counter++, false));
        }
        held = Buffer.concat([held, data.subarray(from)]);
        done();
      } catch (error) {
        done(error);
      }
    },
    flush(done) {
      try {
        this.push(each(held, counter, true));
        done();
      } catch (error) {
        done(error);
      }
    },
  });
}

/**
 * Encrypts to all of the recipients: each of their keys alone opens it.
 *
 * @returns what begins the file, the transform that gives the rest of it, and the key of this one file: it opens this and no other
 */
export function encryption(recipients) {
  const fileKey = randomBytes(16);
  const keys = recipients.map((text) => {
    const bytes = keyBytes(recipientPrefix, text);
    if (bytes === undefined) throw new Error("a recipient is no age1… public key");
    return bytes;
  });
  const stanzas = `${version}\n${keys.map((key) => stanza(key, fileKey)).join("")}---`;
  const nonce = randomBytes(nonceBytes);
  const header = Buffer.from(`${stanzas} ${unpadded(headerKey(fileKey, stanzas))}\n`);
  const payload = derive(fileKey, nonce, "payload");
  const body = inPieces(chunkBytes, (piece, counter, last) => seal(payload, chunkNonce(counter, last), piece));
  return { header: Buffer.concat([header, nonce]), body, fileKey };
}

/** The key of one file, out of its header. */
function unwrap(stanzas, identities) {
  for (const [, share64, body64] of stanzas.matchAll(/^-> X25519 (\S+)\n(\S+)$/gm)) {
    const share = Buffer.from(share64, "base64");
    for (const { own, recipient } of identities) {
      const shared = diffieHellman({ privateKey: own, publicKey: publicKey(share) });
      try {
        return open(wrapKey(shared, share, recipient), noNonce, Buffer.from(body64, "base64"));
      } catch {
        // Wrapped to another key.
      }
    }
  }
  throw new Error("none of the given keys opens this file: it was encrypted to others");
}

/**
 * A transform from a file to what was encrypted in it.
 *
 * @param keys `identities` as readIdentities gives them, or the `fileKey` of this one file
 */
export function decryption({ identities, fileKey }) {
  let head = Buffer.alloc(0);
  let body;
  const begin = () => {
    const end = /\n--- (\S+)\n/.exec(head.toString("latin1"));
    if (end === null) {
      if (
        head.length > longestHeader ||
        !Buffer.from(`${version}\n`)
          .subarray(0, head.length)
          .equals(head.subarray(0, version.length + 1))
      )
        throw new Error("this is no file that age encrypted");
      return;
    }
    const bodyAt = end.index + end[0].length + nonceBytes;
    if (head.length < bodyAt) return;
    const stanzas = head.toString("latin1", 0, end.index + 4);
    if (!stanzas.startsWith(`${version}\n`)) throw new Error("this is no file that age encrypted");
    const key = fileKey ?? unwrap(stanzas, identities);
    const mac = Buffer.from(end[1], "base64");
    const wanted = headerKey(key, stanzas);
    if (mac.length !== wanted.length || !timingSafeEqual(mac, wanted))
      throw new Error(fileKey === undefined ? "the file's header was changed" : "the key is not that of this file");
    const payload = derive(key, head.subarray(bodyAt - nonceBytes, bodyAt), "payload");
    body = inPieces(chunkBytes + tagBytes, (piece, counter, last) => {
      if (piece.length < tagBytes) throw new Error("the file is cut short");
      try {
        return open(payload, chunkNonce(counter, last), piece);
      } catch (error) {
        throw new Error(
          last ? "the file is cut short, or its last part was changed" : "a part of the file was changed",
          {
            cause: error,
          },
        );
      }
    });
    body.on("data", (data) => out.push(data));
    body.on("error", (error) => out.destroy(error));
    const rest = head.subarray(bodyAt);
    head = Buffer.alloc(0);
    return rest;
  };
  const out = new Transform({
    transform(data, _encoding, done) {
      try {
        let more = data;
        if (body === undefined) {
          head = Buffer.concat([head, data]);
          more = begin();
        }
        if (body === undefined || more === undefined) done();
        else body.write(more, done);
      } catch (error) {
        done(error);
      }
    },
    flush(done) {
      if (body === undefined) done(new Error("the file is cut short in its header"));
      else body.once("end", () => done()).end();
    },
  });
  return out;
}
