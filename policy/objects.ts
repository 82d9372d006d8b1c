import type { Finding, PolicyInput, PolicyObject, PolicyResource } from "./types.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** A container, and where it stands. */
export interface ContainerPlace {
  readonly container: Fields;
  /** Path of the container in its object, such as `spec.template.spec.containers.web`. */
  readonly path: string;
  /** Whether it ends before the pod's work begins. */
  readonly init: boolean;
}

/** The pods that an object makes. */
export interface PodPlace {
  readonly object: PolicyObject;
  readonly spec: Fields;
  readonly labels: Fields;
  /** Path of the pod's spec in the object. */
  readonly path: string;
  /** Whether its pods are to run until they are told to stop. */
  readonly serves: boolean;
}

export function mapOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The field at a path of keys; undefined where there is none. */
export function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((place, key) => mapOf(place)[key], value);
}

/** Stands for a namespace that only `up` can know, as before the first one of a cluster that is not there yet. */
export const unknownNamespace = "?";

/** An object's name in a finding: `Deployment apps/web`. */
export function nameOf({ kind, metadata: { namespace, name } }: PolicyObject): string {
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

export function objectsOf({ resources }: PolicyInput, ...kinds: readonly string[]): PolicyObject[] {
  return resources.flatMap(({ object }) => (kinds.includes(object.kind) ? [object] : []));
}

const templatePaths: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ["spec", "template"],
  StatefulSet: ["spec", "template"],
  DaemonSet: ["spec", "template"],
  ReplicaSet: ["spec", "template"],
  Job: ["spec", "template"],
  CronJob: ["spec", "jobTemplate", "spec", "template"],
};
const endsByItself = new Set(["Pod", "Job", "CronJob"]);

export function podsOf(input: PolicyInput): PodPlace[] {
  return input.resources.flatMap(({ object }: PolicyResource) => {
    const path = templatePaths[object.kind];
    if (path === undefined) return [];
    const template = at(object, ...path);
    return [
      {
        object,
        spec: mapOf(at(template, "spec")),
        labels: mapOf(at(template, "metadata", "labels")),
        path: [...path, "spec"].join("."),
        serves: !endsByItself.has(object.kind),
      },
    ];
  });
}

export function containersOf({ spec, path }: PodPlace): ContainerPlace[] {
  const read = (field: "initContainers" | "containers") =>
    listOf(spec[field]).map((value) => {
      const container = mapOf(value);
      // An init container that is always restarted is a sidecar: it runs as long as the pod does.
      const init = field === "initContainers" && container["restartPolicy"] !== "Always";
      return { container, path: `${path}.${field}.${textOf(container["name"]) ?? "?"}`, init };
    });
  return [...read("initContainers"), ...read("containers")];
}

export function finding(object: PolicyObject, field: string, text: string): Finding {
  return { object: nameOf(object), field, text };
}

/** How a value is shown in a message. */
export function show(value: unknown): string {
  if (value === undefined) return "missing";
  return typeof value === "symbol" ? "known only after up" : JSON.stringify(value);
}
