import { appliedFields } from "./adopt.ts";
import type { ObjectChange } from "./changes.ts";
import { type Kubectl, KubectlError, LiveObjects } from "./kubectl.ts";
import { without } from "./last-good.ts";
import { describe, type DesiredObject, identityOf, type KubeObject } from "./objects.ts";

/** Keeps the number of pods once it is not ours any more, until somebody else sets it. */
const scaleManager = "quorum-scale";
const scalable = /^apps\/v1 (Deployment|StatefulSet)$/;
const replicasPath = "spec.replicas";

type Spec = Readonly<Record<string, unknown>>;

/** Whether the program leaves the number of pods to somebody else, such as a HorizontalPodAutoscaler. */
export function leavesReplicas({ object, ignoreChanges }: Pick<DesiredObject, "object" | "ignoreChanges">): boolean {
  if (!scalable.test(`${object.apiVersion} ${object.kind}`)) return false;
  return ignoreChanges.includes(replicasPath) || specOf(object)["replicas"] === undefined;
}

/** Whether an object that is there has its number of pods from us. What we then leave out would fall back to 1. */
export function claimsReplicas(live: KubeObject): boolean {
  const spec = appliedFields(live)["f:spec"] as Record<string, unknown> | undefined;
  return spec?.["f:replicas"] !== undefined;
}

export function withoutReplicas(object: KubeObject): KubeObject {
  return { ...object, spec: without(specOf(object), "replicas") };
}

/** What leaving `replicas` out will come to, once they are handed over: their number stays. */
export function withLiveReplicas(object: KubeObject, live: KubeObject): KubeObject {
  return { ...object, spec: { ...specOf(object), replicas: specOf(live)["replicas"] } };
}

/**
 * Hands `spec.replicas` over wherever it was ours and is to be somebody else's, as Kubernetes' documentation of server-side
 * apply describes for an autoscaler: another manager claims the present number first, and only then do we leave it out.
 *
 * @see kubernetes.io/docs/reference/using-api/server-side-apply, "Transferring ownership"
 */
export async function releaseReplicas(kubectl: Kubectl, changes: readonly ObjectChange[]): Promise<void> {
  let asked = changes
    .filter(({ desired, live, action }) => action !== "same" && live !== undefined && leavesReplicas(desired))
    .filter(({ live }) => live !== undefined && claimsReplicas(live))
    .map(({ object }) => identityOf(object));
  for (let attempt = 1; asked.length > 0; attempt++) {
    const found = new LiveObjects(await kubectl.get(asked));
    const ours = asked.flatMap((identity) => found.find(identity) ?? []).filter(claimsReplicas);
    if (ours.length === 0) return;
    const claims = ours.map(({ apiVersion, kind, metadata: { name, namespace }, spec }): KubeObject => ({
      apiVersion,
      kind,
      metadata: namespace === undefined ? { name } : { name, namespace },
      spec: { replicas: (spec as Spec)["replicas"] },
    }));
    try {
      // Not by force: a number that somebody has set since we looked is his already.
      await kubectl.apply(claims, { dryRun: false, manager: scaleManager, force: false });
      return;
    } catch (error) {
      if (!(error instanceof KubectlError) || !/conflict/i.test(error.message)) throw error;
      if (attempt === 5)
        throw new Error(
          `spec.replicas of ${ours.map((each) => describe(identityOf(each))).join(", ")} changes faster than it can be handed over; run up again`,
          { cause: error },
        );
      asked = ours.map(identityOf);
    }
  }
}

function specOf(object: KubeObject): Spec {
  return (object["spec"] ?? {}) as Spec;
}
