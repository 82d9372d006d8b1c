import { createHash } from "node:crypto";
import { encodeBase64, hashSync } from "bcryptjs";

/** 2^8 rounds, some ten milliseconds: the controller pays them for each request. */
const cost = 8;
const saltBytes = 16;
/** Bcrypt reads no further. */
export const longestPasswordBytes = 72;

/**
 * The lines of an htpasswd file, by bcrypt, the same each time.
 *
 * The salt comes from the place and the user's name, so that an unchanged password is no change of the Secret. It is unlike
 * that of any other user or place, which is all that a salt is for; from the password it must not come, as that would
 * be a quick way to try passwords.
 *
 * @param place what sets these users apart from those of the same name elsewhere
 */
export function htpasswd(place: string, users: Readonly<Record<string, string>>): string {
  const lines = Object.entries(users)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([user, password]) => `${user}:${hashSync(password, saltOf(`${place}/${user}`))}\n`);
  return lines.join("");
}

function saltOf(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, saltBytes);
  return `$2b$${String(cost).padStart(2, "0")}$${encodeBase64([...bytes], saltBytes)}`;
}
