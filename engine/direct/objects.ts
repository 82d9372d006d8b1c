import { clusterScopedGroups, groupOf, isClusterScoped, type ObjectIdentity } from "../../components/plan/kinds.ts";
import { jobLabel } from "../../components/plan/jobs/jobs.ts";
import { count } from "../words.ts";
import { isKubernetesObject } from "./monitor.ts";
import { type Registration, unknown, unknownPaths } from "./registration.ts";

/** An object of the Kubernetes API, as much of it as the engine looks at. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    /** Since when it is on its way out. */
    readonly deletionTimestamp?: string;
    /** Who has work left to do before it may go. */
    readonly finalizers?: readonly string[];
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export { groupOf, isClusterScoped, type ObjectIdentity };

/** An object that the program wants. */
export interface DesiredObject {
  readonly urn: string;
  /** Plain values; `unknown` where only `up` can know one. */
  readonly object: KubeObject;
  readonly key: string;
  readonly dependencies: readonly string[];
  readonly protect: boolean;
  readonly retain: boolean;
  readonly ignoreChanges: readonly string[];
  readonly secretPaths: readonly (readonly string[])[];
}

export const stackLabel = "quorum.dev/stack";

/** Groups of Kubernetes itself: a kind of theirs that is not cluster-scoped lives in a namespace. */
const ownGroups = new Set([
  ...clusterScopedGroups,
  "apps",
  "batch",
  "autoscaling",
  "policy",
  "coordination.k8s.io",
  "discovery.k8s.io",
]);

/** Whether an object may own others, which go with it: workloads own their pods, and of kinds that are not Kubernetes' own nobody knows. */
export function mayOwn({ apiVersion }: ObjectIdentity): boolean {
  const group = groupOf(apiVersion);
  return group === "apps" || group === "batch" || !ownGroups.has(group);
}

/** Names an object apart from its API version, which may differ between two answers about one object. */
export function keyOf(identity: ObjectIdentity): string {
  return `${groupOf(identity.apiVersion)}/${identity.kind}|${identity.namespace ?? ""}|${identity.name}`;
}

export function identityOf(object: KubeObject): ObjectIdentity {
  const { apiVersion, kind, metadata } = object;
  return { apiVersion, kind, namespace: metadata.namespace, name: metadata.name };
}

/** An object's name in a message: `apps/v1 Deployment apps/metricsdemo`. */
export function describe({ apiVersion, kind, namespace, name }: ObjectIdentity): string {
  return `${apiVersion} ${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

/** The id that Pulumi's Kubernetes provider gives an object. */
export function pulumiId({ metadata }: KubeObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

/**
 * The Kubernetes objects among a program's resources.
 *
 * @throws naming every object that has no name, is there twice, or could never be taken away
 */
export function collectObjects(resources: Iterable<Registration>, stack: string): DesiredObject[] {
  const problems: string[] = [];
  const seen = new Map<string, string>();
  const objects: DesiredObject[] = [];
  for (const resource of resources) {
    if (!isKubernetesObject(resource)) continue;
    const problem = problemOf(resource, stack);
    if (problem !== undefined) {
      problems.push(`  "${resource.name}" (${resource.type}) ${problem}`);
      continue;
    }
    const object = toObject(resource);
    const key = keyOf(identityOf(object));
    const twin = seen.get(key);
    if (twin !== undefined)
      problems.push(
        `  "${resource.name}" and "${twin}" are both ${describe(identityOf(object))}; give one of them another name`,
      );
    seen.set(key, resource.name);
    objects.push({
      urn: resource.urn,
      object,
      key,
      dependencies: resource.dependencies,
      protect: resource.protect,
      retain: resource.retainOnDelete,
      ignoreChanges: resource.ignoreChanges,
      secretPaths: resource.secretPaths,
    });
  }
  if (problems.length > 0)
    throw new Error(`the program's objects have ${count(problems.length, "problem")}:\n${problems.join("\n")}`);
  return objects;
}

function problemOf(resource: Registration, stack: string): string | undefined {
  const metadata = resource.inputs["metadata"];
  if (metadata === unknown) return "has metadata that is known only after up; make its name and labels plain values";
  const { namespace, labels, ...rest } = (metadata ?? {}) as Record<string, unknown>;
  const name = nameUntilKnown(resource) ?? rest["name"];
  if ((name === unknown && nameUntilKnown(resource) === undefined) || namespace === unknown)
    return "has a name that is known only after up; make it a plain value";
  if (typeof name !== "string" || name === "")
    return "has no metadata.name; give it one, since a made-up name differs between engines";
  const label = (labels as Record<string, unknown> | undefined)?.[stackLabel];
  if (label !== stack) {
    return `has no label ${stackLabel}: ${stack}, so it could never be taken away; make it after index.ts has registered its stack transformation`;
  }
  return undefined;
}

/**
 * What a preview calls a Job whose name depends on an image that is still to be built: the name has a hash of what it runs, so
 * it is another one than that of any Job there is.
 */
function nameUntilKnown({ type, inputs }: Registration): string | undefined {
  const { name, labels } = (inputs["metadata"] ?? {}) as Record<string, unknown>;
  if (name !== unknown || !type.endsWith(":Job")) return undefined;
  const job = (labels as Record<string, unknown> | undefined)?.[jobLabel];
  return typeof job === "string" ? `${job}-after-up` : undefined;
}

/** What kubectl gets: no status, Secrets in their stored form, and a namespace wherever there must be one. */
function toObject(resource: Registration): KubeObject {
  const inputs = Object.fromEntries(Object.entries(resource.inputs).filter(([field]) => field !== "status"));
  const name = nameUntilKnown(resource);
  const given = inputs as unknown as KubeObject;
  const object = name === undefined ? given : { ...given, metadata: { ...given.metadata, name } };
  const namespace = object.metadata.namespace;
  const needsNamespace =
    namespace === undefined && ownGroups.has(groupOf(object.apiVersion)) && !isClusterScoped(identityOf(object));
  const placed = needsNamespace ? { ...object, metadata: { ...object.metadata, namespace: "default" } } : object;
  return placed.kind === "Secret" && placed.apiVersion === "v1" ? storedSecret(placed) : placed;
}

/** `stringData` is write-only: under server-side apply, a key that leaves it would stay in the Secret. */
function storedSecret(object: KubeObject): KubeObject {
  const { stringData, data, ...rest } = object as KubeObject & { stringData?: Record<string, unknown>; data?: object };
  if (stringData === undefined) return object;
  const encoded = Object.entries(stringData).map(([key, value]) => [
    key,
    value === unknown ? unknown : Buffer.from(String(value)).toString("base64"),
  ]);
  return { ...rest, data: { ...data, ...(Object.fromEntries(encoded) as object) } };
}

export function hasUnknowns(object: KubeObject): boolean {
  return unknownPaths(object).length > 0;
}
