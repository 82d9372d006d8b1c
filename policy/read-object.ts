import { unknownNamespace } from "./objects.ts";
import type { PolicyObject, PolicyResource } from "./types.ts";

/** What of a resource the CLI tells a pack. */
export interface ToldResource {
  readonly type: string;
  readonly name: string;
  readonly props: Readonly<Record<string, unknown>>;
  readonly opts: { readonly protect: boolean };
}

/** Stands for a value that only `up` can know. */
const unknown = Symbol("known only after up");

/** The Kubernetes object that a resource is; undefined for any other. */
export function readObject({ type, name, props, opts }: ToldResource): PolicyResource | undefined {
  if (!type.startsWith("kubernetes:") || type.startsWith("kubernetes:helm.sh/")) return undefined;
  const fields = plain(props) as Record<string, unknown>;
  const { apiVersion, kind, metadata } = fields;
  if (typeof apiVersion !== "string" || typeof kind !== "string") return undefined;
  const given = (typeof metadata === "object" && metadata !== null ? metadata : {}) as Record<string, unknown>;
  const place = given["namespace"] === unknown ? { namespace: unknownNamespace } : {};
  const named = { ...given, ...place, name: typeof given["name"] === "string" ? given["name"] : name };
  const object = { ...fields, apiVersion, kind, metadata: named } as PolicyObject;
  // The CLI tells whether a resource is protected, not whether it is retained: a stack's data is both.
  return { object, kept: opts.protect };
}

/** A copy with symbols where a value is not known: the CLI's own copy throws when such a one is read. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return Array.from({ length: value.length }, (_, index) => plain(read(value, index)));
  return Object.fromEntries(Object.keys(value).map((key) => [key, plain(read(value, key))]));
}

function read(value: object, key: string | number): unknown {
  try {
    return (value as Record<string | number, unknown>)[key];
  } catch (error) {
    if (error instanceof Error && error.constructor.name === "UnknownValueError") return unknown;
    throw error;
  }
}
