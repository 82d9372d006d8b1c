import type { KubeObject } from "./objects.ts";

/** Whether an object has come to do its work. */
export interface Readiness {
  readonly ready: boolean;
  /** What it still lacks. */
  readonly reason: string;
  /** It will not get ready by waiting. */
  readonly failed?: boolean;
}

export interface ReadinessContext {
  /** Storage classes that bind a claim only when a pod uses it. */
  readonly lateBindingClasses: ReadonlySet<string>;
}

const yes: Readiness = { ready: true, reason: "ready" };

/** Whether an object is ready. Kinds with nothing to wait for are ready as soon as they are there. */
export function readinessOf(
  object: KubeObject,
  context: ReadinessContext = { lateBindingClasses: new Set() },
): Readiness {
  if (object.metadata.deletionTimestamp !== undefined) return no("it is being deleted");
  const status = fields(object["status"]);
  const spec = fields(object["spec"]);
  switch (object.kind) {
    case "Deployment":
      return deployment(object, spec, status);
    case "StatefulSet":
      return statefulSet(object, spec, status);
    case "DaemonSet":
      return daemonSet(object, spec, status);
    case "Job":
      return job(spec, status);
    case "Pod":
      return pod(status);
    case "PersistentVolumeClaim":
      return claim(spec, status, context);
    case "CustomResourceDefinition":
      return condition(status, "Established", "its kind is not established yet");
    case "APIService":
      return condition(status, "Available", "its API is not available yet");
    case "Namespace":
      return status["phase"] === "Active" || status["phase"] === undefined
        ? yes
        : no(`its phase is ${text(status["phase"], "unknown")}`);
    default:
      return yes;
  }
}

/** Whether an object of this kind may ever have to be waited for. */
export function hasReadiness(kind: string): boolean {
  return [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "Pod",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "APIService",
    "Namespace",
  ].includes(kind);
}

function deployment(object: KubeObject, spec: Fields, status: Fields): Readiness {
  const wanted = count(spec["replicas"], 1);
  const refused = conditions(status).find(({ type, status: value }) => type === "ReplicaFailure" && value === "True");
  if (refused !== undefined)
    return no(`its pods cannot be made: ${refused.message ?? refused.reason ?? "no reason given"}`);
  if (!observed(object, status)) return no("its controller has not seen the change yet");
  const updated = count(status["updatedReplicas"], 0);
  if (updated < wanted) return no(`${updated} of ${wanted} replicas updated`);
  const old = count(status["replicas"], 0) - updated;
  if (old > 0) return no(`${old} old ${old === 1 ? "replica" : "replicas"} still there`);
  const available = count(status["availableReplicas"], 0);
  return available < wanted ? no(`${available} of ${wanted} replicas available`) : yes;
}

function statefulSet(object: KubeObject, spec: Fields, status: Fields): Readiness {
  const wanted = count(spec["replicas"], 1);
  if (!observed(object, status)) return no("its controller has not seen the change yet");
  const ready = count(status["readyReplicas"], 0);
  if (ready < wanted) return no(`${ready} of ${wanted} replicas ready`);
  const strategy = fields(spec["updateStrategy"]);
  if (strategy["type"] === "OnDelete") return yes;
  const partition = count(fields(strategy["rollingUpdate"])["partition"], 0);
  const updated = count(status["updatedReplicas"], 0);
  const toUpdate = Math.max(0, wanted - partition);
  const rolling = status["updateRevision"] !== undefined && status["currentRevision"] !== status["updateRevision"];
  return rolling && updated < toUpdate ? no(`${updated} of ${toUpdate} replicas updated`) : yes;
}

function daemonSet(object: KubeObject, spec: Fields, status: Fields): Readiness {
  if (!observed(object, status)) return no("its controller has not seen the change yet");
  const wanted = count(status["desiredNumberScheduled"], 0);
  const updated = count(status["updatedNumberScheduled"], 0);
  if (fields(spec["updateStrategy"])["type"] !== "OnDelete" && updated < wanted)
    return no(`${updated} of ${wanted} pods updated`);
  const available = count(status["numberAvailable"], 0);
  return available < wanted ? no(`${available} of ${wanted} pods available`) : yes;
}

function job(spec: Fields, status: Fields): Readiness {
  const has = (type: string) => conditions(status).find((each) => each.type === type && each.status === "True");
  if (has("Complete") !== undefined || spec["suspend"] === true) return yes;
  const failed = has("Failed");
  if (failed !== undefined)
    return { ready: false, failed: true, reason: `it failed: ${failed.message ?? failed.reason ?? "no reason given"}` };
  return no(`${count(status["succeeded"], 0)} of ${count(spec["completions"], 1)} pods have succeeded`);
}

function pod(status: Fields): Readiness {
  if (status["phase"] === "Succeeded") return yes;
  if (status["phase"] === "Failed")
    return {
      ready: false,
      failed: true,
      reason: `it failed: ${text(status["message"], text(status["reason"], "no reason given"))}`,
    };
  return condition(status, "Ready", `its phase is ${text(status["phase"], "Pending")}`);
}

function claim(spec: Fields, status: Fields, context: ReadinessContext): Readiness {
  const phase = status["phase"];
  if (phase === "Bound") return yes;
  if (phase === "Lost") return { ready: false, failed: true, reason: "its volume is lost" };
  // Such a claim is bound with its first pod, and that pod's owner is waited for.
  if (context.lateBindingClasses.has(text(spec["storageClassName"], ""))) return yes;
  return no(`no volume is bound to it (storage class ${text(spec["storageClassName"], "not set")})`);
}

function condition(status: Fields, type: string, reason: string): Readiness {
  const found = conditions(status).find((each) => each.type === type);
  if (found?.status === "True") return yes;
  return no(found?.message === undefined || found.message === "" ? reason : `${reason} (${found.message})`);
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

type Fields = Readonly<Record<string, unknown>>;

function no(reason: string): Readiness {
  return { ready: false, reason };
}

function observed(object: KubeObject, status: Fields): boolean {
  return count(status["observedGeneration"], 0) >= count(object.metadata["generation"], 0);
}

function conditions(status: Fields): Condition[] {
  return (status["conditions"] ?? []) as Condition[];
}

function count(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

function fields(value: unknown): Fields {
  return (value ?? {}) as Fields;
}
