import type { KubeObject } from "./direct/objects.ts";

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
