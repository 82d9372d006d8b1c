import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collectObjects, type DesiredObject } from "../../engine/direct/objects.ts";
import { unknown } from "../../engine/direct/registration.ts";
import { planWaves } from "../../engine/direct/waves.ts";
import { desired, kubernetes, object, registration } from "./objects.ts";
import { failureOf } from "./programs.ts";

const names = (objects: readonly DesiredObject[]) =>
  objects.map(({ object: { kind, metadata } }) => `${kind} ${metadata.name}`);
const shown = (objects: DesiredObject[]) => planWaves(objects).map((wave) => names(wave.objects));

describe("waves", () => {
  test("a plain stack is one wave: what others stand on first, then by name", () => {
    const namespace = "apps";
    const objects = [
      desired(object("Deployment", "web", { apiVersion: "apps/v1", namespace })),
      desired(object("Service", "web", { namespace })),
      desired(object("ConfigMap", "b", { namespace })),
      desired(object("ConfigMap", "a", { namespace })),
      desired(object("ServiceAccount", "web", { namespace })),
      desired(object("Namespace", "apps")),
    ];
    expect(shown(objects)).toEqual([
      ["Namespace apps", "ServiceAccount web", "ConfigMap a", "ConfigMap b", "Service web", "Deployment web"],
    ]);
  });

  test("a custom object waits for its kind, which is a gate", () => {
    const definition = desired(
      object("CustomResourceDefinition", "things.example.com", {
        apiVersion: "apiextensions.k8s.io/v1",
        spec: { group: "example.com", names: { kind: "Thing" } },
      }),
    );
    const waves = planWaves([
      desired(object("Thing", "t", { apiVersion: "example.com/v1", namespace: "default" })),
      definition,
    ]);
    expect(waves.map((wave) => names(wave.objects))).toEqual([
      ["CustomResourceDefinition things.example.com"],
      ["Thing t"],
    ]);
    expect(waves.map((wave) => wave.gates)).toEqual([[definition], []]);
  });

  test("what depends on a workload waits for it; what depends on a ConfigMap only comes after it", () => {
    const settings = desired(object("ConfigMap", "z-settings"));
    const account = desired(object("ServiceAccount", "reader"), { dependencies: [settings.urn] });
    const job = desired(object("Job", "migrate", { apiVersion: "batch/v1" }), { dependencies: [account.urn] });
    const web = desired(object("Deployment", "web", { apiVersion: "apps/v1" }), {
      dependencies: [job.urn, "urn:not:an-object"],
    });
    const waves = planWaves([web, job, account, settings]);
    expect(waves.map((wave) => names(wave.objects))).toEqual([
      ["ConfigMap z-settings", "ServiceAccount reader", "Job migrate"],
      ["Deployment web"],
    ]);
    expect(waves[0]?.gates).toEqual([job]);
  });

  test("a workload that nothing depends on is no gate", () => {
    expect(planWaves([desired(object("Deployment", "web", { apiVersion: "apps/v1" }))])[0]?.gates).toEqual([]);
  });

  test("objects that depend on each other in a circle are named", async () => {
    const a = desired(object("ConfigMap", "a"), { dependencies: ["urn:ConfigMap:b"] });
    const b = desired(object("ConfigMap", "b"), { dependencies: ["urn:ConfigMap:a"] });
    expect(await failureOf(() => planWaves([a, b]))).toMatch(/depend on each other in a circle: a, b/);
  });

  const kinds = ["ConfigMap", "Service", "Deployment", "Job", "ServiceAccount", "CustomResourceDefinition"];
  const stacks = fc
    .array(fc.record({ kind: fc.constantFrom(...kinds), before: fc.array(fc.nat(30), { maxLength: 4 }) }), {
      maxLength: 30,
    })
    .map((entries) =>
      entries.map(({ kind, before }, index) =>
        desired(object(kind, `o${index}`, { namespace: "default" }), {
          urn: `urn:${index}`,
          dependencies: before.filter((other) => other < index).map((other) => `urn:${other}`),
        }),
      ),
    );
  const gates = new Set(["Deployment", "Job", "CustomResourceDefinition"]);

  test("every object stands once, after all that it depends on, and in a later wave than what must be ready", () => {
    fc.assert(
      fc.property(stacks, (objects) => {
        const waves = planWaves(objects);
        const flat = waves.flatMap((wave, index) => wave.objects.map((each) => ({ each, index })));
        expect(flat.map(({ each }) => each.urn).sort()).toEqual(objects.map(({ urn }) => urn).sort());
        const place = new Map(flat.map(({ each, index }, position) => [each.urn, { index, position, each }]));
        for (const { each, index } of flat) {
          for (const urn of each.dependencies) {
            const other = place.get(urn);
            if (other === undefined) throw new Error(`${urn} is missing`);
            expect(other.position).toBeLessThan(place.get(each.urn)?.position ?? -1);
            if (gates.has(other.each.object.kind)) expect(other.index).toBeLessThan(index);
          }
        }
      }),
    );
  });

  test("the order in which the program registers does not matter", () => {
    fc.assert(
      fc.property(stacks, fc.infiniteStream(fc.nat()), (objects, random) => {
        const shuffled = objects
          .map((each) => ({ each, key: random.next().value as number }))
          .sort((a, b) => a.key - b.key);
        expect(shown(shuffled.map(({ each }) => each))).toEqual(shown(objects));
      }),
    );
  });

  test("thousands of objects, each after the one before, are put in order", () => {
    const count = 20_000;
    const chain = Array.from({ length: count }, (_, index) =>
      desired(object("ConfigMap", `o${index}`, { namespace: "apps" }), {
        dependencies: [`urn:ConfigMap:o${index - 1}`, "urn:Namespace:apps"],
      }),
    );
    const planned = planWaves([desired(object("Namespace", "apps")), ...chain]);
    expect(planned.flatMap(({ objects }) => objects)).toHaveLength(count + 1);
  });
});

