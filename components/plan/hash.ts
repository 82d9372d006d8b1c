import { createHash } from "node:crypto";

/** Short, stable digest of a mapping of texts, whatever the order of its keys. */
export function contentHash(content: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 16);
}
