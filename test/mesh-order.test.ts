import * as k8s from "@pulumi/kubernetes";
import { runtime } from "@pulumi/pulumi";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deletions } from "../engine/direct/apply.ts";
import { entriesOf, type InventoryEntry, unionOf, withoutThose } from "../engine/direct/inventory.ts";
import { collectObjects, type DesiredObject } from "../engine/direct/objects.ts";
import { planWaves, type Wave } from "../engine/direct/waves.ts";
import { MeshPolicies } from "../components/mesh/mesh-policies.ts";
import { MeshRoutes } from "../components/mesh/mesh-routes.ts";
import { type MeshObject, networking } from "../components/plan/mesh/mesh-object.ts";
import { planRoutes } from "../components/plan/mesh/routes.ts";
import { labelObjects } from "../components/platform/managed-labels.ts";
import { Workload } from "../components/workload/workload.ts";
import { aRoute, aService, outliers } from "./plan/mesh/settings.ts";
import { record } from "./recorder.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- objects have no types of their own here */
const names = ["v0.1", "v0.2", "v0.3"] as const;

/** What is said of the versions of one service. */
interface Step {
  readonly weights: Readonly<Partial<Record<(typeof names)[number], number>>>;
  /** Objects of which API. */
  readonly api: "istio" | "gateway";
  readonly outliers: boolean;
}

const step: fc.Arbitrary<Step> = fc
  .subarray([...names], { minLength: 1 })
  .chain((chosen) =>
    fc.record({
      weights: fc
        .constantFrom(...chosen)
        .map((all) => Object.fromEntries(chosen.map((name) => [name, name === all ? 100 : 0]))),
      api: fc.constantFrom("istio", "gateway"),
      outliers: fc.boolean(),
    }),
  )
  .map((drawn) => ({ ...drawn, outliers: drawn.outliers && drawn.api === "istio" }));

const planned = new Map<string, Promise<Wave[]>>();

/** The service and its routes in the order in which the direct engine applies them. */
function waves(said: Step): Promise<Wave[]> {
  const key = JSON.stringify(said);
  const found = planned.get(key) ?? planWavesOf(said);
  planned.set(key, found);
  return found;
}

async function planWavesOf({ weights, api, outliers: ejecting }: Step): Promise<Wave[]> {
  const versions = Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, { weight }]));
  const route = aRoute({ api, ...(ejecting && { outliers }) });
  const { resources } = await record(() => {
    const opts = { provider: new k8s.Provider("cluster", { context: "own" }) };
    runtime.registerStackTransformation(labelObjects("dev"));
    const args = {
      namespace: "apps",
      image: "registry.example.com/app:1",
      role: "svcb",
      port: 8080,
      versions: Object.fromEntries(Object.keys(weights).map((name) => [name, {}])),
      versionServices: api === "gateway",
    };
    const workload = new Workload("svcb", args, opts);
    const tables = planRoutes({ svcb: aService({ versions, route }) }, "apps");
    new MeshRoutes("mesh-routes", { namespace: "apps", tables, workloads: new Map([["svcb", workload]]) }, opts);
  });
  return planWaves(collectObjects(resources, "dev"));
}

const kindOf = ({ object }: DesiredObject) => object.kind;
const keyOf = ({ kind, namespace = "", name }: InventoryEntry) => `${kind} ${namespace}/${name}`;

/** A cluster as far as routes go: which objects there are, each as it was applied last. */
class Cluster {
  readonly objects = new Map<string, any>();

  apply({ object }: DesiredObject): void {
    this.objects.set(`${object.kind} ${object.metadata.namespace ?? ""}/${object.metadata.name}`, object);
  }

  /** Every version that a route sends requests to must have what the route names it by, and pods. */
  check(): void {
    const all = [...this.objects.values()];
    const pods = new Set(
      all.flatMap(({ kind, spec }) => (kind === "Deployment" ? [spec.selector.matchLabels.version] : [])),
    );
    const subsets = all.flatMap(({ kind, spec }) => (kind === "DestinationRule" ? (spec.subsets ?? []) : []));
    for (const route of all) {
      if (route.kind === "VirtualService")
        for (const { destination } of route.spec.http.flatMap(({ route: to }: any) => to)) {
          const subset = subsets.find(({ name }: any) => name === destination.subset);
          expect(subset, `a route names ${destination.subset}`).toBeDefined();
          expect(pods).toContain(subset.labels.version);
        }
      if (route.kind === "HTTPRoute")
        for (const { name } of route.spec.rules.flatMap(({ backendRefs }: any) => backendRefs)) {
          const service = this.objects.get(`Service apps/${name}`);
          expect(service, `a route names ${name}`).toBeDefined();
          expect(pods).toContain(service.spec.selector.version);
        }
    }
  }
}

