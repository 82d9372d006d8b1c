import type { Kubectl } from "./direct/kubectl.ts";
import type { KubeObject } from "./direct/objects.ts";
import { getMany, getOne } from "./direct/read-objects.ts";
import { pause } from "./process.ts";

export interface JobEnd {
  readonly succeeded: boolean;
  /** Of its last pod; undefined where it had none. */
  readonly exitCode: number | undefined;
  /** What its last pod wrote; of a Job that failed without a word, what Kubernetes says of it. */
  readonly lines: readonly string[];
}

export interface WaitOptions {
  readonly timeoutSeconds: number;
}

/** A Job's end and what it said. @throws when it does not end in time: it goes on then */
export async function waitForJob(kubectl: Kubectl, job: KubeObject, { timeoutSeconds }: WaitOptions): Promise<JobEnd> {
  const { name, namespace = "default" } = job.metadata;
  const ends = performance.now() + timeoutSeconds * 1000;
  for (;;) {
    const present = await getOne(kubectl, "job", namespace, name);
    if (present === undefined)
      throw new Error(`Job ${namespace}/${name} is gone: somebody took it away; run the command again`);
    const conditions = conditionsOf(present);
    const succeeded = conditions.includes("Complete");
    if (succeeded || conditions.includes("Failed")) {
      const { exitCode, lines } = await lastPod(kubectl, namespace, name);
      const wordless = !succeeded && lines.length === 0;
      return { succeeded, exitCode, lines: wordless ? await whyFailed(kubectl, namespace, present) : lines };
    }
    if (performance.now() > ends) {
      throw new Error(
        `Job ${namespace}/${name} has not ended after ${timeoutSeconds} s${await whyPending(kubectl, namespace, name)}; it goes on: run the command again to wait for it, with --timeout SECONDS for longer`,
      );
    }
    await pause(500);
  }
}

/** Conditions of an object that are true. */
export function conditionsOf(object: KubeObject): string[] {
  const { conditions = [] } = (object["status"] ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions.filter(({ status }) => status === "True").map(({ type }) => type);
}

const podsOf = (job: string) => `batch.kubernetes.io/job-name=${job}`;

async function lastPod(kubectl: Kubectl, namespace: string, job: string): Promise<Omit<JobEnd, "succeeded">> {
  const pods = await getMany(kubectl, "pods", namespace, podsOf(job));
  const created = (pod: KubeObject) => String(pod.metadata["creationTimestamp"]);
  const last = pods.sort((a, b) => (created(a) < created(b) ? -1 : 1)).at(-1);
  if (last === undefined) return { exitCode: undefined, lines: [] };
  const { containerStatuses = [] } = last["status"] as {
    containerStatuses?: { state: { terminated?: { exitCode: number } } }[];
  };
  const log = (await kubectl.call(["logs", last.metadata.name, "-n", namespace]).catch(() => "")).trimEnd();
  return { exitCode: containerStatuses[0]?.state.terminated?.exitCode, lines: log === "" ? [] : log.split("\n") };
}

/** Kubernetes' words on a Job that failed, and the last on its pods: those that it took away are still told of by their events. */
async function whyFailed(kubectl: Kubectl, namespace: string, job: KubeObject): Promise<string[]> {
  const { conditions = [] } = job["status"] as {
    conditions?: { type: string; reason?: string; message?: string }[];
  };
  const failed = conditions.find(({ type }) => type === "Failed");
  const ofPod = await lastWarning(kubectl, namespace, job.metadata.name);
  return [
    [failed?.reason, failed?.message].filter((part) => part !== undefined).join(": "),
    ofPod ?? "its pods left no word; kubectl describe job says more",
  ].filter((line) => line !== "");
}

interface PodEvent {
  readonly involvedObject: { readonly name: string };
  readonly reason?: string;
  readonly message?: string;
  readonly eventTime?: string | null;
  readonly lastTimestamp?: string | null;
  readonly series?: { readonly lastObservedTime?: string };
  readonly metadata: { readonly creationTimestamp: string };
}

/** Longest part of a pod's name that is its Job's. */
const podNamePrefix = 58;

/** What the scheduler or a kubelet said last against a Job's pods. */
async function lastWarning(kubectl: Kubectl, namespace: string, job: string): Promise<string | undefined> {
  const selector = "--field-selector=type=Warning,involvedObject.kind=Pod";
  const text = await kubectl.call(["get", "events", "-n", namespace, selector, "-o", "json"]).catch(() => "");
  const { items } = (text === "" ? { items: [] } : JSON.parse(text)) as { items: PodEvent[] };
  const seen = ({ lastTimestamp, series, eventTime, metadata }: PodEvent) =>
    Date.parse(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp);
  const last = items
    .filter(({ involvedObject }) => involvedObject.name.startsWith(`${job}-`.slice(0, podNamePrefix)))
    .sort((a, b) => seen(a) - seen(b))
    .at(-1);
  return last && `pod ${last.involvedObject.name}: ${last.reason ?? "Warning"}: ${last.message ?? ""}`;
}

/** What keeps a Job's pod from starting, as the scheduler and the kubelet say it. */
async function whyPending(kubectl: Kubectl, namespace: string, job: string): Promise<string> {
  const [pod] = await getMany(kubectl, "pods", namespace, podsOf(job)).catch(() => []);
  if (pod === undefined) return " (it has no pod: kubectl describe job says why)";
  const {
    phase,
    conditions = [],
    containerStatuses = [],
  } = pod["status"] as {
    phase: string;
    conditions?: { message?: string }[];
    containerStatuses?: { state: { waiting?: { reason?: string; message?: string } } }[];
  };
  const waiting = containerStatuses[0]?.state.waiting;
  const reason = waiting?.message ?? waiting?.reason ?? conditions.find(({ message }) => message)?.message;
  return ` (its pod is ${phase}${reason === undefined ? "" : `: ${reason}`})`;
}
