import { count } from "../words.ts";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { toManifest } from "./manifest.ts";
import type { Outcome, ResourceMakers } from "./monitor.ts";
import { collectObjects, describe, type DesiredObject, identityOf } from "./objects.ts";
import { type Registration, unknown } from "./registration.ts";
import { evaluateWith, type Session } from "./session.ts";
import { planWaves } from "./waves.ts";

/** Lists the files of a render, so that the next one knows which are ours. No .json: kubectl would apply it with the rest. */
export const renderMarker = ".quorum-render";
const zeroDigest = `sha256:${"0".repeat(64)}`;

/**
 * Writes the stack's objects as plain manifests, one a file, numbered in apply order. Needs no cluster, no Docker and no
 * credentials: what only `up` can know stands as the all-zero digest or as `unset:<name>`.
 *
 * @throws when the folder holds anything that is not from an earlier render
 */
export async function render(session: Pick<Session, "config" | "program" | "log">, out: string): Promise<void> {
  const folder = resolve(out);
  refuseForeignFiles(folder);
  const objects = await renderObjects(session);
  const width = Math.max(3, String(objects.length).length);
  const files = new Map(
    objects.map((desired, index) => [fileName(desired, String(index + 1).padStart(width, "0")), desired]),
  );
  mkdirSync(folder, { recursive: true });
  for (const stale of ownFiles(folder)) if (!files.has(stale)) rmSync(join(folder, stale), { force: true });
  writeFileSync(
    join(folder, renderMarker),
    `${JSON.stringify({ stack: session.config.stack, files: [...files.keys()], ...keptOf(objects) }, null, 2)}\n`,
  );
  for (const [name, desired] of files) writeFileSync(join(folder, name), toManifest(withPlaceholders(desired)));
  session.log(`${count(objects.length, "object")} rendered to ${out}`);
}

/** The objects of a render in apply order, with `unknown` where only `up` can know a value. */
export async function renderObjects(session: Pick<Session, "config" | "program" | "log">): Promise<DesiredObject[]> {
  const { resources } = await evaluateWith(session, placeholders, true);
  return planWaves(collectObjects(resources, session.config.stack)).flatMap((wave) => wave.objects);
}

const placeholders: ResourceMakers = {
  image: (resource): Promise<Outcome> => {
    const name = String(resource.inputs["imageName"]).replace(/:[^:/]*$/, "");
    return Promise.resolve({
      id: resource.name,
      outputs: { baseImageName: name, repoDigest: `${name}@${zeroDigest}` },
    });
  },
  hostStep: (resource: Registration): Promise<Outcome> =>
    Promise.resolve({ id: resource.name, outputs: { stdout: `unset:${resource.name}`, stderr: "" } }),
};

function withPlaceholders({ object }: DesiredObject): Record<string, unknown> {
  const fill = (value: unknown, path: string): unknown => {
    if (value === unknown) return `unset:${path}`;
    if (Array.isArray(value)) return value.map((item, index) => fill(item, `${path}.${index}`));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, `${path}.${key}`)]));
  };
  return fill(object, describe(identityOf(object)).replaceAll(" ", "/")) as Record<string, unknown>;
}

/** What a removal from the program leaves in the cluster, which no manifest says. */
function keptOf(objects: readonly DesiredObject[]): { protected: string[]; retained: string[] } {
  const keys = (kept: readonly DesiredObject[]) => kept.map(({ key }) => key);
  return {
    protected: keys(objects.filter(({ protect }) => protect)),
    retained: keys(objects.filter(({ retain }) => retain)),
  };
}

function fileName({ object }: DesiredObject, number: string): string {
  const { namespace, name } = object.metadata;
  const parts = [number, object.kind.toLowerCase(), ...(namespace === undefined ? [] : [namespace]), name];
  return `${parts.join("-").replace(/[^A-Za-z0-9.-]/g, "_")}.yaml`;
}

function ownFiles(folder: string): string[] {
  const file = join(folder, renderMarker);
  if (!existsSync(file)) return [];
  return (JSON.parse(readFileSync(file, "utf8")) as { files: string[] }).files;
}

function refuseForeignFiles(folder: string): void {
  if (!existsSync(folder)) return;
  const own = new Set([...ownFiles(folder), renderMarker]);
  const foreign = readdirSync(folder).filter((name) => !own.has(name));
  if (foreign.length === 0) return;
  throw new Error(
    `--out is ${folder}, which holds ${foreign.slice(0, 3).join(", ")}${foreign.length > 3 ? ", …" : ""} and may be somebody's work; give an empty folder, or one of an earlier render`,
  );
}
