import type { DesiredObject, KubeObject } from "./objects.ts";
import { groupOf } from "./objects.ts";

/** Objects that may be applied together, in their order. */
export interface Wave {
  readonly objects: readonly DesiredObject[];
  /** Those of them that must be ready before the next wave. */
  readonly gates: readonly DesiredObject[];
}

/** Kinds that others stand on come first. Those not named come between Services and workloads. */
const order = [
  ["Namespace"],
  ["CustomResourceDefinition"],
  ["PriorityClass", "StorageClass", "RuntimeClass", "IngressClass", "GatewayClass"],
  ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
  ["ResourceQuota", "LimitRange", "NetworkPolicy"],
  ["ServiceAccount"],
  ["Secret", "ConfigMap"],
  ["PersistentVolume", "PersistentVolumeClaim"],
  ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
  ["Service"],
  [],
  ["DaemonSet", "StatefulSet", "Deployment", "Pod"],
  ["Job", "CronJob"],
  ["PodDisruptionBudget", "HorizontalPodAutoscaler"],
  ["Ingress", "HTTPRoute", "APIService"],
  ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
];
const ranks = new Map(order.flatMap((kinds, rank) => kinds.map((kind) => [kind, rank] as const)));
const defaultRank = order.findIndex((kinds) => kinds.length === 0);

/** Kinds whose dependents wait until they are ready; of the others, being there is enough. */
const gateKinds = new Set([
  "CustomResourceDefinition",
  "APIService",
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "Pod",
]);

interface Node {
  readonly desired: DesiredObject;
  readonly before: Set<Node>;
  wave: number;
  level: number;
}

/**
 * Orders objects for applying: each after what it depends on, its namespace and its CRD.
 * A new wave begins only where something must be ready first, so a stack has few of them.
 */
export function planWaves(objects: readonly DesiredObject[]): Wave[] {
  const nodes = linkNodes(objects);
  const sorted = placeNodes(nodes).sort(
    (a, b) =>
      a.wave - b.wave ||
      a.level - b.level ||
      rankOf(a.desired.object) - rankOf(b.desired.object) ||
      compare(a.desired.object.metadata.namespace ?? "", b.desired.object.metadata.namespace ?? "") ||
      compare(a.desired.object.metadata.name, b.desired.object.metadata.name) ||
      compare(a.desired.key, b.desired.key),
  );
  const gates = new Set<DesiredObject>();
  for (const node of nodes)
    for (const other of node.before) if (other.wave < node.wave && isGate(other)) gates.add(other.desired);
  const waves: DesiredObject[][] = [];
  for (const node of sorted) (waves[node.wave] ??= []).push(node.desired);
  return waves.map((wave) => ({ objects: wave, gates: wave.filter((desired) => gates.has(desired)) }));
}

function linkNodes(objects: readonly DesiredObject[]): Node[] {
  const nodes = objects.map((desired): Node => ({ desired, before: new Set(), wave: 0, level: 0 }));
  const byUrn = new Map(nodes.map((node) => [node.desired.urn, node]));
  const namespaces = new Map<string, Node>();
  const definitions = new Map<string, Node>();
  for (const node of nodes) {
    const { object } = node.desired;
    if (object.kind === "Namespace") namespaces.set(object.metadata.name, node);
    if (object.kind === "CustomResourceDefinition") definitions.set(definedKind(object), node);
  }
  for (const node of nodes) {
    const { object, dependencies } = node.desired;
    const before = [
      ...dependencies.map((urn) => byUrn.get(urn)),
      namespaces.get(object.metadata.namespace ?? ""),
      definitions.get(`${groupOf(object.apiVersion)}/${object.kind}`),
    ];
    for (const other of before) if (other !== undefined && other !== node) node.before.add(other);
  }
  return nodes;
}

function definedKind(definition: KubeObject): string {
  const spec = definition["spec"] as { group?: string; names?: { kind?: string } } | undefined;
  return `${spec?.group ?? ""}/${spec?.names?.kind ?? ""}`;
}

/** Kahn's algorithm: linear in objects and dependencies. */
function placeNodes(nodes: readonly Node[]): Node[] {
  const waiting = new Map(nodes.map((node) => [node, node.before.size]));
  const after = new Map<Node, Node[]>(nodes.map((node) => [node, []]));
  for (const node of nodes) for (const other of node.before) after.get(other)?.push(node);
  const ready = nodes.filter((node) => node.before.size === 0);
  const placed: Node[] = [];
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    placed.push(node);
    for (const next of after.get(node) ?? []) {
      next.wave = Math.max(next.wave, node.wave + (isGate(node) ? 1 : 0));
      const left = (waiting.get(next) ?? 0) - 1;
      waiting.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  // A level counts only within a wave, so waves must stand first.
  for (const node of placed) {
    for (const other of node.before) if (other.wave === node.wave) node.level = Math.max(node.level, other.level + 1);
  }
  if (placed.length < nodes.length) {
    const names = nodes.filter((node) => (waiting.get(node) ?? 0) > 0).map((node) => node.desired.object.metadata.name);
    throw new Error(`these objects depend on each other in a circle: ${names.join(", ")}; take one dependsOn away`);
  }
  return placed;
}

function isGate(node: Node): boolean {
  return gateKinds.has(node.desired.object.kind);
}

function rankOf(object: KubeObject): number {
  return ranks.get(object.kind) ?? defaultRank;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
