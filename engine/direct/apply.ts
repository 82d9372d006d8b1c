import { count } from "../words.ts";
import { pause } from "../process.ts";
import { handOver, isPulumiManaged } from "./adopt.ts";
import type { ChangePlan, ObjectChange, Removal } from "./changes.ts";
import { type InventoryEntry, inventoryObject, sameInventory, unionOf } from "./inventory.ts";
import { type Kubectl, KubectlError } from "./kubectl.ts";
import type { Lease } from "./lease.ts";
import { type DesiredObject, describe, identityOf, type KubeObject } from "./objects.ts";
import { rememberEnded } from "./one-off.ts";
import { readRefusals, refusalError } from "./refusals.ts";
import { goesBack, readGoodStates } from "./last-good.ts";
import { restoreByApply, waitOrGoBack } from "./rollback.ts";
import { releaseReplicas } from "./scale.ts";
import { timed } from "../phases.ts";
import type { Wave } from "./waves.ts";

export interface ApplySettings {
  readonly kubectl: Kubectl;
  readonly lease: Lease;
  readonly stack: string;
  readonly timeoutSeconds: number;
  readonly log: (line: string) => void;
}

/** Whether carrying a plan out would change anything in the cluster, its inventory apart. */
export function isEmptyPlan(plan: ChangePlan): boolean {
  return plan.changes.every(({ action }) => action === "same") && deletions(plan.removals).length === 0;
}

/**
 * Makes the cluster as the program wants it. The inventory names every object before it is made, and every object is deleted
 * last, so a run that is ended anywhere leaves nothing that the next one does not know.
 */
export async function carryOut(
  plan: ChangePlan,
  waves: readonly Wave[],
  outputs: unknown,
  settings: ApplySettings,
): Promise<void> {
  const { kubectl, lease, stack, log } = settings;
  const before = plan.inventory ?? { entries: plan.removals.map(({ entry }) => entry), outputs: {} };
  const during = {
    entries: unionOf(before.entries, rememberEnded(waves, plan.changes, false)),
    outputs: before.outputs,
  };
  if (plan.inventory === undefined || !sameInventory(plan.inventory, during)) {
    await kubectl.apply([inventoryObject(stack, during)], { dryRun: false });
  }
  await takeOver(kubectl, plan.changes);
  await releaseReplicas(kubectl, plan.changes);
  const goodStates = await readGoodStates(kubectl, goingBack(plan.changes));
  const changes = new Map(plan.changes.map((change) => [change.desired, change]));
  const mayGoOn = () => lease.assertHeld();
  const restore = restoreByApply(kubectl, plan.changes);
  const waiting = { kubectl, log, timeoutSeconds: settings.timeoutSeconds, mayGoOn, before: goodStates, restore };
  const wait = (objects: readonly DesiredObject[]) => {
    const there = objects.filter((desired) => changes.get(desired)?.ended !== true);
    return timed("ready", () =>
      waitOrGoBack(
        there.map(({ object }) => object),
        waiting,
      ),
    );
  };
  // An autoscaler that is to go would fight for the number that the program names now.
  const removals = deletions(plan.removals);
  const [scalers, others] = [removals.filter(isAutoscaler), removals.filter((entry) => !isAutoscaler(entry))];
  await removeAll(scalers, settings);
  for (const [index, wave] of waves.entries()) {
    mayGoOn();
    const work = wave.objects
      .map((desired) => changes.get(desired))
      .filter((change) => change !== undefined && change.action !== "same");
    if (work.length > 0 && waves.length > 1)
      log(`wave ${index + 1} of ${waves.length}: ${count(work.length, "object")}`);
    await applyWave(work as ObjectChange[], settings);
    const later = waves
      .slice(index + 1)
      .some((next) => next.objects.some((desired) => changes.get(desired)?.action !== "same"));
    if (later) await wait(wave.gates);
  }
  await wait(waves.flatMap((wave) => wave.objects));
  mayGoOn();
  await removeAll(others, settings);
  const kept = plan.removals
    .filter(({ entry, keptBecause }) => keptBecause !== undefined && entry.keep !== undefined)
    .map(({ entry }) => entry);
  await recordInventory(kubectl, stack, unionOf(kept, rememberEnded(waves, plan.changes, true)), outputs);
}

export async function recordInventory(
  kubectl: Kubectl,
  stack: string,
  entries: readonly InventoryEntry[],
  outputs: unknown,
): Promise<void> {
  await kubectl.apply([inventoryObject(stack, { entries, outputs })], { dryRun: false });
}

