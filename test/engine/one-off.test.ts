import { describe, expect, test } from "vitest";
import { planChanges } from "../../engine/direct/changes.ts";
import { type InventoryEntry, inventoryObject } from "../../engine/direct/inventory.ts";
import { collectObjects, type KubeObject } from "../../engine/direct/objects.ts";
import { rememberEnded } from "../../engine/direct/one-off.ts";
import { unknown } from "../../engine/direct/registration.ts";
import { planWaves } from "../../engine/direct/waves.ts";
import { FakeCluster } from "./fake-kubectl.ts";
import { desired, kubernetes, object } from "./objects.ts";

function job(
  name: string,
  spec: Record<string, unknown> = { ttlSecondsAfterFinished: 600 },
  status?: object,
): KubeObject {
  return object("Job", name, {
    apiVersion: "batch/v1",
    namespace: "apps",
    metadata: { labels: { "quorum.dev/stack": "dev" } },
    spec,
    ...(status && { status }),
  });
}

const entry = (name: string, more: Partial<InventoryEntry> = {}): InventoryEntry => ({
  apiVersion: "batch/v1",
  kind: "Job",
  namespace: "apps",
  name,
  wave: 0,
  ...more,
});
const complete = { conditions: [{ type: "Complete", status: "True" }] };
const failed = { conditions: [{ type: "Failed", status: "True" }] };

async function plan(wanted: KubeObject, entries: InventoryEntry[], live: KubeObject[] = []) {
  const cluster = new FakeCluster([...live, inventoryObject("dev", { entries, outputs: {} })]);
  const waves = planWaves([desired(wanted)]);
  const { changes, removals } = await planChanges(cluster.kubectl, "dev", waves);
  return { change: changes[0], changes, removals, waves };
}

describe("a Job that takes itself away", () => {
  test("is not run again once it has succeeded and is gone", async () => {
    const { change, changes, waves } = await plan(job("pi-1"), [entry("pi-1", { ended: true })]);
    expect(change).toMatchObject({ action: "same", ended: true, live: undefined });
    expect(rememberEnded(waves, changes, false)).toEqual([entry("pi-1", { ended: true })]);
  });

  test("is run again when the run before was ended before it saw it succeed", async () => {
    const { change } = await plan(job("pi-1"), [entry("pi-1")]);
    expect(change?.action).toBe("create");
    expect(change?.ended).toBeUndefined();
  });

  test("runs under its new name when what it runs has changed", async () => {
    const { change, removals } = await plan(job("pi-2"), [entry("pi-1", { ended: true })]);
    expect(change?.action).toBe("create");
    expect(removals).toEqual([]);
  });

  test("of before goes when a new one comes while it is still there", async () => {
    const { removals } = await plan(job("pi-2"), [entry("pi-1", { ended: true })], [job("pi-1", {}, complete)]);
    expect(removals).toEqual([{ entry: entry("pi-1", { ended: true }), keptBecause: undefined }]);
  });
});

describe("what is remembered", () => {
  const remembered = async (wanted: KubeObject, live: KubeObject[], allReady: boolean) => {
    const { changes, waves } = await plan(wanted, [entry("pi-1")], live);
    return rememberEnded(waves, changes, allReady).map(({ ended }) => ended);
  };

  test("is a success that was seen, or waited for", async () => {
    expect(await remembered(job("pi-1"), [job("pi-1", { ttlSecondsAfterFinished: 600 }, complete)], false)).toEqual([
      true,
    ]);
    expect(await remembered(job("pi-1"), [], true)).toEqual([true]);
  });

  test.each([
    ["that runs still", job("pi-1"), {}],
    ["that failed", job("pi-1"), failed],
    ["that stays", job("pi-1", {}), complete],
    ["that is suspended", job("pi-1", { ttlSecondsAfterFinished: 600, suspend: true }), complete],
  ])("is not a Job %s", async (_title, wanted, status) => {
    const live = job("pi-1", wanted["spec"] as Record<string, unknown>, status);
    expect(await remembered(wanted, [live], false)).toEqual([undefined]);
  });
});

describe("a Job named after an image that is still to be built", () => {
  const named = (labels: Record<string, string>, kind = "Job") =>
    kubernetes(object(kind, "pi", { apiVersion: "batch/v1", namespace: "apps", metadata: { labels } }));
  const withoutName = (registration: ReturnType<typeof named>) => ({
    ...registration,
    inputs: { ...registration.inputs, metadata: { ...(registration.inputs["metadata"] as object), name: unknown } },
  });

  test("is previewed as new", () => {
    const [wanted] = collectObjects([withoutName(named({ "quorum.dev/job": "pi" }))], "dev");
    expect(wanted?.object.metadata.name).toBe("pi-after-up");
  });

  test("is refused like any other object where nothing says which job it is", () => {
    for (const nameless of [named({}), named({ "quorum.dev/job": "pi" }, "CronJob")])
      expect(() => collectObjects([withoutName(nameless)], "dev")).toThrow(/a name that is known only after up/);
  });
});
