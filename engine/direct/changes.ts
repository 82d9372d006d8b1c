import { findByLabel, isApplied, isPulumiManaged, withoutPulumiFields } from "./adopt.ts";
import { diffObjects, type FieldChange } from "./diff.ts";
import { keepLive, parsePath, showPath } from "./field-path.ts";
import {
  type Inventory,
  type InventoryEntry,
  entriesOf,
  inventoryIdentity,
  readInventory,
  withoutThose,
} from "./inventory.ts";
import { type Kubectl, KubectlError, LiveObjects } from "./kubectl.ts";
import {
  describe,
  type DesiredObject,
  hasUnknowns,
  identityOf,
  keyOf,
  isClusterScoped,
  type KubeObject,
  stackLabel,
} from "./objects.ts";
import { readRefusals, refusalError } from "./refusals.ts";
import { count } from "../words.ts";
import { unknown, unknownPaths } from "./registration.ts";
import { endedJobs } from "./one-off.ts";
import { claimsReplicas, leavesReplicas, withLiveReplicas, withoutReplicas } from "./scale.ts";
import type { Wave } from "./waves.ts";

/** What is to be done with one object that the program wants. */
export interface ObjectChange {
  readonly desired: DesiredObject;
  /** `adopt`: it is as it should be, but was made by someone else, and becomes ours. */
  readonly action: "create" | "update" | "adopt" | "same";
  readonly fields: readonly FieldChange[];
  readonly live: KubeObject | undefined;
  /** What kubectl gets: the program's object, with the live values of fields whose changes it ignores. */
  readonly object: KubeObject;
  /** It is a Job that has succeeded and has taken itself away since: there is nothing to make and nothing to wait for. */
  readonly ended?: boolean;
}

/** An object that the program no longer wants. */
export interface Removal {
  readonly entry: InventoryEntry;
  /** Why it stays nevertheless; undefined when it is deleted. */
  readonly keptBecause: string | undefined;
}

export interface ChangePlan {
  readonly changes: readonly ObjectChange[];
  readonly removals: readonly Removal[];
  /** What the cluster remembers of the stack; undefined when it remembers nothing. */
  readonly inventory: Inventory | undefined;
}

/** Compares what the program wants with what the cluster has. Changes nothing. @throws naming what the API server refuses */
export async function planChanges(kubectl: Kubectl, stack: string, waves: readonly Wave[]): Promise<ChangePlan> {
  const wanted = waves.flatMap((wave) => wave.objects);
  const inventoryAt = inventoryIdentity(stack);
  const live = new LiveObjects(await kubectl.get([...wanted.map(({ object }) => identityOf(object)), inventoryAt]));
  const stored = live.find(inventoryAt);
  const inventory = stored === undefined ? undefined : readInventory(stored);
  const ended = endedJobs(inventory);
  const all = wanted.map((desired) => candidateOf(desired, live.find(identityOf(desired.object))));
  const isGone = (candidate: Candidate) => candidate.live === undefined && ended.has(candidate.desired.key);
  const candidates = all.filter((candidate) => !isGone(candidate));
  refuseForeign(candidates, stack, inventory);
  const outcomes = await tryHandOver(kubectl, candidates, await tryOut(kubectl, candidates));
  const before = inventory?.entries ?? (await findByLabel(kubectl, stack, wanted));
  const removals = await planRemovals(kubectl, stack, before, entriesOf(waves));
  const changes = all.map((candidate): ObjectChange => {
    const { desired, object } = candidate;
    if (isGone(candidate)) return { desired, action: "same", fields: [], live: undefined, object, ended: true };
    return changeOf(candidate, outcomes);
  });
  return { changes, removals, inventory };
}

/**
 * What somebody else has made is not ours to change, and `down` must never take it away. An object is the stack's when its
 * inventory names it or its label does.
 *
 * @throws naming every such object and both ways on
 */
function refuseForeign(candidates: readonly Candidate[], stack: string, inventory: Inventory | undefined): void {
  const ours = new Set((inventory?.entries ?? []).map(keyOf));
  const lines = candidates.flatMap(({ desired, live }) => {
    if (live === undefined || ours.has(desired.key)) return [];
    const label = live.metadata.labels?.[stackLabel];
    if (label === stack) return [];
    return [`  ${describe(identityOf(live))}${label === undefined ? "" : ` (of stack ${label})`}`];
  });
  if (lines.length === 0) return;
  throw new Error(
    `${count(lines.length, "object")} of the program ${lines.length === 1 ? "is" : "are"} in the cluster already, made by somebody else; choose other names, or give them to the stack (kubectl label … ${stackLabel}=${stack} --overwrite):\n${lines.join("\n")}`,
  );
}

interface Candidate {
  readonly desired: DesiredObject;
  readonly live: KubeObject | undefined;
  readonly object: KubeObject;
  /** `object` with live or made-up values where it has unknown ones, so that it can be tried out. */
  readonly trial: KubeObject;
}

function candidateOf(desired: DesiredObject, live: KubeObject | undefined): Candidate {
  if (live === undefined)
    return { desired, live, object: desired.object, trial: fillUnknowns(desired.object, live) as KubeObject };
  const kept = desired.ignoreChanges.reduce(
    (object: unknown, path) => keepLive(object, live, parsePath(path)),
    desired.object,
  ) as KubeObject;
  const object = leavesReplicas(desired) ? withoutReplicas(kept) : kept;
  // Replicas that are ours still are handed over before they are left out, which a dry run cannot show.
  const handedOver = leavesReplicas(desired) && claimsReplicas(live) ? withLiveReplicas(object, live) : object;
  return { desired, live, object, trial: fillUnknowns(handedOver, live) as KubeObject };
}

