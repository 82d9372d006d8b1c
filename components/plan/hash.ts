import { createHash, scryptSync } from "node:crypto";

/** Short, stable digest of a mapping of texts, whatever the order of its keys. */
export function contentHash(content: Readonly<Record<string, string>>): string {
  return createHash("sha256").update(sorted(content)).digest("hex").slice(0, digits);
}

/**
 * The same for secrets, to be shown where the secrets are not: whoever sees it can only guess, and each guess costs a tenth of
 * a second and 32 MiB, not a nanosecond.
 *
 * The hash is over all of the content at once, so one guess must have all of it right. A secret that a person could guess in a
 * few million attempts is weak wherever it is used; one made by a generator cannot be found at all.
 *
 * @param place what the content belongs to, so that equal secrets of two places do not show as equal
 */
export function secretHash(content: Readonly<Record<string, string>>, place: string): string {
  const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 };
  return scryptSync(sorted(content), `quorum/${place}`, digits / 2, cost).toString("hex");
}

const digits = 16;

function sorted(content: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1)));
}
