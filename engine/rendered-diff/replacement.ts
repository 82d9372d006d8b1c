import type { FieldChange } from "../direct/diff.ts";
import { groupOf, type KubeObject } from "../direct/objects.ts";
import { at, list, podSpec, tree } from "./values.ts";

/** Fields that the API server lets nobody change, by kind. Source: the update validations of Kubernetes 1.37, pkg/apis. */
const fixedFields: Readonly<Record<string, readonly string[]>> = {
  "apps/Deployment": ["spec.selector"],
  "apps/DaemonSet": ["spec.selector"],
  "apps/ReplicaSet": ["spec.selector"],
  "batch/Job": [
    "spec.template",
    "spec.selector",
    "spec.completionMode",
    "spec.podFailurePolicy",
    "spec.backoffLimitPerIndex",
  ],
  "/Service": ["spec.clusterIP", "spec.clusterIPs", "spec.loadBalancerClass"],
  "/PersistentVolume": ["spec.nfs", "spec.csi", "spec.hostPath", "spec.local", "spec.nodeAffinity", "spec.volumeMode"],
  "rbac.authorization.k8s.io/RoleBinding": ["roleRef"],
  "rbac.authorization.k8s.io/ClusterRoleBinding": ["roleRef"],
  "storage.k8s.io/StorageClass": ["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"],
  "scheduling.k8s.io/PriorityClass": ["value", "preemptionPolicy"],
  "networking.k8s.io/IngressClass": ["spec.controller"],
  "gateway.networking.k8s.io/GatewayClass": ["spec.controllerName"],
  "node.k8s.io/RuntimeClass": ["handler"],
  "apiextensions.k8s.io/CustomResourceDefinition": ["spec.group", "spec.scope", "spec.names.kind", "spec.names.plural"],
};

/** Of these kinds the whole spec is fixed but for some fields. */
const changeableFields: Readonly<Record<string, readonly string[]>> = {
  "apps/StatefulSet": [
    "spec.replicas",
    "spec.ordinals",
    "spec.template",
    "spec.updateStrategy",
    "spec.revisionHistoryLimit",
    "spec.persistentVolumeClaimRetentionPolicy",
    "spec.minReadySeconds",
  ],
  "/PersistentVolumeClaim": ["spec.resources", "spec.volumeAttributesClassName"],
};

/** The changed fields for which the object has to be made again. */
export function fixedFieldsOf(before: KubeObject, fields: readonly FieldChange[]): FieldChange[] {
  const kind = `${groupOf(before.apiVersion)}/${before.kind}`;
  const fixed = fixedFields[kind] ?? [];
  const changeable = changeableFields[kind];
  const frozen = before["immutable"] === true && (kind === "/ConfigMap" || kind === "/Secret");
  return fields.filter(({ path }) => {
    if (frozen && within(path, ["data", "binaryData", "stringData", "immutable"])) return true;
    if (changeable !== undefined) return within(path, ["spec"]) && !within(path, changeable);
    return within(path, fixed);
  });
}

function within(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => path === root || path.startsWith(`${root}.`) || path.startsWith(`${root}[`));
}

/** Why data may be lost when the object goes; undefined where none hangs on it. */
export function lossByRemoval(object: KubeObject): string | undefined {
  switch (`${groupOf(object.apiVersion)}/${object.kind}`) {
    case "/Namespace":
      return "everything in the namespace goes with it, its volumes too";
    case "/PersistentVolumeClaim":
      return "the claim's volume goes with it, unless the storage class retains it";
    case "/PersistentVolume":
      return "the volume is no longer known to the cluster";
    case "apiextensions.k8s.io/CustomResourceDefinition":
      return "all objects of this kind go with it";
    case "apps/StatefulSet":
      return at(object, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted") === "Delete"
        ? "its claims are deleted with it (whenDeleted: Delete)"
        : undefined;
    default:
      return undefined;
  }
}

/** Why a change of an object may lose data. */
export function lossByChange(before: KubeObject, after: KubeObject, fields: readonly FieldChange[]): string[] {
  const reasons: string[] = [];
  const fixed = fixedFieldsOf(before, fields);
  const of = (object: KubeObject, ...path: string[]) => at(object, ...path);
  if (fixed.length > 0) {
    const loss = lossByRemoval(before);
    if (loss !== undefined) reasons.push(loss);
    if (fixed.some(({ path }) => within(path, ["spec.volumeClaimTemplates"])))
      reasons.push(
        "volumeClaimTemplates: claims that are there keep their old size and class; renamed ones are left behind and the pods start empty",
      );
  }
  if (before.kind === "PersistentVolumeClaim" && shrinks(before, after))
    reasons.push("the claim gets smaller, which no volume can");
  if (before.kind === "StatefulSet") {
    const policy = (object: KubeObject, when: string) =>
      of(object, "spec", "persistentVolumeClaimRetentionPolicy", when) ?? "Retain";
    for (const when of ["whenDeleted", "whenScaled"])
      if (policy(before, when) !== "Delete" && policy(after, when) === "Delete")
        reasons.push(`${when}: Delete: its claims are no longer kept`);
    const [from, to] = [before, after].map((object) => Number(of(object, "spec", "replicas") ?? 1));
    if (policy(after, "whenScaled") === "Delete" && (to ?? 1) < (from ?? 1))
      reasons.push("the claims of the pods that go are deleted (whenScaled: Delete)");
  }
  for (const path of [["reclaimPolicy"], ["spec", "persistentVolumeReclaimPolicy"]])
    if (of(before, ...path) === "Retain" && of(after, ...path) === "Delete")
      reasons.push("volumes are deleted with their claims from now on (Retain → Delete)");
  const kept = claimsOf(after);
  for (const claim of claimsOf(before))
    if (!kept.includes(claim)) reasons.push(`the pods no longer use the claim ${claim}`);
  const served = versionsOf(after);
  for (const version of versionsOf(before))
    if (!served.includes(version)) reasons.push(`objects kept as ${version} can no longer be read`);
  return reasons;
}

function claimsOf(object: KubeObject): string[] {
  return list(podSpec(object)?.["volumes"])
    .map((volume) => at(volume, "persistentVolumeClaim", "claimName"))
    .filter((name) => typeof name === "string");
}

function versionsOf(object: KubeObject): string[] {
  if (object.kind !== "CustomResourceDefinition") return [];
  return list(at(object, "spec", "versions")).map((version) => String(tree(version)["name"]));
}

const units: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };

function shrinks(before: KubeObject, after: KubeObject): boolean {
  const [from, to] = [before, after].map((object) => bytes(at(object, "spec", "resources", "requests", "storage")));
  return from !== undefined && to !== undefined && to < from;
}

function bytes(quantity: unknown): number | undefined {
  const [, number, unit = "", binary] = /^([\d.]+)(k|K|M|G|T|P)?(i)?$/.exec(String(quantity)) ?? [];
  if (number === undefined) return undefined;
  const power = ["", "k", "M", "G", "T", "P"].indexOf(unit.replace("K", "k"));
  return Number(number) * (binary === "i" ? 1024 ** power : (units[unit] ?? 1));
}
