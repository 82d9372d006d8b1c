import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Kubectl, KubectlError } from "../../engine/direct/kubectl.ts";
import { Lease } from "../../engine/direct/lease.ts";
import type { KubeObject, ObjectIdentity } from "../../engine/direct/objects.ts";
import { waitUntilReady } from "../../engine/direct/wait.ts";
import { object } from "./objects.ts";

beforeEach(() =>
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "Date"] }),
);
afterEach(() => vi.useRealTimers());

describe("waiting for objects", () => {
  const web = (available: number) =>
    object("Deployment", "web", {
      apiVersion: "apps/v1",
      namespace: "apps",
      spec: { replicas: 2, selector: { matchLabels: { app: "web" } } },
      status: { replicas: 2, updatedReplicas: 2, availableReplicas: available },
    });
  const pod = (status: Record<string, unknown>) =>
    object("Pod", "web-1", { namespace: "apps", metadata: { labels: { app: "web" } }, status });

  /** A cluster whose state is a function of the seconds that have passed. */
  function wait(
    state: (seconds: number) => { objects: KubeObject[]; pods?: KubeObject[] },
    wanted: KubeObject[],
    timeoutSeconds = 300,
  ) {
    const began = performance.now();
    const now = () => state((performance.now() - began) / 1000);
    const said: string[] = [];
    const kubectl = {
      get: (asked: readonly ObjectIdentity[]) =>
        Promise.resolve(
          now().objects.filter(({ kind, metadata }) =>
            asked.some((each) => each.kind === kind && each.name === metadata.name),
          ),
        ),
      call: (args: readonly string[]) => {
        if (args[1] === "pods") return Promise.resolve(JSON.stringify({ items: now().pods ?? [] }));
        if (args[1] === "events") {
          const event = {
            involvedObject: { namespace: "apps", name: "web-1" },
            message: "probe failed",
            lastTimestamp: "1",
          };
          return Promise.resolve(JSON.stringify({ items: [event] }));
        }
        return Promise.resolve(
          JSON.stringify({ items: [{ metadata: { name: "late" }, volumeBindingMode: "WaitForFirstConsumer" }] }),
        );
      },
    } as unknown as Kubectl;
    const ended = waitUntilReady(wanted, { kubectl, log: (line) => said.push(line), timeoutSeconds }).then(
      () => "ready",
      (error: unknown) => (error as Error).message,
    );
    return { said, ended };
  }

  const after = async (milliseconds: number, { ended }: { ended: Promise<string> }) => {
    await vi.advanceTimersByTimeAsync(milliseconds);
    return Promise.race([ended, Promise.resolve("still waiting")]);
  };

  test("ends when all are ready, and says what it waits for only when that changes", async () => {
    const run = wait(
      (seconds) => ({ objects: [web(seconds < 5 ? 0 : seconds < 9 ? 1 : 2), object("ConfigMap", "c")] }),
      [web(0), object("ConfigMap", "c")],
    );
    expect(await after(7000, run)).toBe("still waiting");
    expect(await after(5000, run)).toBe("ready");
    expect(run.said).toEqual([
      "waiting for apps/v1 Deployment apps/web: 0 of 2 replicas available",
      "waiting for apps/v1 Deployment apps/web: 1 of 2 replicas available",
    ]);
  });

  test("ends at once when nothing has to be waited for", async () => {
    expect(
      await after(
        0,
        wait(() => ({ objects: [] }), [object("ConfigMap", "c")]),
      ),
    ).toBe("ready");
  });

  test("a claim whose class binds late is not waited for", async () => {
    const claim = object("PersistentVolumeClaim", "c", {
      namespace: "apps",
      spec: { storageClassName: "late" },
      status: { phase: "Pending" },
    });
    expect(
      await after(
        0,
        wait(() => ({ objects: [claim] }), [claim]),
      ),
    ).toBe("ready");
  });

  test("a pod that is stuck for 30 s ends it long before its time, by name, reason and fix", async () => {
    const waiting = { reason: "ImagePullBackOff", message: "not found" };
    const stuck = pod({ containerStatuses: [{ name: "c", image: "i:1", ready: false, state: { waiting } }] });
    const run = wait(() => ({ objects: [web(0)], pods: [stuck] }), [web(0)]);
    expect(await after(30_000, run)).toBe("still waiting");
    expect(await after(12_000, run)).toMatch(
      /^apps\/v1 Deployment apps\/web does not get ready; for 3\d s, pod apps\/web-1, container c: ImagePullBackOff \(image i:1; not found\); push the image/,
    );
  });

  test("time runs out: all that is not ready is told, with its last warning", async () => {
    const run = wait(() => ({ objects: [web(1)] }), [web(1)], 20);
    expect(await after(25_000, run)).toBe(
      "not ready after 20 s; mend the cause, or give more time with --timeout, and run up again:\n  apps/v1 Deployment apps/web: 1 of 2 replicas available; last warning: probe failed",
    );
  });

  test("an object that somebody deletes meanwhile is named", async () => {
    const run = wait((seconds) => ({ objects: seconds < 3 ? [web(0)] : [] }), [web(0)]);
    expect(await after(5000, run)).toBe("apps/v1 Deployment apps/web went away while it was waited for; run up again");
  });
});

describe("a held Lease", () => {
  /** An API server that keeps one Lease. */
  function server(refuseRenewal: () => string | undefined) {
    const calls: string[] = [];
    let version = 1;
    const kubectl = {
      call: (args: readonly string[], { input = "" }: { input?: string } = {}) => {
        calls.push(args[0] ?? "");
        const refusal = args[0] === "replace" ? refuseRenewal() : undefined;
        if (refusal !== undefined) return Promise.reject(new KubectlError([refusal]));
        if (args[0] === "delete") return Promise.resolve("{}");
        const lease = JSON.parse(input) as { metadata: object };
        return Promise.resolve(
          JSON.stringify({ ...lease, metadata: { ...lease.metadata, uid: "u", resourceVersion: String(version++) } }),
        );
      },
    } as unknown as Kubectl;
    return { kubectl, calls };
  }

  test("is renewed while the run goes on, and given back at its end", async () => {
    const { kubectl, calls } = server(() => undefined);
    const lease = await Lease.acquire(kubectl, "dev");
    await vi.advanceTimersByTimeAsync(25_000);
    lease.assertHeld();
    await lease.release();
    await vi.advanceTimersByTimeAsync(25_000);
    expect(calls).toEqual(["create", "replace", "replace", "delete"]);
  });

  test("that another run has taken stops this one, which then leaves it alone", async () => {
    const { kubectl, calls } = server(() => "Error from server (Conflict): the object has been modified");
    const lease = await Lease.acquire(kubectl, "dev");
    await vi.advanceTimersByTimeAsync(11_000);
    expect(() => lease.assertHeld()).toThrow(
      /this run lost the Lease of stack dev .*see whether another run is at work/,
    );
    await lease.release();
    expect(calls).not.toContain("delete");
  });

  test("outlives an API server that is away for a moment, and not one that is away for longer than it lasts", async () => {
    const { kubectl } = server(() => "Unable to connect to the server");
    const lease = await Lease.acquire(kubectl, "dev");
    await vi.advanceTimersByTimeAsync(21_000);
    lease.assertHeld();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(() => lease.assertHeld()).toThrow(/lost the Lease/);
  });
});
