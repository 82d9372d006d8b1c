import { describe, identityOf, type KubeObject } from "./objects.ts";

/** Something that a pod has been stopped by. */
export interface Trouble {
  readonly pod: string;
  /** Undefined when the pod has not come as far as its containers. */
  readonly container: string | undefined;
  /** Reasons that take turns while one trouble goes on, such as ErrImagePull and ImagePullBackOff, are of one family. */
  readonly family: string;
  readonly message: string;
}

interface ContainerStatus {
  readonly name: string;
  readonly image?: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
  readonly lastState?: { readonly terminated?: { readonly exitCode?: number; readonly reason?: string } };
}

const fixes: Readonly<Record<string, string>> = {
  ErrImagePull: "push the image, or correct its reference and the registry's credentials",
  ImagePullBackOff: "push the image, or correct its reference and the registry's credentials",
  ErrImageNeverPull: "load the image onto the node, or let it be pulled",
  InvalidImageName: "correct the image's reference",
  RegistryUnavailable: "start the registry, or correct quorum:images",
  CrashLoopBackOff: "see why it ends: kubectl logs --previous",
  CreateContainerConfigError: "make the ConfigMap or Secret that it names",
  CreateContainerError: "correct the container's command, mounts or security context",
  RunContainerError: "correct the container's command, mounts or security context",
};
/** Passes by itself when a node has joined or a claim is bound. */
const passing = /node\.kubernetes\.io\/not-ready|unbound immediate PersistentVolumeClaims|no nodes available/;

/** The pods of a workload that run its newest template, judged by the newest of them. */
export function podsOf(owner: KubeObject, pods: readonly KubeObject[]): KubeObject[] {
  const selector = (owner["spec"] as { selector?: { matchLabels?: Record<string, string> } } | undefined)?.selector
    ?.matchLabels;
  const wanted = owner.kind === "Job" ? { "batch.kubernetes.io/job-name": owner.metadata.name } : selector;
  if (owner.kind === "Pod")
    return pods.filter(
      (pod) => pod.metadata.name === owner.metadata.name && pod.metadata.namespace === owner.metadata.namespace,
    );
  if (wanted === undefined) return [];
  const mine = pods.filter(
    ({ metadata }) =>
      metadata.namespace === owner.metadata.namespace &&
      Object.entries(wanted).every(([key, value]) => metadata.labels?.[key] === value),
  );
  const newest = mine.reduce<KubeObject | undefined>(
    (latest, pod) => (latest === undefined || created(pod) > created(latest) ? pod : latest),
    undefined,
  );
  const template = newest === undefined ? undefined : templateOf(newest);
  return mine.filter((pod) => templateOf(pod) === template);
}

/** What stops a pod: an image that cannot be pulled, a container that cannot start or ends again and again, no node to run on. */
export function troublesOf(pod: KubeObject): Trouble[] {
  const status = (pod["status"] ?? {}) as {
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
  };
  const name = `pod ${pod.metadata.namespace ?? ""}/${pod.metadata.name}`;
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const troubles = containers.flatMap((container) => containerTrouble(pod, name, container));
  const scheduled = status.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status === "False" && scheduled.reason === "Unschedulable" && !passing.test(scheduled.message ?? "")) {
    const message = `${name} has no node to run on: ${scheduled.message ?? "no reason given"}; ask for less, or add a node`;
    troubles.push({ pod: pod.metadata.name, container: undefined, family: "scheduling", message });
  }
  return troubles;
}

function containerTrouble(pod: KubeObject, name: string, container: ContainerStatus): Trouble[] {
  const { reason, message } = container.state?.waiting ?? {};
  const fix = reason === undefined ? undefined : fixes[reason];
  if (reason === undefined || fix === undefined) return [];
  const ended = container.lastState?.terminated;
  const details = [
    container.image === undefined ? undefined : `image ${container.image}`,
    ended === undefined
      ? undefined
      : `last ended with exit code ${ended.exitCode ?? "unknown"}${ended.reason === undefined ? "" : ` (${ended.reason})`}`,
    container.restartCount === undefined || container.restartCount === 0
      ? undefined
      : `${container.restartCount} restarts`,
    message,
  ].filter((detail) => detail !== undefined && detail !== "");
  const text = `${name}, container ${container.name}: ${reason} (${details.join("; ")}); ${fix}`;
  return [
    {
      pod: pod.metadata.name,
      container: container.name,
      family: /Image|Registry/.test(reason) ? "image" : reason,
      message: text,
    },
  ];
}

/** Names of the containers of a pod that are ready. */
export function readyContainers(pod: KubeObject): string[] {
  const status = (pod["status"] ?? {}) as { containerStatuses?: ContainerStatus[] };
  return (status.containerStatuses ?? []).filter(({ ready }) => ready === true).map(({ name }) => name);
}

/**
 * Remembers since when pods have been in trouble. A crashing container runs for a moment between two crashes, so a trouble
 * ends only when its container is ready, or with its pod.
 */
export class TroubleClock {
  readonly #since = new Map<string, number>();
  readonly #asked = new Map<string, number>();

  /** For how many milliseconds something has been so, counted from the first time that it was asked for. */
  lasts(what: string, now: number): number {
    const since = this.#asked.get(what) ?? now;
    this.#asked.set(what, since);
    return now - since;
  }

  /** Takes in the pods as they are now; answers their troubles with how long each has lasted. */
  observe(pods: readonly KubeObject[], now: number): { trouble: Trouble; milliseconds: number }[] {
    const names = new Set(pods.map(({ metadata }) => metadata.name));
    const ready = new Set(
      pods.flatMap((pod) => readyContainers(pod).map((container) => `${pod.metadata.name}/${container}`)),
    );
    for (const key of this.#since.keys()) {
      const [pod = "", container = ""] = key.split("/");
      if (!names.has(pod) || ready.has(`${pod}/${container}`)) this.#since.delete(key);
    }
    return pods.flatMap(troublesOf).map((trouble) => {
      const key = `${trouble.pod}/${trouble.container ?? ""}/${trouble.family}`;
      const since = this.#since.get(key) ?? now;
      this.#since.set(key, since);
      return { trouble, milliseconds: now - since };
    });
  }
}

/** What to say of a Deployment that has made no progress for as long as it may; undefined while it may still. */
export function deadlineExceeded(owner: KubeObject): string | undefined {
  const status = owner["status"] as { conditions?: { type: string; reason?: string; message?: string }[] } | undefined;
  const progress = status?.conditions?.find(({ type }) => type === "Progressing");
  if (progress?.reason !== "ProgressDeadlineExceeded") return undefined;
  const { progressDeadlineSeconds } = (owner["spec"] ?? {}) as { progressDeadlineSeconds?: number };
  return `${describe(identityOf(owner))} does not get ready: no progress for ${progressDeadlineSeconds ?? 600} s (${progress.message ?? "no message given"}); see kubectl describe pod and kubectl logs of its pods, mend the cause and run up again`;
}

export function troubleMessage(owner: KubeObject, trouble: Trouble, seconds: number): string {
  return `${describe(identityOf(owner))} does not get ready; for ${seconds} s, ${trouble.message}; then run up again, which goes on from there`;
}

function created(pod: KubeObject): string {
  const time = pod.metadata["creationTimestamp"];
  return typeof time === "string" ? time : "";
}

function templateOf(pod: KubeObject): string {
  const labels = pod.metadata.labels ?? {};
  return labels["pod-template-hash"] ?? labels["controller-revision-hash"] ?? "";
}
