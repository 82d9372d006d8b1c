import type { Transform } from "node:stream";

/** Keys that open archives. */
export type Identities = readonly { readonly recipient: Buffer }[];
export type DecryptionKeys = { readonly identities: Identities } | { readonly fileKey: Buffer };

export function isRecipient(text: string): boolean;
export function looksPrivate(text: string): boolean;
export function makeIdentity(): { readonly recipient: string; readonly identity: string };
export function readIdentities(text: string): Identities;
export function encryption(recipients: readonly string[]): {
  readonly header: Buffer;
  readonly body: Transform;
  readonly fileKey: Buffer;
};
export function decryption(keys: DecryptionKeys): Transform;