describe("the objects of a program", () => {
  const collect = (...resources: Parameters<typeof kubernetes>[0][]) =>
    collectObjects(
      resources.map((each) => kubernetes(each)),
      "dev",
    );

  test("have a namespace wherever there must be one, and no status", () => {
    const [settings, role, thing] = collect(
      object("ConfigMap", "c", { status: { x: 1 } }),
      object("ClusterRole", "r", { apiVersion: "rbac.authorization.k8s.io/v1" }),
      object("Thing", "t", { apiVersion: "example.com/v1" }),
    );
    expect(settings?.object).not.toHaveProperty("status");
    expect([settings, role, thing].map((each) => each?.object.metadata.namespace)).toEqual([
      "default",
      undefined,
      undefined,
    ]);
  });

  test("a Secret is taken in its stored form", () => {
    const [secret] = collect(object("Secret", "s", { data: { a: "eA==" }, stringData: { b: "hush", c: unknown } }));
    expect(secret?.object["data"]).toEqual({ a: "eA==", b: Buffer.from("hush").toString("base64"), c: unknown });
    expect(secret?.object).not.toHaveProperty("stringData");
  });

  test("other resources are none of them", () => {
    expect(collectObjects([registration({ type: "pulumi:providers:kubernetes" })], "dev")).toEqual([]);
  });

  test("all problems are told at once", async () => {
    const nameless = kubernetes(object("ConfigMap", ""), { name: "nameless" });
    const later = kubernetes(object("ConfigMap", "later"), {
      inputs: { apiVersion: "v1", kind: "ConfigMap", metadata: unknown },
    });
    const alien = kubernetes(object("ConfigMap", "alien"), {
      inputs: { ...object("ConfigMap", "alien", { metadata: { labels: { "quorum.dev/stack": "prod" } } }) },
    });
    const twins = [
      kubernetes(object("ConfigMap", "same"), { name: "one" }),
      kubernetes(object("ConfigMap", "same"), { name: "two", urn: "urn:2" }),
    ];
    const message = await failureOf(() => collectObjects([nameless, later, alien, ...twins], "dev"));
    expect(message).toContain("4 problems");
    expect(message).toMatch(/"nameless".*has no metadata\.name/);
    expect(message).toMatch(/"later".*known only after up/);
    expect(message).toMatch(/"alien".*has no label quorum\.dev\/stack: dev/);
    expect(message).toMatch(/"two" and "one" are both v1 ConfigMap default\/same/);
  });
});
