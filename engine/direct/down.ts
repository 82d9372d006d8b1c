import { takeLock } from "../lock.ts";
import { findByLabel } from "./adopt.ts";
import { deletions, recordInventory, removeAll } from "./apply.ts";
import { planRemovals, type Removal } from "./changes.ts";
import { entriesOf, inventoryIdentity, inventoryLabel, readInventory, systemNamespace, unionOf } from "./inventory.ts";
import type { Kubectl } from "./kubectl.ts";
import { Lease } from "./lease.ts";
import { describe, keyOf, type KubeObject } from "./objects.ts";
import { type Evaluation, evaluate, openCluster, type Session } from "./session.ts";

/** Takes away every object that the stack made, save what is protected or retained, which is listed. Hosts keep their control plane. */
export async function down(session: Session): Promise<void> {
  const { workspace, config, log } = session;
  const unlock = takeLock(workspace, config.stack);
  try {
    const evaluation = await evaluate(session, "down");
    if (evaluation.cluster === undefined) {
      log("nothing to take away: the stack's cluster has not been made");
      return;
    }
    const kubectl = await openCluster(session, evaluation.cluster);
    const { removals, hasInventory } = await findRemovals(kubectl, config.stack, evaluation);
    if (removals.length === 0 && !hasInventory) {
      log("nothing to take away: the cluster has no object of this stack");
      return;
    }
    await takeAway(session, kubectl, removals);
  } finally {
    unlock();
  }
}

async function findRemovals(
  kubectl: Kubectl,
  stack: string,
  evaluation: Evaluation,
): Promise<{ removals: Removal[]; hasInventory: boolean }> {
  const [stored] = await kubectl.get([inventoryIdentity(stack)]);
  const program = entriesOf(evaluation.waves);
  const before =
    stored === undefined ? unionOf(await findByLabel(kubectl, stack, []), program) : readInventory(stored).entries;
  // The program knows best what is protected now; the inventory knows what was made.
  const known = new Map(program.map((entry) => [keyOf(entry), entry]));
  const entries = before.map((entry) => known.get(keyOf(entry)) ?? entry);
  return { removals: await planRemovals(kubectl, stack, entries, []), hasInventory: stored !== undefined };
}

async function takeAway(session: Session, kubectl: Kubectl, removals: readonly Removal[]): Promise<void> {
  const { config, log, timeoutSeconds } = session;
  const lease = await Lease.acquire(kubectl, config.stack);
  const gone = deletions(removals);
  const kept = removals.filter(({ keptBecause }) => keptBecause !== undefined);
  try {
    for (const { entry, keptBecause } of kept) log(`! ${describe(entry)} stays: ${keptBecause ?? ""}`);
    await removeAll(gone, { kubectl, timeoutSeconds, log });
    const ours = kept.filter(({ keptBecause }) => !keptBecause?.startsWith("its label")).map(({ entry }) => entry);
    if (ours.length > 0) await recordInventory(kubectl, config.stack, ours, {});
    else await kubectl.remove([inventoryIdentity(config.stack)], timeoutSeconds);
  } finally {
    await lease.release();
  }
  await removeSystemNamespace(kubectl, timeoutSeconds);
  log(`${gone.length} deleted, ${kept.length} kept; hosts keep their control plane`);
}

/** The namespace of inventories and Leases goes with the last stack of the cluster. */
export async function removeSystemNamespace(kubectl: Kubectl, timeoutSeconds: number): Promise<void> {
  const answer = await kubectl.call(["get", "configmaps,leases", "-n", systemNamespace, "-o", "json"]);
  const { items } = JSON.parse(answer) as { items: KubeObject[] };
  const inUse = items.some(({ kind, metadata }) => kind === "Lease" || metadata.labels?.[inventoryLabel] !== undefined);
  if (!inUse) await kubectl.remove([{ apiVersion: "v1", kind: "Namespace", name: systemNamespace }], timeoutSeconds);
}