function isAutoscaler({ kind }: InventoryEntry): boolean {
  return kind === "HorizontalPodAutoscaler";
}

/** The workloads, as they are now, that go back by themselves. */
function goingBack(changes: readonly ObjectChange[]): KubeObject[] {
  return changes.flatMap(({ live, object }) => (live !== undefined && goesBack(object) ? [live] : []));
}

/** Before we apply an object that Pulumi's provider made, its fields become ours. */
async function takeOver(kubectl: Kubectl, changes: readonly ObjectChange[]): Promise<void> {
  let theirs = changes.flatMap(({ live }) => (live !== undefined && isPulumiManaged(live) ? [live] : []));
  for (let attempt = 1; theirs.length > 0; attempt++) {
    try {
      await kubectl.replace(theirs.map(handOver), { dryRun: false });
      return;
    } catch (error) {
      // A controller may have written the object's status since we read it.
      if (!(error instanceof KubectlError) || !/has been modified/.test(error.message) || attempt === 5) throw error;
      theirs = (await kubectl.get(theirs.map(identityOf))).filter(isPulumiManaged);
    }
  }
}

/** What passes by itself: a webhook that starts, a namespace that is going, a kind that is not served yet. */
const passing =
  /failed calling webhook|no endpoints available|being terminated|no matches for kind|leader changed|has been modified|try again/i;

async function applyWave(work: readonly ObjectChange[], settings: ApplySettings): Promise<void> {
  const objects = work.map(({ object }) => object);
  const ends = performance.now() + settings.timeoutSeconds * 1000;
  let said = "";
  for (;;) {
    try {
      await timed("apply", () => settings.kubectl.apply(objects, { dryRun: false, onWarning: settings.log }));
      return;
    } catch (error) {
      if (!(error instanceof KubectlError)) throw error;
      const refusals = readRefusals(error, objects);
      if (refusals.length > 0) throw refusalError(refusals);
      if (!error.lines.every((line) => passing.test(line)) || performance.now() > ends) throw error;
      const [first = ""] = error.lines;
      if (first !== said) settings.log(`trying again: ${first}`);
      said = first;
      await pause(2000);
    }
  }
}

/** Kinds that do something until they are gone, and need their rights and settings for it. */
const workloads = new Set(["APIService", "CronJob", "DaemonSet", "Deployment", "Job", "StatefulSet"]);

/** Kinds that send requests somewhere: none may be there longer than what it names, from whichever run either is. */
const routes = new Set(["HTTPRoute", "Ingress", "VirtualService"]);

/** Objects to delete, in the order of deletion: the reverse of the order in which they were made, routes first, workloads before what they use. */
export function deletions(removals: readonly Removal[]): InventoryEntry[] {
  const gone = removals.filter(({ keptBecause }) => keptBecause === undefined).map(({ entry }) => entry);
  const leads = (entry: InventoryEntry) => (routes.has(entry.kind) ? 0 : 1);
  const last = (entry: InventoryEntry) => (entry.kind === "Namespace" ? 1 : 0);
  const first = (entry: InventoryEntry) => (workloads.has(entry.kind) ? 0 : 1);
  return gone
    .map((entry, index) => ({ entry, index }))
    .sort(
      (a, b) =>
        last(a.entry) - last(b.entry) ||
        leads(a.entry) - leads(b.entry) ||
        b.entry.wave - a.entry.wave ||
        first(a.entry) - first(b.entry) ||
        b.index - a.index,
    )
    .map(({ entry }) => entry);
}

/** Deletes wave by wave, each gone before the next: what an object needs to be taken apart must outlive it. */
export async function removeAll(
  entries: readonly InventoryEntry[],
  settings: Pick<ApplySettings, "kubectl" | "timeoutSeconds" | "log">,
): Promise<void> {
  const groups = new Map<string, InventoryEntry[]>();
  for (const entry of entries) {
    const group =
      entry.kind === "Namespace"
        ? "namespaces"
        : routes.has(entry.kind)
          ? "routes"
          : `${entry.wave} ${workloads.has(entry.kind)}`;
    const members = groups.get(group) ?? [];
    groups.set(group, members);
    members.push(entry);
  }
  for (const group of groups.values()) {
    settings.log(
      `deleting ${count(group.length, "object")}: ${group.slice(0, 3).map(describe).join(", ")}${group.length > 3 ? ", …" : ""}`,
    );
    await settings.kubectl.remove(group, settings.timeoutSeconds);
  }
}
