import type { InventoryEntry } from "./inventory.ts";
import type { Kubectl } from "./kubectl.ts";
import { type DesiredObject, groupOf, identityOf, keyOf, type KubeObject, stackLabel } from "./objects.ts";

/** Kinds that a stack may have made and that its program may no longer name. */
const commonKinds = [
  ...[
    "Namespace",
    "ServiceAccount",
    "ConfigMap",
    "Secret",
    "Service",
    "PersistentVolumeClaim",
    "ResourceQuota",
    "LimitRange",
  ].map((kind) => ({ apiVersion: "v1", kind })),
  ...["Deployment", "StatefulSet", "DaemonSet"].map((kind) => ({ apiVersion: "apps/v1", kind })),
  ...["Job", "CronJob"].map((kind) => ({ apiVersion: "batch/v1", kind })),
  ...["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"].map((kind) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind,
  })),
  ...["NetworkPolicy", "Ingress", "IngressClass"].map((kind) => ({ apiVersion: "networking.k8s.io/v1", kind })),
  ...[
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
  ].map((kind) => ({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind,
  })),
  { apiVersion: "policy/v1", kind: "PodDisruptionBudget" },
  { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler" },
  { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass" },
  { apiVersion: "storage.k8s.io/v1", kind: "StorageClass" },
  { apiVersion: "apiregistration.k8s.io/v1", kind: "APIService" },
  { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
];
/** Without an inventory nobody can say whether these were protected, so they stay. */
const dataKinds = new Set(["PersistentVolumeClaim", "PersistentVolume"]);
const definitionsFirst = new Set(["Namespace", "CustomResourceDefinition"]);

/**
 * The objects of a stack that no inventory names, found by their label: those of a stack that the Pulumi CLI brought up.
 * Objects that controllers made, and copied the label to, are not the stack's own.
 */
export async function findByLabel(
  kubectl: Kubectl,
  stack: string,
  wanted: readonly DesiredObject[],
): Promise<InventoryEntry[]> {
  const kinds = new Map(
    [...commonKinds, ...wanted.map(({ object }) => object)].map(({ apiVersion, kind }) => [
      `${groupOf(apiVersion)}/${kind}`,
      { apiVersion, kind },
    ]),
  );
  const found = await kubectl.listByLabel([...kinds.values()], `${stackLabel}=${stack}`);
  const keys = new Set(wanted.map(({ key }) => key));
  return found
    .filter((object) => object.metadata["ownerReferences"] === undefined && !keys.has(keyOf(identityOf(object))))
    .map((object) => ({
      ...identityOf(object),
      wave: definitionsFirst.has(object.kind) ? 0 : 1,
      ...(dataKinds.has(object.kind) ? { keep: "protected" as const } : {}),
    }));
}

interface ManagedFields {
  readonly manager: string;
  readonly operation: string;
  readonly fieldsV1?: Record<string, unknown>;
  readonly subresource?: string;
  readonly [field: string]: unknown;
}

const ourManager = "quorum";

function managersOf(object: KubeObject): ManagedFields[] {
  return (object.metadata["managedFields"] ?? []) as ManagedFields[];
}

/** Whether we have ever applied an object: what we have not applied is not ours to leave fields out of. */
export function isApplied(live: KubeObject): boolean {
  return managersOf(live).some(({ manager, operation }) => manager === ourManager && operation === "Apply");
}

function isPulumi({ manager, subresource }: ManagedFields): boolean {
  return manager.startsWith("pulumi-") && subresource === undefined;
}

/** The fields of an object that we have set, or that Pulumi's provider has, in the form of `managedFields`. */
export function appliedFields(live: KubeObject): Record<string, unknown> {
  return managersOf(live)
    .filter((entry) => isPulumi(entry) || (entry.manager === ourManager && entry.operation === "Apply"))
    .map((entry) => entry.fieldsV1 ?? {})
    .reduce<Record<string, unknown>>(mergeFields, {});
}

/** Whether fields of an object belong to the Pulumi CLI's provider. */
export function isPulumiManaged(live: KubeObject): boolean {
  return managersOf(live).some(isPulumi);
}

/**
 * The object with all of Pulumi's fields made ours. Otherwise a field that later leaves the program would stay in the
 * cluster, because Pulumi's provider would still claim it.
 */
export function handOver(live: KubeObject): KubeObject {
  const managers = managersOf(live);
  const theirs = managers.filter(
    (entry) => isPulumi(entry) || (entry.manager === ourManager && entry.operation === "Apply"),
  );
  const [first] = theirs;
  if (first === undefined) return live;
  const fieldsV1 = theirs.map((entry) => entry.fieldsV1 ?? {}).reduce(mergeFields);
  const merged = { ...first, manager: ourManager, operation: "Apply", fieldsV1 };
  return {
    ...live,
    metadata: { ...live.metadata, managedFields: [...managers.filter((entry) => !theirs.includes(entry)), merged] },
  };
}

function mergeFields(a: Record<string, unknown>, b: Record<string, unknown>): Record<string, unknown> {
  const result = { ...a };
  for (const [key, value] of Object.entries(b)) {
    result[key] = mergeFields((a[key] ?? {}) as Record<string, unknown>, value as Record<string, unknown>);
  }
  return result;
}

/**
 * An object without the fields that only Pulumi claims and that the wanted object does not have: what handing over takes away.
 * A dry run of apply cannot show that, because it cannot hand over first.
 */
export function withoutPulumiFields(object: KubeObject, live: KubeObject, wanted: KubeObject): KubeObject {
  const others = managersOf(live)
    .filter((entry) => !isPulumi(entry))
    .map((entry) => entry.fieldsV1 ?? {})
    .reduce<Record<string, unknown>>(mergeFields, {});
  const theirs = managersOf(live)
    .filter(isPulumi)
    .map((entry) => entry.fieldsV1 ?? {})
    .reduce<Record<string, unknown>>(mergeFields, {});
  return strip(object, wanted, theirs, others) as KubeObject;
}

function strip(
  value: unknown,
  wanted: unknown,
  theirs: Record<string, unknown>,
  others: Record<string, unknown> | undefined,
): unknown {
  if (typeof value !== "object" || value === null) return value;
  const result: Record<string, unknown> = { ...value };
  for (const [key, below] of Object.entries(theirs) as [string, Record<string, unknown>][]) {
    const part = partOf(key, value);
    if (part === undefined) continue;
    const claimed = others?.[key] as Record<string, unknown> | undefined;
    const wantedValue = child(wanted, partOf(key, wanted));
    if (wantedValue === undefined && claimed === undefined) Reflect.deleteProperty(result, part);
    else if (Object.keys(below).length > 0) result[part] = strip(result[part], wantedValue, below, claimed);
  }
  return Array.isArray(value) ? Object.values(result) : result;
}

/** The field, or the list element's index, that a key of `managedFields` stands for. */
function partOf(key: string, value: unknown): string | undefined {
  if (key.startsWith("f:")) return key.slice(2);
  if (!key.startsWith("k:") || !Array.isArray(value)) return undefined;
  const wanted = Object.entries(JSON.parse(key.slice(2)) as Record<string, unknown>);
  const index = value.findIndex((item: unknown) =>
    wanted.every(([field, expected]) => child(item, field) === expected),
  );
  return index === -1 ? undefined : String(index);
}

function child(value: unknown, part: string | undefined): unknown {
  return part !== undefined && typeof value === "object" && value !== null
    ? (value as Record<string, unknown>)[part]
    : undefined;
}