/**
 * Applies as the direct engine does, object by object; `until` is where the run is ended.
 *
 * @returns what the inventory names then, which is written before anything is made, and how many steps the whole run has
 */
function carryOut(
  cluster: Cluster,
  before: readonly InventoryEntry[],
  after: readonly Wave[],
  until = Infinity,
): { readonly inventory: readonly InventoryEntry[]; readonly steps: number } {
  let steps = 0;
  const take = (work: () => void) => {
    if (steps++ >= until) return;
    work();
    cluster.check();
  };
  for (const { objects } of after) for (const desired of objects) take(() => cluster.apply(desired));
  const wanted = entriesOf(after);
  const removals = withoutThose(before, wanted).map((entry) => ({ entry, keptBecause: undefined }));
  for (const entry of deletions(removals)) take(() => void cluster.objects.delete(keyOf(entry)));
  return { inventory: until < steps ? unionOf(before, wanted) : wanted, steps };
}

/** Names of what says whom a namespace's pods may reach, in the order in which the direct engine applies it. */
async function appliedInOrder(reach: readonly MeshObject[], preview: boolean): Promise<string[]> {
  const { resources } = await record(
    () => {
      const opts = { provider: new k8s.Provider("cluster", { context: "own" }) };
      runtime.registerStackTransformation(labelObjects("dev"));
      new MeshPolicies("policies", { namespace: "apps", authorization: [], reach }, opts);
    },
    { preview },
  );
  return planWaves(collectObjects(resources, "dev")).flatMap(({ objects }) =>
    objects.map(({ object }) => object.metadata.name),
  );
}

test.each([true, false])(
  "the Sidecar of a whole namespace is applied after those of its services (preview %s)",
  async (preview) => {
    const sidecar = (name: string, of: object) => {
      return { apiVersion: networking, kind: "Sidecar", name, spec: { ...of, egress: [{ hosts: ["kube-system/*"] }] } };
    };
    const own = (app: string) => sidecar(app, { workloadSelector: { labels: { app } } });
    const reach = [sidecar("default", {}), own("front"), own("svca")];
    expect(await appliedInOrder(reach, preview)).toEqual(["front", "svca", "default"]);
  },
);

describe("the order of routes and what they name", () => {
  test("a route is applied in a later call than the pods and the rules that it names", async () => {
    const waveOf = (all: readonly Wave[], kind: string) =>
      all.findIndex(({ objects }) => objects.some((desired) => kindOf(desired) === kind));
    const istio = await waves({ weights: { "v0.1": 50, "v0.2": 50 }, api: "istio", outliers: true });
    expect(waveOf(istio, "VirtualService")).toBeGreaterThan(waveOf(istio, "DestinationRule"));
    expect(waveOf(istio, "VirtualService")).toBeGreaterThan(waveOf(istio, "Deployment"));
    const gateway = await waves({ weights: { "v0.1": 50, "v0.2": 50 }, api: "gateway", outliers: false });
    const services = gateway.findIndex(({ objects }) =>
      objects.some(({ object }) => object.metadata.name === "svcb-v0-2"),
    );
    expect(waveOf(gateway, "HTTPRoute")).toBeGreaterThan(services);
  });

  test("wherever a run from any state to any other is ended, and the next one after it, no route names what is not there", async () => {
    await fc.assert(
      fc.asyncProperty(step, step, step, fc.nat(), async (from, to, next, end) => {
        const [first, second, third] = [await waves(from), await waves(to), await waves(next)];
        const cluster = new Cluster();
        const made = carryOut(cluster, [], first).inventory;
        const { steps } = carryOut(copyOf(cluster), made, second);
        const { inventory } = carryOut(cluster, made, second, end % (steps + 1));
        carryOut(cluster, inventory, third);
        const versions = [...cluster.objects.values()]
          .filter(({ kind }) => kind === "Deployment")
          .map(({ metadata }) => metadata.name);
        expect(versions.filter((name: string) => name.startsWith("svcb")).toSorted()).toEqual(
          Object.keys(next.weights)
            .map((name) => `svcb-${name.replace(".", "-")}`)
            .toSorted(),
        );
      }),
      { numRuns: 200 },
    );
  });
});

function copyOf(cluster: Cluster): Cluster {
  const copy = new Cluster();
  for (const [key, object] of cluster.objects) copy.objects.set(key, object);
  return copy;
}
