import { describe, identityOf, keyOf, type KubeObject, type ObjectIdentity } from "./objects.ts";
import type { Wave } from "./waves.ts";

/** An object that the stack has made, as the cluster remembers it. */
export interface InventoryEntry extends ObjectIdentity {
  /** Deletion goes through the waves backwards. */
  readonly wave: number;
  /** Set for an object that the engine must never delete. */
  readonly keep?: "protected" | "retained" | undefined;
  /** Set for a Job that has succeeded and takes itself away: gone from the cluster, it need not run again. */
  readonly ended?: boolean | undefined;
}

export interface Inventory {
  readonly entries: readonly InventoryEntry[];
  /** The stack's outputs, secrets left out. */
  readonly outputs: unknown;
}

export const systemNamespace = "quorum-system";
/** Marks the inventories of all stacks, so that the last one to go takes the namespace with it. */
export const inventoryLabel = "quorum.dev/inventory";
const managedBy = { "app.kubernetes.io/managed-by": "quorum" };

export const systemNamespaceObject: KubeObject = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: systemNamespace, labels: { ...managedBy, "pod-security.kubernetes.io/enforce": "restricted" } },
};

export function inventoryIdentity(stack: string): ObjectIdentity {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    namespace: systemNamespace,
    name: `quorum-inventory-${stack.toLowerCase().replace(/_/g, "-")}`,
  };
}

export function entriesOf(waves: readonly Wave[]): InventoryEntry[] {
  return waves.flatMap((wave, index) =>
    wave.objects.map((desired) => {
      const keep = desired.protect ? "protected" : desired.retain ? "retained" : undefined;
      return { ...identityOf(desired.object), wave: index, ...(keep === undefined ? {} : { keep }) };
    }),
  );
}

/** What is in either list; where both know an object, the later one's word counts. */
export function unionOf(earlier: readonly InventoryEntry[], later: readonly InventoryEntry[]): InventoryEntry[] {
  return [...new Map([...earlier, ...later].map((entry) => [keyOf(entry), entry])).values()];
}

/** What is in `earlier` and no longer in `later`. */
export function withoutThose(earlier: readonly InventoryEntry[], later: readonly InventoryEntry[]): InventoryEntry[] {
  const keys = new Set(later.map(keyOf));
  return earlier.filter((entry) => !keys.has(keyOf(entry)));
}

/** The ConfigMap that holds an inventory, one object a line so that people can read it. */
export function inventoryObject(stack: string, inventory: Inventory): KubeObject {
  const { apiVersion, kind, namespace = "", name } = inventoryIdentity(stack);
  const lines = inventory.entries.map((entry) => JSON.stringify(entry));
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, labels: { ...managedBy, [inventoryLabel]: stack } },
    data: {
      "objects.json": `[\n${lines.join(",\n")}\n]\n`,
      "outputs.json": `${JSON.stringify(inventory.outputs, null, 2)}\n`,
    },
  };
}

/** @throws when someone has changed it beyond reading */
export function readInventory(object: KubeObject): Inventory {
  const data = (object["data"] ?? {}) as Record<string, string>;
  try {
    return {
      entries: JSON.parse(data["objects.json"] ?? "[]") as InventoryEntry[],
      outputs: JSON.parse(data["outputs.json"] ?? "{}"),
    };
  } catch (error) {
    throw new Error(
      `${describe(identityOf(object))} cannot be read; restore it, or delete it so that the stack's objects are found by their labels`,
      { cause: error },
    );
  }
}

export function sameInventory(a: Inventory, b: Inventory): boolean {
  return JSON.stringify(inventoryObject("", a)) === JSON.stringify(inventoryObject("", b));
}
