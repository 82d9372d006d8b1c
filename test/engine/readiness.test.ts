import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../engine/direct/objects.ts";
import { hasReadiness, readinessOf } from "../../engine/direct/readiness.ts";
import { podsOf, TroubleClock, troublesOf } from "../../engine/direct/stuck-pods.ts";
import { pendingOf } from "../../engine/direct/wait.ts";
import { failureOf } from "./programs.ts";
import { object } from "./objects.ts";

type Fields = Record<string, unknown>;
const thing = (kind: string, spec: Fields, status: Fields, metadata: Fields = {}) =>
  object(kind, "x", { namespace: "apps", metadata, spec, status });
const condition = (type: string, status: string, more: Fields = {}) => ({ conditions: [{ type, status, ...more }] });

describe("readiness", () => {
  const done = { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2, readyReplicas: 2 };
  test.each<[string, Fields, Fields, string]>([
    ["Deployment", { replicas: 2 }, done, "ready"],
    ["Deployment", { replicas: 0 }, { observedGeneration: 1 }, "ready"],
    ["Deployment", {}, {}, "its controller has not seen the change yet"],
    ["Deployment", { replicas: 2 }, { ...done, updatedReplicas: 1 }, "1 of 2 replicas updated"],
    ["Deployment", { replicas: 2 }, { ...done, replicas: 3 }, "1 old replica still there"],
    ["Deployment", { replicas: 2 }, { ...done, availableReplicas: 1 }, "1 of 2 replicas available"],
    [
      "Deployment",
      {},
      condition("ReplicaFailure", "True", { message: "exceeded quota" }),
      "its pods cannot be made: exceeded quota",
    ],
    ["StatefulSet", { replicas: 2 }, done, "ready"],
    ["StatefulSet", { replicas: 2 }, { ...done, readyReplicas: 1 }, "1 of 2 replicas ready"],
    [
      "StatefulSet",
      { replicas: 2 },
      { ...done, updatedReplicas: 1, currentRevision: "a", updateRevision: "b" },
      "1 of 2 replicas updated",
    ],
    [
      "StatefulSet",
      { replicas: 2, updateStrategy: { rollingUpdate: { partition: 1 } } },
      { ...done, updatedReplicas: 1, currentRevision: "a", updateRevision: "b" },
      "ready",
    ],
    [
      "StatefulSet",
      { replicas: 2, updateStrategy: { type: "OnDelete" } },
      { ...done, updatedReplicas: 0, currentRevision: "a", updateRevision: "b" },
      "ready",
    ],
    [
      "DaemonSet",
      {},
      { observedGeneration: 1, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3 },
      "ready",
    ],
    [
      "DaemonSet",
      {},
      { observedGeneration: 1, desiredNumberScheduled: 3, updatedNumberScheduled: 2, numberAvailable: 3 },
      "2 of 3 pods updated",
    ],
    [
      "DaemonSet",
      {},
      { observedGeneration: 1, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 1 },
      "1 of 3 pods available",
    ],
    ["Job", { completions: 2 }, { succeeded: 1 }, "1 of 2 pods have succeeded"],
    ["Job", {}, condition("Complete", "True"), "ready"],
    ["Job", { suspend: true }, {}, "ready"],
    ["Pod", {}, condition("Ready", "True"), "ready"],
    ["Pod", {}, { phase: "Succeeded" }, "ready"],
    ["Pod", {}, { phase: "Pending" }, "its phase is Pending"],
    ["PersistentVolumeClaim", {}, { phase: "Bound" }, "ready"],
    [
      "PersistentVolumeClaim",
      { storageClassName: "fast" },
      { phase: "Pending" },
      "no volume is bound to it (storage class fast)",
    ],
    ["PersistentVolumeClaim", { storageClassName: "late" }, { phase: "Pending" }, "ready"],
    ["CustomResourceDefinition", {}, condition("Established", "True"), "ready"],
    ["CustomResourceDefinition", {}, {}, "its kind is not established yet"],
    [
      "APIService",
      {},
      condition("Available", "False", { message: "no endpoints" }),
      "its API is not available yet (no endpoints)",
    ],
    ["Namespace", {}, { phase: "Active" }, "ready"],
    ["Namespace", {}, { phase: "Terminating" }, "its phase is Terminating"],
    ["Service", { type: "LoadBalancer" }, { loadBalancer: {} }, "ready"],
    ["ConfigMap", {}, {}, "ready"],
  ])("%s %j %j: %s", (kind, spec, status, reason) => {
    const answer = readinessOf(thing(kind, spec, status, { generation: 1 }), { lateBindingClasses: new Set(["late"]) });
    expect(answer).toEqual({ ready: reason === "ready", reason });
    if (!answer.ready) expect(hasReadiness(kind)).toBe(true);
  });

  test("an object on its way out is not ready", () => {
    expect(readinessOf(thing("Deployment", {}, {}, { deletionTimestamp: "now" })).reason).toBe("it is being deleted");
  });

  test.each<[string, Fields, RegExp]>([
    [
      "Job",
      condition("Failed", "True", { message: "backoff limit" }),
      /v1 Job apps\/x: it failed: backoff limit; see kubectl describe job x/,
    ],
    ["Pod", { phase: "Failed", reason: "Evicted" }, /it failed: Evicted/],
    ["PersistentVolumeClaim", { phase: "Lost" }, /its volume is lost/],
  ])("%s that has failed for good is not waited for", async (kind, status, message) => {
    expect(await failureOf(() => pendingOf([thing(kind, {}, status)]))).toMatch(message);
  });
});

