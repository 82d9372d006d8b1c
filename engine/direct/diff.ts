import { showPath } from "./field-path.ts";
import { isSecret, unknown } from "./registration.ts";
import type { KubeObject } from "./objects.ts";

/** One field that differs. `undefined` means that the field is not there. */
export interface FieldChange {
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
  /** Neither value may be shown. */
  readonly secret: boolean;
}

/** Fields that the API server keeps for itself, or that say how things stand rather than how they should. */
const ignored = new Set([
  "status",
  "metadata.managedFields",
  "metadata.resourceVersion",
  "metadata.generation",
  "metadata.uid",
  "metadata.creationTimestamp",
  "metadata.selfLink",
]);
const shownLength = 100;

/** The fields in which `next` differs from `live`. Lists of named things are compared by name, others by position. */
export function diffObjects(
  live: KubeObject,
  next: KubeObject,
  secretPaths: readonly (readonly string[])[] = [],
): FieldChange[] {
  const changes: FieldChange[] = [];
  const maskAll = live.kind === "Secret" ? [["data"], ["stringData"]] : [];
  compare(live, next, [], [...secretPaths.map(withoutPositions), ...maskAll], changes);
  return changes;
}

function compare(
  from: unknown,
  to: unknown,
  path: string[],
  secretPaths: readonly (readonly string[])[],
  changes: FieldChange[],
): void {
  if (from === to || ignored.has(path.join("."))) return;
  if (isMap(from) && isMap(to)) {
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)]))
      compare(field(from, key), field(to, key), [...path, key], secretPaths, changes);
    return;
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    compareLists(from, to, path, secretPaths, changes);
    return;
  }
  // A map that comes or goes is shown whole, unless that would show a secret with it.
  const present = isMap(from) ? from : isMap(to) ? to : undefined;
  if (present !== undefined && (from === undefined || to === undefined) && holdsSecret(secretPaths, path)) {
    for (const key of Object.keys(present))
      compare(field(from, key), field(to, key), [...path, key], secretPaths, changes);
    return;
  }
  changes.push({ path: showPath(path), from, to, secret: isSecret(secretPaths, withoutPositions(path)) });
}

/** A map's own field: a ConfigMap may have a key such as `constructor`, which every JavaScript object seems to have. */
function field(value: unknown, key: string): unknown {
  return isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** A secret's place in a list may differ between the program and the cluster, so in a list all elements count as secret. */
function withoutPositions(path: readonly string[]): string[] {
  return path.filter((part) => !/^(\[.*\]|\d+)$/.test(part));
}

function holdsSecret(secretPaths: readonly (readonly string[])[], path: readonly string[]): boolean {
  const fields = withoutPositions(path);
  return secretPaths.some(
    (secret) => secret.length > fields.length && fields.every((part, index) => part === secret[index]),
  );
}

function compareLists(
  from: readonly unknown[],
  to: readonly unknown[],
  path: string[],
  secretPaths: readonly (readonly string[])[],
  changes: FieldChange[],
): void {
  const before = byName(from);
  const after = byName(to);
  if (before === undefined || after === undefined) {
    for (let index = 0; index < Math.max(from.length, to.length); index++) {
      compare(from[index], to[index], [...path, `[${index}]`], secretPaths, changes);
    }
    return;
  }
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    compare(before.get(name), after.get(name), [...path, `[${name}]`], secretPaths, changes);
  }
  const kept = [...before.keys()].filter((name) => after.has(name));
  const order = [...after.keys()].filter((name) => before.has(name));
  if (kept.join("\0") !== order.join("\0"))
    changes.push({ path: `${showPath(path)} (order)`, from: kept, to: order, secret: false });
}

/** A list's elements by their names; undefined when they have none, or not each its own. */
function byName(list: readonly unknown[]): Map<string, unknown> | undefined {
  const names = new Map<string, unknown>();
  for (const item of list) {
    const name = isMap(item) ? item["name"] : undefined;
    if (typeof name !== "string" || names.has(name)) return undefined;
    names.set(name, item);
  }
  return names;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `spec.replicas: 2 → 3`. Of a long text, the first line that differs. */
export function showChange({ path, from, to, secret }: FieldChange): string {
  if (secret)
    return `${path}: ${from === undefined ? "(none)" : "(secret)"} → ${to === undefined ? "(none)" : "(another secret)"}`;
  if (typeof from === "string" && typeof to === "string" && (from.includes("\n") || to.includes("\n"))) {
    const before = from.split("\n");
    const after = to.split("\n");
    const line = before.findIndex((text, index) => text !== after[index]);
    const at = line === -1 ? before.length : line;
    const counts = `${before.length} → ${after.length} lines`;
    return `${path}: line ${at + 1}: ${show(before[at]?.trim())} → ${show(after[at]?.trim())} (${counts})`;
  }
  return `${path}: ${show(from)} → ${show(to)}`;
}

function show(value: unknown): string {
  if (value === undefined) return "(none)";
  if (value === unknown) return "(known after up)";
  const text = typeof value === "string" ? (value === "" ? '""' : value) : JSON.stringify(value);
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
}
