import { describe, expect, test } from "vitest";
import { handOver, isApplied, isPulumiManaged, withoutPulumiFields } from "../../engine/direct/adopt.ts";
import { deletions } from "../../engine/direct/apply.ts";
import { keepNamespacesInUse, type Removal } from "../../engine/direct/changes.ts";
import {
  entriesOf,
  type InventoryEntry,
  inventoryIdentity,
  inventoryObject,
  readInventory,
  sameInventory,
  unionOf,
  withoutThose,
} from "../../engine/direct/inventory.ts";
import { KubectlError } from "../../engine/direct/kubectl.ts";
import { isFree, leaseName } from "../../engine/direct/lease.ts";
import type { KubeObject } from "../../engine/direct/objects.ts";
import { readRefusals, refusalError } from "../../engine/direct/refusals.ts";
import { planWaves } from "../../engine/direct/waves.ts";
import { machineToken, runIdentity } from "../../engine/lock.ts";
import { desired, object } from "./objects.ts";
import { failureOf } from "./programs.ts";

const entry = (kind: string, name: string, more: Partial<InventoryEntry> = {}): InventoryEntry => ({
  apiVersion: "v1",
  kind,
  name,
  wave: 0,
  ...more,
});

describe("the inventory", () => {
  test("names every object with its wave, and which must never be deleted", () => {
    const job = desired(object("Job", "j", { apiVersion: "batch/v1", namespace: "apps" }), { protect: true });
    const waves = planWaves([job, desired(object("ConfigMap", "c"), { dependencies: [job.urn], retain: true })]);
    expect(entriesOf(waves)).toEqual([
      { apiVersion: "batch/v1", kind: "Job", namespace: "apps", name: "j", wave: 0, keep: "protected" },
      { apiVersion: "v1", kind: "ConfigMap", namespace: undefined, name: "c", wave: 1, keep: "retained" },
    ]);
  });

  test("comes back from its ConfigMap as it went", () => {
    const inventory = {
      entries: [entry("ConfigMap", "a", { namespace: "x" }), entry("Namespace", "x")],
      outputs: { urls: { app: "u" } },
    };
    const stored = inventoryObject("dev", inventory);
    expect(stored.metadata).toMatchObject({ name: "quorum-inventory-dev", namespace: "quorum-system" });
    expect(readInventory(stored)).toEqual(inventory);
    expect(sameInventory(readInventory(stored), inventory)).toBe(true);
    expect(sameInventory(inventory, { ...inventory, outputs: {} })).toBe(false);
  });

  test("that somebody has broken is named", async () => {
    const broken = object("ConfigMap", "i", { data: { "objects.json": "[" } });
    expect(await failureOf(() => readInventory(broken))).toMatch(
      /v1 ConfigMap i cannot be read; restore it, or delete it/,
    );
  });

  test("union and difference go by object, not by API version", () => {
    const old = [entry("Job", "a", { apiVersion: "batch/v1beta1" }), entry("ConfigMap", "b")];
    const now = [entry("Job", "a", { apiVersion: "batch/v1", wave: 1 }), entry("ConfigMap", "b", { namespace: "n" })];
    expect(unionOf(old, now)).toEqual([now[0], old[1], now[1]]);
    expect(withoutThose(old, now)).toEqual([old[1]]);
  });

  test("names of stacks become names that Kubernetes allows", () => {
    expect(inventoryIdentity("My_Stack").name).toBe("quorum-inventory-my-stack");
    expect(leaseName("My_Stack")).toBe("quorum-my-stack");
  });
});

describe("what is taken away", () => {
  const removal = (each: InventoryEntry, keptBecause?: string): Removal => ({ entry: each, keptBecause });

  test("goes in the reverse of its order, namespaces last, without what stays", () => {
    const removals = [
      removal(entry("Namespace", "n")),
      removal(entry("ConfigMap", "a")),
      removal(entry("ConfigMap", "b")),
      removal(entry("Job", "c", { wave: 1 })),
      removal(entry("Secret", "kept"), "it is protected"),
    ];
    expect(deletions(removals).map(({ name }) => name)).toEqual(["c", "b", "a", "n"]);
  });

  test("a namespace that holds something that stays must stay too", () => {
    const removals = [
      removal(entry("Namespace", "data")),
      removal(entry("Namespace", "shared")),
      removal(entry("Namespace", "empty")),
      removal(entry("PersistentVolumeClaim", "c", { namespace: "data" }), "it is protected"),
      removal(entry("ConfigMap", "gone", { namespace: "empty" })),
    ];
    const kept = keepNamespacesInUse(removals, [entry("Service", "s", { namespace: "shared" })]);
    expect(kept.map(({ keptBecause }) => keptBecause)).toEqual([
      "it holds v1 PersistentVolumeClaim data/c",
      "it holds v1 Service shared/s",
      undefined,
      "it is protected",
      undefined,
    ]);
  });
});

