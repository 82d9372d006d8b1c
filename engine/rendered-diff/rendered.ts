import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { describe, identityOf, keyOf, type KubeObject } from "../direct/objects.ts";
import { renderMarker } from "../direct/render.ts";

/** A stack as `render` wrote it. */
export interface Rendered {
  readonly objects: ReadonlyMap<string, KubeObject>;
  /** Keys of objects that a removal from the program leaves in the cluster. */
  readonly kept: ReadonlySet<string>;
}

export const emptyRender: Rendered = { objects: new Map(), kept: new Set() };

interface Marker {
  readonly protected?: readonly string[];
  readonly retained?: readonly string[];
}

/**
 * Reads a folder that `npm run render` has written. It may come from somebody who is not trusted: it is read as data alone.
 *
 * @throws naming the folder or the file that is no render
 */
export function readRendered(folder: string, option: string): Rendered {
  if (!existsSync(folder) || !existsSync(join(folder, renderMarker)))
    throw new Error(`${option} is "${folder}", but it must be a folder that \`npm run render\` has written`);
  const marker = JSON.parse(readFileSync(join(folder, renderMarker), "utf8")) as Marker;
  const objects = new Map<string, KubeObject>();
  // A link could lead to a file of this machine's, whose text an error would show.
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { name } of files.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!name.endsWith(".yaml")) continue;
    const object = readObject(join(folder, name));
    const key = keyOf(identityOf(object));
    if (objects.has(key)) throw new Error(`${option}: ${describe(identityOf(object))} is there twice`);
    objects.set(key, object);
  }
  return { objects, kept: new Set([...(marker.protected ?? []), ...(marker.retained ?? [])]) };
}

function readObject(file: string): KubeObject {
  const object = parse(readFileSync(file, "utf8")) as Partial<KubeObject> | null;
  const { apiVersion, kind, metadata } = object ?? {};
  if (typeof apiVersion !== "string" || typeof kind !== "string" || typeof metadata?.name !== "string")
    throw new Error(`${file} holds no object of Kubernetes: it lacks apiVersion, kind or metadata.name`);
  return object as KubeObject;
}
