import { count } from "../words.ts";
import type { KubectlError } from "./kubectl.ts";
import { describe, groupOf, identityOf, type KubeObject } from "./objects.ts";

/** Something that the API server will not have, in its own object's name. */
export interface Refusal {
  readonly object: KubeObject;
  readonly message: string;
}

const fixedFields =
  /field is immutable|may not change once set|cannot change roleRef|updates to \w+ are forbidden|is immutable|updates to statefulset spec|forbidden: updates to/i;

/**
 * What the API server refuses among objects that were applied or tried: fields that cannot be changed, values that it does not allow.
 * Lines that name no object of these are left out.
 */
export function readRefusals(error: KubectlError, objects: readonly KubeObject[]): Refusal[] {
  return error.lines.flatMap((line) =>
    objects.filter((object) => names(line, object)).map((object) => ({ object, message: explain(line, object) })),
  );
}

function names(line: string, { apiVersion, kind, metadata }: KubeObject): boolean {
  const group = groupOf(apiVersion);
  const typed = /failed to create typed patch object \(([^/]*)\/([^;]+); ([^,]+), Kind=([^)]+)\)/.exec(line);
  if (typed !== null) {
    const [, namespace, name, version, typedKind] = typed;
    // The core group's version is written "/v1" there.
    return (
      namespace === (metadata.namespace ?? "") &&
      name === metadata.name &&
      version?.replace(/^\//, "") === apiVersion &&
      typedKind === kind
    );
  }
  const invalid = /(?:The )?([A-Z]\w*)(?:\.([\w.-]+))? "([^"]+)" is invalid: /.exec(line);
  if (invalid === null) return false;
  const [, invalidKind, invalidGroup, name] = invalid;
  return invalidKind === kind && name === metadata.name && (invalidGroup === undefined || invalidGroup === group);
}

function explain(line: string, object: KubeObject): string {
  const said = line
    .replace(/^.*?(?:is invalid: |failed to create typed patch object \([^)]*\): )/, "")
    .replace(/^errors:\s*/, "");
  if (!fixedFields.test(said)) return shorten(said);
  const field = /^\[?([\w.[\]"/-]+):/.exec(said)?.[1] ?? "a field";
  const { namespace } = object.metadata;
  const remove = `kubectl delete ${object.kind.toLowerCase()} ${object.metadata.name}${namespace === undefined ? "" : ` -n ${namespace}`}`;
  return `${field} cannot be changed once the object is there; give the object a new name, or delete it first (${remove}) and run up again`;
}

/** The server repeats whole pod templates in Go's notation; only what is wrong with them matters. */
function shorten(said: string): string {
  const text = said.replace(/Invalid value: (?:\{.*\}|v\d\.\S*\{.*\}|&v\d.*\}): /g, "");
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}

export function refusalError(refusals: readonly Refusal[]): Error {
  const lines = refusals.map(({ object, message }) => `  ${describe(identityOf(object))}: ${message}`);
  return new Error(`the API server refuses ${count(lines.length, "object")}:\n${lines.join("\n")}`);
}
