import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KubeObject } from "../../engine/direct/objects.ts";
import { runProcess } from "../../engine/process.ts";
import { cacheDir, ensureDir } from "../../local/paths.ts";
import { goProgram, partVersion } from "../../local/toolchain.ts";

/** The last three minors of Kubernetes, each in the newest release whose source the Go module proxy serves. */
export const kubernetesVersions = ["v1.35.4", "v1.36.3", partVersion("kubernetes")] as const;

type Schema = Record<string, unknown>;
interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** Raised when the conversion changes, so that no old schema is used again. */
const format = 1;
const definitionPrefix = "#/definitions/";
/** Types that the API's JSON has in two forms, and its document in one. */
const twoForms: Readonly<Record<string, readonly string[]>> = {
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": ["integer", "string"],
  "io.k8s.apimachinery.pkg.api.resource.Quantity": ["number", "string"],
};

/**
 * JSON schemas of every kind of a release of Kubernetes, made from the OpenAPI document in its source. Answers what kubeconform
 * takes as its schema location.
 */
export async function schemaLocation(version: string): Promise<string> {
  const folder = join(cacheDir, "schemas", `${version}-${format}`);
  if (!existsSync(folder)) await makeSchemas(version, folder);
  return join(folder, fileOfKind);
}

/** What kubeconform fills in; the files are named so. */
export const fileOfKind = "{{.ResourceKind}}{{.KindSuffix}}.json";

async function makeSchemas(version: string, folder: string): Promise<void> {
  const module = `k8s.io/kubernetes@${version}`;
  const { code, stdout, stderr } = await runProcess(goProgram(), ["mod", "download", "-json", module], {
    cwd: ensureDir(cacheDir),
  });
  if (code !== 0) throw new Error(`${module} cannot be had: ${stdout}${stderr}`);
  const { Dir } = JSON.parse(stdout) as { Dir: string };
  const { definitions } = JSON.parse(readFileSync(join(Dir, "api/openapi-spec/swagger.json"), "utf8")) as {
    definitions: Record<string, Schema>;
  };
  const parent = join(folder, "..");
  mkdirSync(parent, { recursive: true });
  const work = mkdtempSync(join(parent, ".schemas-"));
  for (const { file, schema } of convert(definitions)) writeFileSync(join(work, file), JSON.stringify(schema));
  renameSync(work, folder);
}

/** One schema for each kind, by the file name that kubeconform looks for; each stands by itself. */
export function convert(definitions: Readonly<Record<string, Schema>>): { file: string; schema: Schema }[] {
  const strict = Object.fromEntries(
    Object.entries(definitions).map(([name, each]) => [name, strictSchema(name, each)]),
  );
  return Object.entries(definitions).flatMap(([name, definition]) => {
    const kinds = (definition["x-kubernetes-group-version-kind"] ?? []) as GroupVersionKind[];
    // Types such as DeleteOptions and WatchEvent are of every group, and no objects.
    const [only] = kinds;
    if (only === undefined || kinds.length > 1) return [];
    const used = Object.fromEntries([...reachable(name, strict)].map((each) => [each, strict[each] ?? {}]));
    return [{ file: fileName(only), schema: { $ref: `${definitionPrefix}${name}`, definitions: used } }];
  });
}

interface Definition {
  readonly group: string;
  readonly names: { readonly kind: string };
  readonly versions: readonly { readonly name: string; readonly schema?: { readonly openAPIV3Schema?: Schema } }[];
}

/** Fields that every object has; definitions of kinds may leave them out. */
const ofEveryObject = { apiVersion: { type: "string" }, kind: { type: "string" }, metadata: { type: "object" } };

/** Schemas of the kinds that CustomResourceDefinitions define, likewise. What they say in CEL is the API server's to check. */
export function definedKinds(
  definitions: readonly KubeObject[],
): { apiVersion: string; kind: string; file: string; schema: Schema }[] {
  return definitions.flatMap((definition) => {
    const { group, names, versions } = definition["spec"] as Definition;
    return versions.flatMap(({ name: version, schema }) => {
      if (schema?.openAPIV3Schema === undefined) return [];
      const strict = tighten(schema.openAPIV3Schema) as Schema;
      const properties = { ...ofEveryObject, ...(strict["properties"] as Schema | undefined) };
      const { kind } = names;
      return [
        {
          apiVersion: `${group}/${version}`,
          kind,
          file: fileName({ group, version, kind }),
          schema: { ...strict, properties, required: Object.keys(ofEveryObject) },
        },
      ];
    });
  });
}

function fileName({ group, version, kind }: GroupVersionKind): string {
  const [first = ""] = group.split(".");
  return `${kind.toLowerCase()}${first === "" ? "" : `-${first}`}-${version}.json`;
}

/** No field but the known ones, wherever a type has fields. */
function strictSchema(name: string, definition: Schema): Schema {
  const forms = twoForms[name];
  if (forms !== undefined) return { type: forms };
  return tighten(definition) as Schema;
}

/** What stands in them says more of the fields around them, and names only those that it says more of. */
const junctors = new Set(["allOf", "anyOf", "oneOf", "not"]);

function tighten(value: unknown, close = true): unknown {
  if (Array.isArray(value)) return value.map((each) => tighten(each, close));
  if (typeof value !== "object" || value === null) return value;
  const schema = value as Schema;
  const kept = Object.entries(schema).filter(([key]) => !/^(description|format|default|x-kubernetes-)/.test(key));
  const result: Schema = {};
  for (const [key, item] of kept) {
    // What stands under `properties` are names of fields, whatever they are called.
    result[key] =
      key === "properties"
        ? Object.fromEntries(Object.entries(item as Schema).map(([field, each]) => [field, tighten(each, close)]))
        : tighten(item, close && !junctors.has(key));
  }
  const open = schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (close && schema["properties"] !== undefined && schema["additionalProperties"] === undefined && !open)
    result["additionalProperties"] = false;
  return result;
}

function reachable(name: string, definitions: Readonly<Record<string, Schema>>, seen = new Set<string>()): Set<string> {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const [, next = ""] of JSON.stringify(definitions[name] ?? {}).matchAll(/"#\/definitions\/([^"]+)"/g))
    reachable(next, definitions, seen);
  return seen;
}
