import type { ObjectChange } from "./changes.ts";
import { entriesOf, type Inventory, type InventoryEntry } from "./inventory.ts";
import { keyOf, type KubeObject } from "./objects.ts";
import { readinessOf } from "./readiness.ts";
import type { Wave } from "./waves.ts";

/** Whether an object is a Job that takes itself away after its end, so that its absence does not mean that it never ran. */
function leavesByItself({ kind, spec }: KubeObject): boolean {
  const { ttlSecondsAfterFinished, suspend } = (spec ?? {}) as Record<string, unknown>;
  return kind === "Job" && typeof ttlSecondsAfterFinished === "number" && suspend !== true;
}

/** Keys of the Jobs that an earlier run saw succeed, and that may have taken themselves away since. */
export function endedJobs(inventory: Inventory | undefined): ReadonlySet<string> {
  return new Set((inventory?.entries ?? []).filter(({ ended }) => ended === true).map(keyOf));
}

/**
 * What the cluster is to remember, with those Jobs marked that need not run again once they are gone: those that have
 * succeeded, and that take themselves away.
 *
 * @param allReady every object has been waited for, so what has run has succeeded
 */
export function rememberEnded(
  waves: readonly Wave[],
  changes: readonly ObjectChange[],
  allReady: boolean,
): InventoryEntry[] {
  const ended = new Set(
    changes
      .filter(({ ended, object, live }) => {
        if (ended === true) return true;
        return leavesByItself(object) && (allReady || (live !== undefined && readinessOf(live).ready));
      })
      .map(({ desired }) => desired.key),
  );
  return entriesOf(waves).map((entry) => (ended.has(keyOf(entry)) ? { ...entry, ended: true } : entry));
}
