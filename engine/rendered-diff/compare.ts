import { jobLabel } from "../../components/plan/jobs/jobs.ts";
import { diffObjects, type FieldChange } from "../direct/diff.ts";
import { identityOf, type KubeObject, type ObjectIdentity } from "../direct/objects.ts";
import { redactChange } from "./redact.ts";
import type { Rendered } from "./rendered.ts";
import { fixedFieldsOf, lossByChange, lossByRemoval } from "./replacement.ts";
import { at } from "./values.ts";
import { widening } from "./widening.ts";

/** From what hurts most to what hurts least. */
export const risks = ["data", "replace", "remove", "widen", "change", "add"] as const;
export type Risk = (typeof risks)[number];

export interface RenderedChange {
  readonly identity: ObjectIdentity;
  readonly action: "add" | "change" | "remove" | "replace";
  readonly risk: Risk;
  /** Why it is as risky as it is; values of the objects stand in them. */
  readonly reasons: readonly string[];
  /** Without secrets. */
  readonly fields: readonly FieldChange[];
}

/** What differs between two renders, the riskiest first. Pure. */
export function compareRenders(base: Rendered, head: Rendered): RenderedChange[] {
  const again = jobsRunAgain(base, head);
  const changes: RenderedChange[] = [];
  for (const [key, object] of head.objects) {
    const before = base.objects.get(key) ?? again.get(key);
    const change = before === undefined ? addition(object) : difference(before, object);
    if (change !== undefined) changes.push(change);
  }
  const renamed = new Set(again.values());
  for (const [key, object] of base.objects)
    if (!head.objects.has(key) && !renamed.has(object)) changes.push(removal(object, base.kept.has(key)));
  return changes.sort((a, b) => risks.indexOf(a.risk) - risks.indexOf(b.risk) || compareText(nameOf(a), nameOf(b)));
}

/** A Job's name has a hash of what it runs: one that runs something else is the old one's successor. */
function jobsRunAgain(base: Rendered, head: Rendered): Map<string, KubeObject> {
  const place = (object: KubeObject) => {
    const job = object.metadata.labels?.[jobLabel];
    const own = job ?? object.metadata.name.replace(/-[0-9a-f]{8}$/, "");
    return object.kind === "Job" ? `${object.metadata.namespace ?? ""}/${own}` : undefined;
  };
  const gone = new Map<string, KubeObject>();
  for (const [key, object] of base.objects) {
    const job = place(object);
    if (job !== undefined && !head.objects.has(key)) gone.set(job, object);
  }
  const pairs = new Map<string, KubeObject>();
  for (const [key, object] of head.objects) {
    const job = place(object);
    const before = job === undefined || base.objects.has(key) ? undefined : gone.get(job);
    if (before !== undefined) pairs.set(key, before);
  }
  return pairs;
}

function addition(object: KubeObject): RenderedChange {
  const reasons = widening(undefined, object);
  return {
    identity: identityOf(object),
    action: "add",
    risk: reasons.length > 0 ? "widen" : "add",
    reasons,
    fields: [],
  };
}

function removal(object: KubeObject, kept: boolean): RenderedChange {
  const identity = identityOf(object);
  if (kept)
    return {
      identity,
      action: "remove",
      risk: "remove",
      reasons: ["is protected or retained: it stays in the cluster"],
      fields: [],
    };
  const loss = lossByRemoval(object);
  if (loss !== undefined) return { identity, action: "remove", risk: "data", reasons: [loss], fields: [] };
  return { identity, action: "remove", risk: "remove", reasons: removalReasons(object), fields: [] };
}

/** What is missed once an object is gone. */
function removalReasons(object: KubeObject): string[] {
  const { kind } = object;
  if (kind === "StatefulSet") return ["its pods go; their claims stay and are nobody's"];
  if (kind === "NetworkPolicy") return ["its pods are open, unless another policy selects them"];
  if (kind === "AuthorizationPolicy")
    return [
      at(object, "spec", "action") === "DENY"
        ? "no longer denies"
        : "its pods take calls from all, unless another policy selects them",
    ];
  if (kind === "PeerAuthentication") return ["mTLS is as the mesh has it by default"];
  if (kind.startsWith("ValidatingAdmission") || kind.endsWith("WebhookConfiguration"))
    return ["nobody refuses what it refused"];
  if (kind === "PodDisruptionBudget") return ["a drain may take all pods at once"];
  if (kind === "CronJob" && /backup|drill/.test(object.metadata.name))
    return ["backups, or their proof, no longer run"];
  if (kind === "Secret") return ["what it holds is gone"];
  return [];
}

function difference(before: KubeObject, after: KubeObject): RenderedChange | undefined {
  const fields = diffObjects(before, after);
  if (fields.length === 0) return undefined;
  const fixed = fixedFieldsOf(before, fields);
  const again = before.metadata.name !== after.metadata.name;
  const loss = lossByChange(before, after, fields);
  const wider = widening(before, after);
  const replaced = again || fixed.length > 0;
  const reasons = [
    ...loss,
    ...(again ? ["runs once more, under a new name"] : []),
    ...(fixed.length > 0
      ? [`is made again, because these fields cannot change: ${fixed.map(({ path }) => path).join(", ")}`]
      : []),
    ...wider,
    ...(at(before, "spec", "suspend") !== true && at(after, "spec", "suspend") === true
      ? ["no longer runs: it is suspended"]
      : []),
  ];
  return {
    identity: identityOf(after),
    action: replaced ? "replace" : "change",
    risk: loss.length > 0 ? "data" : replaced ? "replace" : wider.length > 0 ? "widen" : "change",
    reasons,
    fields: fields.map(redactChange),
  };
}

const nameOf = ({ identity: { kind, namespace = "", name } }: RenderedChange) => `${kind}/${namespace}/${name}`;
const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