describe("pods that are stuck", () => {
  const pod = (name: string, status: Fields, labels: Record<string, string> = {}, creationTimestamp = "1") =>
    object("Pod", name, { namespace: "apps", metadata: { labels, creationTimestamp }, status });
  const waiting = (reason: string, more: Fields = {}) => ({
    containerStatuses: [
      {
        name: "c",
        image: "i:1",
        ready: false,
        restartCount: 0,
        state: { waiting: { reason, message: "why" } },
        ...more,
      },
    ],
  });

  test.each<[string, Fields, RegExp | undefined]>([
    [
      "an image that cannot be pulled",
      waiting("ImagePullBackOff"),
      /^pod apps\/p, container c: ImagePullBackOff \(image i:1; why\); push the image/,
    ],
    ["an image without a name", waiting("InvalidImageName"), /InvalidImageName.*correct the image's reference/],
    [
      "a container that ends again and again",
      waiting("CrashLoopBackOff", { restartCount: 3, lastState: { terminated: { exitCode: 1, reason: "Error" } } }),
      /CrashLoopBackOff \(image i:1; last ended with exit code 1 \(Error\); 3 restarts; why\); see why it ends: kubectl logs --previous/,
    ],
    ["a missing ConfigMap", waiting("CreateContainerConfigError"), /make the ConfigMap or Secret that it names/],
    [
      "no node",
      condition("PodScheduled", "False", { reason: "Unschedulable", message: "0/1: Insufficient cpu" }),
      /no node to run on: 0\/1: Insufficient cpu; ask for less/,
    ],
    ["a container that starts", waiting("ContainerCreating"), undefined],
    [
      "a node that is joining",
      condition("PodScheduled", "False", {
        reason: "Unschedulable",
        message: "untolerated taint {node.kubernetes.io/not-ready: }",
      }),
      undefined,
    ],
    [
      "a claim that is being bound",
      condition("PodScheduled", "False", {
        reason: "Unschedulable",
        message: "pod has unbound immediate PersistentVolumeClaims",
      }),
      undefined,
    ],
  ])("%s", (_title, status, message) => {
    const [trouble, ...more] = troublesOf(pod("p", status));
    expect(more).toEqual([]);
    if (message === undefined) expect(trouble).toBeUndefined();
    else expect(trouble?.message).toMatch(message);
  });

  const owner = object("Deployment", "web", { namespace: "apps", spec: { selector: { matchLabels: { app: "web" } } } });
  const names = (pods: readonly KubeObject[]) => pods.map(({ metadata }) => metadata.name);

  test("are those of the newest template: old ones are on their way out", () => {
    const pods = [
      pod("old", {}, { app: "web", "pod-template-hash": "1" }, "2026-01-01"),
      pod("new", {}, { app: "web", "pod-template-hash": "2" }, "2026-01-02"),
      pod("other", {}, { app: "other", "pod-template-hash": "3" }, "2026-01-03"),
    ];
    expect(names(podsOf(owner, pods))).toEqual(["new"]);
    expect(
      names(
        podsOf(object("Job", "j", { namespace: "apps" }), [pod("j-1", {}, { "batch.kubernetes.io/job-name": "j" })]),
      ),
    ).toEqual(["j-1"]);
    expect(podsOf(object("CustomResourceDefinition", "d"), pods)).toEqual([]);
  });

  test("are timed from their first trouble, through a crash and its next, until they are ready", () => {
    const clock = new TroubleClock();
    const look = (status: Fields, now: number) =>
      clock.observe([pod("p", status)], now).map(({ milliseconds }) => milliseconds);
    expect(look(waiting("ErrImagePull"), 0)).toEqual([0]);
    expect(look(waiting("ImagePullBackOff"), 10)).toEqual([10]);
    expect(look(waiting("CrashLoopBackOff"), 20)).toEqual([0]);
    expect(look({ containerStatuses: [{ name: "c", ready: false, state: {} }] }, 30)).toEqual([]);
    expect(look(waiting("CrashLoopBackOff"), 40)).toEqual([20]);
    expect(look({ containerStatuses: [{ name: "c", ready: true, state: {} }] }, 50)).toEqual([]);
    expect(look(waiting("CrashLoopBackOff"), 60)).toEqual([0]);
    expect(clock.observe([], 70)).toEqual([]);
    expect(look(waiting("CrashLoopBackOff"), 80)).toEqual([0]);
  });
});