describe("taking over what the Pulumi CLI made", () => {
  const live = object("Deployment", "web", {
    apiVersion: "apps/v1",
    metadata: {
      managedFields: [
        {
          manager: "pulumi-kubernetes",
          operation: "Update",
          fieldsV1: {
            "f:spec": {
              "f:replicas": {},
              "f:paused": {},
              "f:containers": { 'k:{"name":"a"}': { "f:image": {} }, 'k:{"name":"b"}': { ".": {} } },
            },
          },
        },
        {
          manager: "pulumi-kubernetes-1a2b",
          operation: "Apply",
          fieldsV1: { "f:spec": { "f:replicas": {}, "f:minReady": {} } },
        },
        { manager: "autoscaler", operation: "Update", fieldsV1: { "f:spec": { "f:minReady": {} } } },
        { manager: "pulumi-kubernetes", operation: "Update", subresource: "status", fieldsV1: {} },
      ],
    },
    spec: { replicas: 2, paused: true, minReady: 5, containers: [{ name: "a", image: "i" }, { name: "b" }] },
  });
  const managers = (each: KubeObject) =>
    each.metadata["managedFields"] as { manager: string; operation: string; fieldsV1: unknown }[];

  test("is needed while fields belong to its provider", () => {
    expect([isPulumiManaged(live), isApplied(live)]).toEqual([true, false]);
    expect([isPulumiManaged(handOver(live)), isApplied(handOver(live))]).toEqual([false, true]);
  });

  test("makes all of its fields ours, and leaves others theirs", () => {
    expect(managers(handOver(live)).map(({ manager, operation }) => `${manager} ${operation}`)).toEqual([
      "autoscaler Update",
      "pulumi-kubernetes Update",
      "quorum Apply",
    ]);
    expect(managers(handOver(live)).at(-1)?.fieldsV1).toEqual({
      "f:spec": {
        "f:replicas": {},
        "f:paused": {},
        "f:minReady": {},
        "f:containers": { 'k:{"name":"a"}': { "f:image": {} }, 'k:{"name":"b"}': { ".": {} } },
      },
    });
  });

  test("takes away what only it claimed and the program does not have", () => {
    const wanted = object("Deployment", "web", {
      apiVersion: "apps/v1",
      spec: { replicas: 3, containers: [{ name: "a", image: "i" }] },
    });
    const after = withoutPulumiFields(live, live, wanted);
    expect(after["spec"]).toEqual({ replicas: 2, minReady: 5, containers: [{ name: "a", image: "i" }] });
  });
});

describe("what the API server refuses", () => {
  const web = object("Deployment", "web", { apiVersion: "apps/v1", namespace: "apps" });
  const job = object("Job", "pi", { apiVersion: "batch/v1", namespace: "apps" });
  const service = object("Service", "s", { namespace: "apps" });
  const role = object("ClusterRole", "r", { apiVersion: "rbac.authorization.k8s.io/v1" });
  const all = [web, job, service, role];
  const read = (...lines: string[]) =>
    readRefusals(new KubectlError(lines), all).map(({ object: { kind }, message }) => `${kind}: ${message}`);

  test.each([
    [
      'Error from server (Invalid): Deployment.apps "web" is invalid: spec.selector: Invalid value: {"matchLabels":{"a":"c"}}: field is immutable',
      "Deployment: spec.selector cannot be changed once the object is there; give the object a new name, or delete it first (kubectl delete deployment web -n apps) and run up again",
    ],
    [
      'The Job "pi" is invalid: spec.template: Invalid value: core.PodTemplateSpec{Spec:core.PodSpec{}}: field is immutable',
      "Job: spec.template cannot be changed once the object is there; give the object a new name, or delete it first (kubectl delete job pi -n apps) and run up again",
    ],
    [
      'Error from server (Invalid): Service "s" is invalid: spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive',
      "Service: spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive",
    ],
    [
      "Error from server: failed to create typed patch object (apps/web; apps/v1, Kind=Deployment): errors:\n  .spec.bogus: field not declared in schema",
      "Deployment: .spec.bogus: field not declared in schema",
    ],
    [
      "Error from server: failed to create typed patch object (apps/s; /v1, Kind=Service): .spec.x: y",
      "Service: .spec.x: y",
    ],
    [
      "Error from server: failed to create typed patch object (/r; rbac.authorization.k8s.io/v1, Kind=ClusterRole): .x: y",
      "ClusterRole: .x: y",
    ],
  ])("is told by object: %s", (line, expected) => expect(read(line)).toEqual([expected]));

  test("lines about other things are not taken for refusals", () => {
    expect(
      read('Error from server (NotFound): namespaces "apps" not found', 'The Deployment "other" is invalid: x'),
    ).toEqual([]);
  });

  test("is one message", () => {
    const refusals = readRefusals(new KubectlError(['The Job "pi" is invalid: spec.x: Required value']), all);
    expect(refusalError(refusals).message).toBe(
      "the API server refuses 1 object:\n  batch/v1 Job apps/pi: spec.x: Required value",
    );
  });
});

describe("a Lease", () => {
  const now = Date.parse("2026-01-01T00:01:00Z");
  const held = { holderIdentity: "elsewhere/1/me", leaseDurationSeconds: 30, renewTime: "2026-01-01T00:00:45.000000Z" };
  const gone = { ...held, holderIdentity: runIdentity().replace(/\/\d+\//, "/999999999/") };
  const here = machineToken() ?? "";

  test.each([
    ["renewed in time", held, here, false],
    ["not renewed in time", { ...held, renewTime: "2026-01-01T00:00:29.000000Z" }, here, true],
    ["given back", { ...held, holderIdentity: "" }, here, true],
    ["of a process of this machine that is gone", gone, here, true],
    ["of a process of another machine of the same name", gone, "another boot", false],
    ["of a process of this machine that lives", { ...held, holderIdentity: runIdentity() }, here, false],
  ])("%s", (_title, spec, machine, free) => {
    const metadata = { name: "quorum-dev", namespace: "quorum-system", annotations: { "quorum.dev/machine": machine } };
    expect(isFree({ metadata, spec }, now)).toBe(free);
  });
});
