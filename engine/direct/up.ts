import { takeLock } from "../lock.ts";
import { carryOut, isEmptyPlan, recordInventory } from "./apply.ts";
import { type ChangePlan, planChanges } from "./changes.ts";
import { sameInventory, unionOf } from "./inventory.ts";
import type { ClusterAccess, Kubectl } from "./kubectl.ts";
import { Lease } from "./lease.ts";
import { showOutput } from "./monitor.ts";
import { rememberEnded } from "./one-off.ts";
import { countChanges, nothingToChange, objectLines, summarize } from "./report.ts";
import { type Evaluation, evaluate, openCluster, type Session } from "./session.ts";
import { restoreByApply, waitOrGoBack } from "./rollback.ts";
import { pendingOf } from "./wait.ts";

/** What a stack is once it is up. */
export interface UpResult {
  /** Stack outputs as people may see them. */
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly cluster: ClusterAccess | undefined;
}

/** Brings a stack up: images and host steps as the program runs, then its objects, wave by wave, until all are ready. */
export async function up(session: Session): Promise<UpResult> {
  const { workspace, config } = session;
  const unlock = takeLock(workspace, config.stack);
  try {
    const evaluation = await evaluate(session, "up");
    session.judge?.(evaluation.objects);
    const outputs = showOutput(evaluation.outputs) as Record<string, unknown>;
    if (evaluation.cluster === undefined) {
      session.log("the stack has no Kubernetes objects");
      return { outputs, cluster: undefined };
    }
    const kubectl = await openCluster(session, evaluation.cluster);
    const lease = await Lease.acquire(kubectl, config.stack);
    try {
      await applyObjects(session, evaluation, outputs, kubectl, lease);
    } finally {
      await lease.release();
    }
    return { outputs, cluster: evaluation.cluster };
  } finally {
    unlock();
  }
}

async function applyObjects(
  session: Session,
  evaluation: Evaluation,
  outputs: unknown,
  kubectl: Kubectl,
  lease: Lease,
): Promise<void> {
  const { config, log, timeoutSeconds } = session;
  const plan = await planChanges(kubectl, config.stack, evaluation.waves);
  for (const line of objectLines(plan)) log(line);
  if (!isEmptyPlan(plan)) {
    await carryOut(plan, evaluation.waves, outputs, {
      kubectl,
      lease,
      stack: config.stack,
      timeoutSeconds,
      log,
    });
    log(summarize(countChanges(plan)));
    return;
  }
  await settleInventory(kubectl, config.stack, evaluation, plan, outputs);
  const live = plan.changes.flatMap((change) => change.live ?? []);
  const pending = pendingOf(live).map(({ object }) => object);
  if (pending.length > 0) {
    // What an earlier run applied may fail only now; how it was before that run, only the cluster can know.
    const restore = restoreByApply(kubectl, plan.changes);
    const mayGoOn = () => lease.assertHeld();
    await waitOrGoBack(pending, { kubectl, log, timeoutSeconds, mayGoOn, before: new Map(), restore });
  }
  const made = evaluation.images.some(({ built }) => built) || evaluation.steps.some(({ action }) => action !== "same");
  log(made ? summarize(countChanges(plan)) : nothingToChange(evaluation));
}

/** With no object to change, outputs may still be new, and an earlier run may have been ended before its last word. */
async function settleInventory(
  kubectl: Kubectl,
  stack: string,
  { waves }: Evaluation,
  plan: ChangePlan,
  outputs: unknown,
): Promise<void> {
  const kept = plan.removals.filter(({ entry }) => entry.keep !== undefined).map(({ entry }) => entry);
  const entries = unionOf(kept, rememberEnded(waves, plan.changes, false));
  if (plan.inventory !== undefined && sameInventory(plan.inventory, { entries, outputs })) return;
  await recordInventory(kubectl, stack, entries, outputs);
}
