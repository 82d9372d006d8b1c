import type { Kubectl } from "./direct/kubectl.ts";
import type { KubeObject } from "./direct/objects.ts";
import { pause } from "./process.ts";

/** What a Job made from a backup's CronJob is to do. */
export interface VolumeJobRequest {
  readonly mode: "backup" | "restore" | "check" | "list";
  readonly name: string;
  /** @default latest */
  readonly snapshot?: string | undefined;
  readonly overwrite?: boolean | undefined;
  /** Claim to restore into. @default the one that is backed up */
  readonly into?: string | undefined;
}

export interface JobEnd {
  readonly succeeded: boolean;
  /** Of its last pod; undefined where it had none. */
  readonly exitCode: number | undefined;
  readonly log: string;
}

interface PodSpec {
  readonly affinity?: unknown;
  readonly containers: readonly {
    readonly env: readonly { readonly name: string }[];
    readonly volumeMounts: readonly { readonly name: string }[];
  }[];
  readonly volumes: readonly {
    readonly name: string;
    readonly persistentVolumeClaim?: { readonly claimName: string };
  }[];
}

interface JobTemplate {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: { readonly template: { readonly metadata: object; readonly spec: PodSpec } };
}

/** Annotation that says what a Job was asked for. */
const requestAnnotation = "quorum.dev/request";
const keepSeconds = 86_400;

/**
 * A Job that does what a backup's CronJob does, or with the same image, settings and secrets something else: only a backup
 * reads the volume where it is mounted, only a restore writes to it, and the others need none.
 */
export function volumeJob(cronJob: KubeObject, request: VolumeJobRequest): KubeObject {
  const { jobTemplate } = cronJob["spec"] as { readonly jobTemplate: JobTemplate };
  const { template, ...spec } = jobTemplate.spec;
  const { mode, name, into, overwrite, snapshot } = request;
  const owner = { apiVersion: "batch/v1", kind: "CronJob", name: cronJob.metadata.name, uid: cronJob.metadata["uid"] };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name,
      namespace: cronJob.metadata.namespace ?? "default",
      labels: jobTemplate.metadata?.labels ?? {},
      annotations: { [requestAnnotation]: requestText(request) },
      // As a run of the CronJob, it counts for the time of its last success.
      ...(mode === "backup" ? { ownerReferences: [{ ...owner, controller: true }] } : {}),
    },
    spec: {
      ...spec,
      // Whoever runs it by hand sees the failure, and tries again when its reason is mended.
      backoffLimit: 0,
      ttlSecondsAfterFinished: keepSeconds,
      template: {
        ...template,
        spec: withVolume(
          withEnvironment(template.spec, {
            MODE: mode,
            SNAPSHOT: snapshot ?? "latest",
            OVERWRITE: overwrite === true ? "yes" : "no",
          }),
          mode,
          into,
        ),
      },
    },
  };
}

export function requestText({ mode, snapshot, overwrite, into }: VolumeJobRequest): string {
  return JSON.stringify({ mode, snapshot: snapshot ?? "latest", overwrite: overwrite ?? false, into: into ?? "" });
}

export function requestOf(job: KubeObject): string | undefined {
  return (job.metadata["annotations"] as Readonly<Record<string, string>> | undefined)?.[requestAnnotation];
}

function withEnvironment(spec: PodSpec, values: Readonly<Record<string, string>>): PodSpec {
  const containers = spec.containers.map((container) => ({
    ...container,
    env: container.env.map((each) => (each.name in values ? { name: each.name, value: values[each.name] } : each)),
  }));
  return { ...spec, containers };
}

function withVolume(spec: PodSpec, mode: VolumeJobRequest["mode"], into: string | undefined): PodSpec {
  if (mode === "backup") return spec;
  const rest = Object.fromEntries(Object.entries(spec).filter(([field]) => field !== "affinity"));
  const volumes = spec.volumes.map((volume) => {
    if (volume.name !== "data") return volume;
    if (mode !== "restore") return { name: "data", emptyDir: {} };
    const claimName = into ?? volume.persistentVolumeClaim?.claimName ?? "";
    return { name: "data", persistentVolumeClaim: { claimName } };
  });
  const containers = spec.containers.map((container) => ({
    ...container,
    volumeMounts: container.volumeMounts.map((mount) =>
      mount.name === "data" && mode === "restore" ? { ...mount, readOnly: false } : mount,
    ),
  }));
  return { ...rest, containers, volumes };
}

export interface WaitOptions {
  readonly timeoutSeconds: number;
}

/** A Job's end and the log of its last pod. @throws when it does not end in time: it goes on then */
export async function waitForJob(kubectl: Kubectl, job: KubeObject, { timeoutSeconds }: WaitOptions): Promise<JobEnd> {
  const { name, namespace = "default" } = job.metadata;
  const ends = performance.now() + timeoutSeconds * 1000;
  for (;;) {
    const present = await getOne(kubectl, "job", namespace, name);
    if (present === undefined)
      throw new Error(`Job ${namespace}/${name} is gone: somebody took it away; run the command again`);
    const conditions = conditionsOf(present);
    const succeeded = conditions.includes("Complete");
    if (succeeded || conditions.includes("Failed")) return { succeeded, ...(await lastPod(kubectl, namespace, name)) };
    if (performance.now() > ends) {
      throw new Error(
        `Job ${namespace}/${name} has not ended after ${timeoutSeconds} s${await whyPending(kubectl, namespace, name)}; it goes on: run the command again to wait for it, with --timeout SECONDS for longer`,
      );
    }
    await pause(500);
  }
}

export async function getOne(
  kubectl: Kubectl,
  kind: string,
  namespace: string,
  name: string,
): Promise<KubeObject | undefined> {
  const text = await kubectl.call(["get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "json"]);
  return text.trim() === "" ? undefined : (JSON.parse(text) as KubeObject);
}

export async function getMany(
  kubectl: Kubectl,
  kind: string,
  namespace: string,
  selector?: string,
): Promise<KubeObject[]> {
  const chosen = selector === undefined ? [] : ["-l", selector];
  const text = await kubectl.call(["get", kind, "-n", namespace, ...chosen, "-o", "json"]);
  return (JSON.parse(text) as { items: KubeObject[] }).items;
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
  if (last === undefined) return { exitCode: undefined, log: "" };
  const { containerStatuses = [] } = last["status"] as {
    containerStatuses?: { state: { terminated?: { exitCode: number } } }[];
  };
  const log = await kubectl.call(["logs", last.metadata.name, "-n", namespace]).catch(() => "");
  return { exitCode: containerStatuses[0]?.state.terminated?.exitCode, log };
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
