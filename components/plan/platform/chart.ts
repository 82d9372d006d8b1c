import { parseAllDocuments } from "yaml";
import { isClusterScoped, type ObjectIdentity } from "../kinds.ts";
import { list } from "../problems.ts";

/** An object as a chart renders it. */
export interface ChartObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** What `helm template` printed, by what must be there before what. */
export interface ChartPlan {
  /** CustomResourceDefinitions and Namespaces, which the others need. */
  readonly first: readonly ChartObject[];
  readonly rest: readonly ChartObject[];
}

const hookAnnotation = "helm.sh/hook";
/** Hooks that `helm test` alone runs. */
const testHooks = ["test", "test-success", "test-failure"];
const firstKinds = ["CustomResourceDefinition", "Namespace"];

/**
 * The objects of a rendered chart, each with its namespace. What only `helm test` would make is left out.
 *
 * @param again a second rendering: a chart that makes random values would change at each `up`
 * @throws Error naming every hook, since an object has no moment of its own outside Helm, and every object that the two
 *   renderings differ in
 */
export function planChart(name: string, rendered: string, again: string, namespace: string): ChartPlan {
  const objects = chartObjects(rendered);
  const hooks = objects.filter((object) => hooksOf(object).some((hook) => !testHooks.includes(hook)));
  if (hooks.length > 0) {
    const named = hooks.map((object) => `${describe(object)} (${hooksOf(object).join(", ")})`);
    throw new Error(
      `chart ${name} has hooks, which only Helm itself runs: ${list(named)}; turn them off by its values, or make what they do another way`,
    );
  }
  // Taking a large one apart is slow, and once is enough where both are the same text.
  const others =
    again === rendered
      ? undefined
      : new Map(chartObjects(again).map((object) => [describe(object), JSON.stringify(object)]));
  const random =
    others === undefined
      ? []
      : objects.filter((object) => others.get(describe(object)) !== JSON.stringify(object)).map(describe);
  if (random.length > 0) {
    throw new Error(
      `chart ${name} renders ${list(random)} anew each time, so every up would change it; give the values that it makes up by itself`,
    );
  }
  const kept = objects
    .filter((object) => hooksOf(object).length === 0)
    .map((object) => placed(withoutNulls(object) as ChartObject, namespace, objects));
  const twins = kept.map(describe).filter((each, index, all) => all.indexOf(each) !== index);
  if (twins.length > 0) throw new Error(`chart ${name} renders ${list(twins)} twice; change its values`);
  return {
    first: kept.filter(({ kind }) => firstKinds.includes(kind)),
    rest: kept.filter(({ kind }) => !firstKinds.includes(kind)),
  };
}

/** A type as Pulumi's Kubernetes provider names it. */
export function resourceType({ apiVersion, kind }: ChartObject): string {
  return `kubernetes:${apiVersion.includes("/") ? apiVersion : `core/${apiVersion}`}:${kind}`;
}

/** A name that no other object of the chart has. */
export function resourceName(name: string, { kind, metadata }: ChartObject, namespace: string): string {
  const place = metadata.namespace === undefined || metadata.namespace === namespace ? "" : `${metadata.namespace}-`;
  return `${name}-${kind.toLowerCase()}-${place}${metadata.name}`;
}

function chartObjects(text: string): ChartObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = document.errors ?? [];
    if (error !== undefined) throw error;
    const object = document.toJS() as ChartObject | null;
    if (object === null) return [];
    return object.kind.endsWith("List") && Array.isArray(object["items"])
      ? (object["items"] as ChartObject[])
      : [object];
  });
}

function hooksOf({ metadata }: ChartObject): string[] {
  const hooks = metadata.annotations?.[hookAnnotation];
  return hooks === undefined ? [] : hooks.split(",").map((hook) => hook.trim());
}

/** Helm puts what names no namespace into the release's; a definition of the chart says where its own kinds live. */
function placed(object: ChartObject, namespace: string, all: readonly ChartObject[]): ChartObject {
  const kept = Object.fromEntries(Object.entries(object).filter(([field]) => field !== "status")) as ChartObject;
  if (kept.metadata.namespace !== undefined || isClusterScoped(identityOf(kept)) || isClusterScopedBy(all, kept))
    return kept;
  return { ...kept, metadata: { ...kept.metadata, namespace } };
}

/**
 * A chart writes a field without a value where it has nothing to say. To the API server such a field is not there; strict schemas refuse it.
 * Definitions of kinds stay as they are: in their defaults null is a value.
 */
function withoutNulls(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(withoutNulls);
  if (typeof part !== "object" || part === null) return part;
  const { kind } = part as { readonly kind?: unknown };
  if (kind === "CustomResourceDefinition") return part;
  const kept = Object.entries(part).filter(([, value]) => value !== null);
  return Object.fromEntries(kept.map(([field, value]) => [field, withoutNulls(value)]));
}

function isClusterScopedBy(all: readonly ChartObject[], { apiVersion, kind }: ChartObject): boolean {
  return all.some((one) => {
    if (one.kind !== "CustomResourceDefinition") return false;
    const { group, names, scope } = one["spec"] as { group: string; names: { kind: string }; scope: string };
    return group === apiVersion.split("/")[0] && names.kind === kind && scope === "Cluster";
  });
}

function identityOf({ apiVersion, kind, metadata }: ChartObject): ObjectIdentity {
  return { apiVersion, kind, namespace: metadata.namespace, name: metadata.name };
}

function describe({ kind, metadata }: ChartObject): string {
  return `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}
