import { pause } from "../process.ts";
import type { Kubectl } from "./kubectl.ts";
import { describe, identityOf, keyOf, type KubeObject } from "./objects.ts";
import { hasReadiness, type ReadinessContext, readinessOf } from "./readiness.ts";
import { deadlineExceeded, podsOf, TroubleClock, troubleMessage } from "./stuck-pods.ts";

export interface WaitSettings {
  readonly kubectl: Kubectl;
  readonly log: (line: string) => void;
  readonly timeoutSeconds: number;
  /** Throws when the run may not go on. */
  readonly mayGoOn?: () => void;
}

/** Objects that do not get ready; `message` says why of each. */
export class NotReadyError extends Error {
  /** As they were when waiting for them ended. */
  readonly objects: readonly KubeObject[];

  constructor(message: string, objects: readonly KubeObject[]) {
    super(message);
    this.name = "NotReadyError";
    this.objects = objects;
  }
}

/** How long a pod may be stuck before waiting on is pointless. */
const stuckSeconds = 30;
const podLookSeconds = 4;

interface Pending {
  readonly object: KubeObject;
  readonly reason: string;
}

/**
 * Waits until all of these objects are ready, and says what it waits for whenever that changes.
 *
 * @throws NotReadyError naming what failed, what is stuck and why, or what is not ready after the time given
 */
export async function waitUntilReady(objects: readonly KubeObject[], settings: WaitSettings): Promise<void> {
  const { kubectl, log, timeoutSeconds } = settings;
  const started = performance.now();
  const clock = new TroubleClock();
  let asked = objects.filter(({ kind }) => hasReadiness(kind)).map(identityOf);
  let context: ReadinessContext | undefined;
  let said = "";
  let podsSeen = started;
  while (asked.length > 0) {
    settings.mayGoOn?.();
    const live = await kubectl.get(asked);
    if (live.some(({ kind }) => kind === "PersistentVolumeClaim")) context ??= await readContext(kubectl);
    const pending = pendingOf(live, context);
    const absent = asked.filter((identity) => !live.some((object) => keyOf(identityOf(object)) === keyOf(identity)));
    if (absent.length > 0)
      throw new Error(`${absent.map(describe).join(", ")} went away while it was waited for; run up again`);
    if (pending.length === 0) return;
    const text = `waiting for ${pending.map(({ object, reason }) => `${describe(identityOf(object))}: ${reason}`).join("; ")}`;
    if (text !== said) log(text);
    said = text;
    const now = performance.now();
    if (now - podsSeen > podLookSeconds * 1000) {
      podsSeen = now;
      await refuseStuck(kubectl, pending, clock, now);
    }
    if (now - started > timeoutSeconds * 1000) {
      const message = await timeoutMessage(kubectl, pending, timeoutSeconds);
      throw new NotReadyError(
        message,
        pending.map(({ object }) => object),
      );
    }
    asked = pending.map(({ object }) => identityOf(object));
    await pause(now - started < 10_000 ? 1000 : 2000);
  }
}

/** The objects among these that are not ready. @throws when one of them has failed for good */
export function pendingOf(live: readonly KubeObject[], context?: ReadinessContext): Pending[] {
  return live.flatMap((object) => {
    const { ready, reason, failed } = readinessOf(object, context);
    if (failed === true)
      throw new NotReadyError(
        `${describe(identityOf(object))}: ${reason}; see kubectl describe ${object.kind.toLowerCase()} ${object.metadata.name}, mend the cause and run up again${object.kind === "Job" ? ", after kubectl delete job where it should run again as it is" : ""}`,
        [object],
      );
    return ready ? [] : [{ object, reason }];
  });
}

async function readContext(kubectl: Kubectl): Promise<ReadinessContext> {
  const { items } = JSON.parse(await kubectl.call(["get", "storageclasses", "-o", "json"])) as { items: KubeObject[] };
  const late = items.filter((item) => item["volumeBindingMode"] === "WaitForFirstConsumer");
  return { lateBindingClasses: new Set(late.map(({ metadata }) => metadata.name)) };
}

async function refuseStuck(
  kubectl: Kubectl,
  pending: readonly Pending[],
  clock: TroubleClock,
  now: number,
): Promise<void> {
  const namespaces = new Set(pending.flatMap(({ object }) => object.metadata.namespace ?? []));
  const [only] = namespaces;
  if (only === undefined) return;
  const where = namespaces.size === 1 ? ["-n", only] : ["-A"];
  const { items } = JSON.parse(await kubectl.call(["get", "pods", ...where, "-o", "json"])) as { items: KubeObject[] };
  const owners = pending.map(({ object }) => ({ object, pods: podsOf(object, items) }));
  const stuck = new Map<KubeObject, string>();
  for (const { trouble, milliseconds } of clock.observe(
    owners.flatMap(({ pods }) => pods),
    now,
  )) {
    const owner = owners.find(({ pods }) => pods.some(({ metadata }) => metadata.name === trouble.pod));
    // The pods of one workload fail alike; one of them tells enough.
    if (owner !== undefined && milliseconds >= stuckSeconds * 1000)
      stuck.set(owner.object, troubleMessage(owner.object, trouble, Math.round(milliseconds / 1000)));
  }
  for (const { object } of pending) {
    const exceeded = stuck.has(object) ? undefined : deadlineExceeded(object);
    if (exceeded !== undefined && clock.lasts(`${describe(identityOf(object))} deadline`, now) >= stuckSeconds * 1000)
      stuck.set(object, exceeded);
  }
  if (stuck.size > 0) throw new NotReadyError([...stuck.values()].join("\n"), [...stuck.keys()]);
}

async function timeoutMessage(kubectl: Kubectl, pending: readonly Pending[], seconds: number): Promise<string> {
  const { items } = JSON.parse(
    await kubectl.call(["get", "events", "-A", "--field-selector", "type=Warning", "-o", "json"]),
  ) as { items: KubeObject[] };
  const lines = pending.map(({ object, reason }) => {
    const { namespace, name } = object.metadata;
    const last = items
      .map(
        (item) =>
          item as unknown as {
            involvedObject: { namespace?: string; name?: string };
            message?: string;
            lastTimestamp?: string;
          },
      )
      .filter(
        ({ involvedObject }) =>
          involvedObject.namespace === namespace &&
          (involvedObject.name === name || (involvedObject.name ?? "").startsWith(`${name}-`)),
      )
      .sort((a, b) => (a.lastTimestamp ?? "").localeCompare(b.lastTimestamp ?? ""))
      .at(-1);
    return `  ${describe(identityOf(object))}: ${reason}${last?.message === undefined ? "" : `; last warning: ${last.message}`}`;
  });
  return `not ready after ${seconds} s; mend the cause, or give more time with --timeout, and run up again:\n${lines.join("\n")}`;
}
