import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

export interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** Every object in the YAML files of a folder and of the folders in it. */
export function readManifests(folder: string): ManifestObject[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => /\.ya?ml$/.test(file));
  return files.sort().flatMap((file) => parseManifests(readFileSync(join(folder, file), "utf8")));
}

export function parseManifests(text: string): ManifestObject[] {
  const objects = parseAllDocuments(text).map((document) => document.toJS() as ManifestObject | null);
  return objects.filter((object) => object !== null);
}

function keyOf({ apiVersion, kind, metadata }: ManifestObject): string {
  return `${apiVersion} ${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}

/** Such as `1,000 Deployment, 2 Namespace`. */
export function countByKind(objects: readonly ManifestObject[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of objects) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const sorted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([kind, count]) => `${count.toLocaleString("en")} ${kind}`).join(", ");
}

/**
 * Makes sure that a peer did the same work: every object, and every field of it.
 *
 * @throws naming the first difference
 */
export function refuseOtherObjects(
  peer: string,
  ours: readonly ManifestObject[],
  theirs: readonly ManifestObject[],
): void {
  const counts = { ours: countByKind(ours), theirs: countByKind(theirs) };
  if (counts.ours !== counts.theirs) {
    throw new Error(
      `${peer} made ${counts.theirs || "nothing"}, but quorum renders ${counts.ours}; a comparison needs the same objects`,
    );
  }
  const byKey = new Map(theirs.map((object) => [keyOf(object), object]));
  for (const object of ours) {
    const key = keyOf(object);
    const difference = firstDifference(object, byKey.get(key), "");
    if (difference !== undefined) {
      throw new Error(
        `${peer} made another ${key} than quorum renders: ${difference}; a comparison needs the same objects`,
      );
    }
  }
}

function firstDifference(ours: unknown, theirs: unknown, path: string): string | undefined {
  if (isTree(ours) && isTree(theirs) && Array.isArray(ours) === Array.isArray(theirs)) {
    for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
      const difference = firstDifference(ours[key], theirs[key], path === "" ? key : `${path}.${key}`);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  if (ours === theirs) return undefined;
  return `${path || "all of it"} is ${JSON.stringify(theirs) ?? "absent"}, not ${JSON.stringify(ours) ?? "absent"}`;
}

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