function fillUnknowns(value: unknown, live: unknown): unknown {
  if (value === unknown) return live ?? "unknown";
  if (Array.isArray(value))
    return value.map((item: unknown, index) =>
      fillUnknowns(item, Array.isArray(live) ? (live as unknown[])[index] : undefined),
    );
  if (typeof value !== "object" || value === null) return value;
  const fields = (live ?? {}) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillUnknowns(item, fields[key])]));
}

/**
 * What the API server would make of each object. A new object is tried only for what is wrong with it, and only where it
 * could be made at once: its namespace and its kind must be there already.
 */
async function tryOut(kubectl: Kubectl, candidates: readonly Candidate[]): Promise<LiveObjects> {
  const existing = candidates.filter(({ live }) => live !== undefined);
  const namespaces = presentNamespaces(candidates);
  const creatable = candidates.filter((candidate) => canTryCreation(candidate, namespaces));
  try {
    return new LiveObjects(
      await kubectl.apply(
        [...existing, ...creatable].map(({ trial }) => trial),
        { dryRun: true },
      ),
    );
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error;
    const refusals = readRefusals(
      error,
      [...existing, ...creatable].map(({ trial }) => trial),
    );
    if (refusals.length > 0) throw refusalError(refusals);
    if (creatable.length === 0) throw error;
    // A new object may fail for the lack of another new one (a webhook, a quota), which is no reason to stop.
    return new LiveObjects(
      await kubectl.apply(
        existing.map(({ trial }) => trial),
        { dryRun: true },
      ),
    );
  }
}

/** What objects that the Pulumi CLI made become once its fields are ours. */
async function tryHandOver(
  kubectl: Kubectl,
  candidates: readonly Candidate[],
  outcomes: LiveObjects,
): Promise<LiveObjects> {
  const theirs = candidates.flatMap(({ live, trial }) => {
    if (live === undefined || !isPulumiManaged(live)) return [];
    return [withoutPulumiFields(outcomes.find(identityOf(trial)) ?? live, live, trial)];
  });
  return theirs.length === 0 ? outcomes : outcomes.overlaidBy(await kubectl.replace(theirs, { dryRun: true }));
}

const ownGroup = /^(v1|apps\/|batch\/|policy\/|autoscaling\/|[\w.]+\.k8s\.io\/)/;
/** Namespaces that every cluster has. */
const givenNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];

/** The namespaces that are known to be there. */
function presentNamespaces(candidates: readonly Candidate[]): Set<string> {
  const present = candidates.filter(({ object, live }) => object.kind === "Namespace" && live !== undefined);
  return new Set([...givenNamespaces, ...present.map(({ object }) => object.metadata.name)]);
}

function canTryCreation({ object, live }: Candidate, namespaces: ReadonlySet<string>): boolean {
  // Pods are checked against accounts and quotas that may not be there yet; kinds of CRDs may be unknown to the server.
  if (live !== undefined || object.kind === "Pod" || hasUnknowns(object) || !ownGroup.test(object.apiVersion))
    return false;
  return isClusterScoped(identityOf(object)) || namespaces.has(object.metadata.namespace ?? "");
}

function changeOf({ desired, live, object }: Candidate, outcomes: LiveObjects): ObjectChange {
  if (live === undefined) return { desired, action: "create", fields: [], live, object };
  const outcome = outcomes.find(identityOf(object)) ?? live;
  const known = diffObjects(live, outcome, desired.secretPaths);
  const later = unknownPaths(object).map((path) => ({
    path: showPath(path.map(position)),
    from: valueAt(live, path),
    to: unknown,
    secret: false,
  }));
  const fields = [...known, ...later];
  const foreign = !isApplied(live) || isPulumiManaged(live);
  return { desired, action: fields.length > 0 ? "update" : foreign ? "adopt" : "same", fields, live, object };
}

function position(part: string): string {
  return /^\d+$/.test(part) ? `[${part}]` : part;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce(
    (at: unknown, part) => (typeof at === "object" && at !== null ? (at as Record<string, unknown>)[part] : undefined),
    value,
  );
}

/** Decides about each object that the cluster remembers and the program no longer names. */
export async function planRemovals(
  kubectl: Kubectl,
  stack: string,
  before: readonly InventoryEntry[],
  now: readonly InventoryEntry[],
): Promise<Removal[]> {
  const gone = withoutThose(before, now);
  if (gone.length === 0) return [];
  const live = new LiveObjects(await kubectl.get(gone));
  const present = gone.filter((entry) => live.find(entry) !== undefined);
  const removals = present.map((entry) => {
    if (entry.keep !== undefined) return { entry, keptBecause: `it is ${entry.keep}` };
    const label = live.find(entry)?.metadata.labels?.[stackLabel];
    return {
      entry,
      keptBecause:
        label === stack
          ? undefined
          : `its label ${stackLabel} is ${label ?? "gone"}, so it is not this stack's any more`,
    };
  });
  return keepNamespacesInUse(removals, now);
}

/** Deleting a namespace deletes all in it, so one that holds something that stays must stay too. */
export function keepNamespacesInUse(removals: readonly Removal[], now: readonly InventoryEntry[]): Removal[] {
  const stays = [...removals.filter(({ keptBecause }) => keptBecause !== undefined).map(({ entry }) => entry), ...now];
  const holders = new Map(
    stays.flatMap((entry) => (entry.namespace === undefined ? [] : [[entry.namespace, entry] as const])),
  );
  return removals.map((removal) => {
    const { entry } = removal;
    const held = entry.kind === "Namespace" && entry.apiVersion === "v1" ? holders.get(entry.name) : undefined;
    return removal.keptBecause === undefined && held !== undefined
      ? { entry, keptBecause: `it holds ${describe(held)}` }
      : removal;
  });
}
