import fc from "fast-check";
import { expect, test } from "vitest";
import type { KubeObject } from "../engine/direct/objects.ts";
import { validConfig } from "./arbitrary-config.ts";
import { objectsOf, runProgram } from "./program-objects.ts";
import { runnableSections } from "./stacks.ts";

type Labels = Readonly<Record<string, string>>;
interface Spec {
  readonly replicas?: number;
  readonly selector?: Labels & { readonly matchLabels?: Labels };
  readonly template?: { readonly metadata?: { readonly labels?: Labels } };
  readonly jobTemplate?: { readonly spec: { readonly template: { readonly metadata?: { readonly labels?: Labels } } } };
  readonly maxUnavailable?: number | string;
  readonly minReplicas?: number;
  readonly maxReplicas?: number;
  readonly scaleTargetRef?: { readonly kind: string; readonly name: string };
}
const specOf = (object: KubeObject) => (object["spec"] ?? {}) as Spec;
const isOf =
  (...kinds: string[]) =>
  ({ kind }: KubeObject) =>
    kinds.includes(kind);
const called = ({ kind, metadata }: KubeObject) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;

/** What makes pods, with the labels of its pods. */
function makers(objects: readonly KubeObject[]): { object: KubeObject; labels: Labels }[] {
  return objects.filter(isOf("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")).map((object) => {
    const { template, jobTemplate } = specOf(object);
    return { object, labels: (jobTemplate?.spec.template ?? template)?.metadata?.labels ?? {} };
  });
}

/** The longest name of a kind: what is made of it, or stands in a label, has a limit of its own. */
const longest: Readonly<Record<string, number>> = {
  Service: 63,
  Namespace: 63,
  CronJob: 52,
  Job: 63,
  // Its pods' names with an ordinal, and the label with a hash of its revision.
  StatefulSet: 52,
  Deployment: 63,
  DaemonSet: 52,
};

function checkNames(objects: readonly KubeObject[]): void {
  const seen = objects.map(called);
  expect(new Set(seen).size).toBe(seen.length);
  for (const object of objects) {
    const { name } = object.metadata;
    expect(name).toMatch(/^[a-z0-9]([-a-z0-9.:]*[a-z0-9])?$/);
    expect(name.length, called(object)).toBeLessThanOrEqual(longest[object.kind] ?? 253);
  }
  for (const [, labels = "{}"] of JSON.stringify(objects).matchAll(/"(?:matchLabels|labels)":(\{[^{}]*\})/g))
    for (const value of Object.values(JSON.parse(labels) as Labels))
      expect(value).toMatch(/^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/);
}

function checkSelectors(objects: readonly KubeObject[]): void {
  const all = makers(objects);
  const chosenBy = (selector: Labels, namespace: string | undefined) =>
    all.filter(
      ({ object, labels }) =>
        object.metadata.namespace === namespace &&
        Object.entries(selector).every(([key, value]) => labels[key] === value),
    );
  for (const object of objects.filter(
    isOf("Deployment", "StatefulSet", "DaemonSet", "Service", "PodDisruptionBudget"),
  )) {
    const { selector } = specOf(object);
    const labels = object.kind === "Service" ? selector : selector?.matchLabels;
    if (labels === undefined) continue;
    expect(Object.keys(labels).length, called(object)).toBeGreaterThan(0);
    const chosen = chosenBy(labels, object.metadata.namespace);
    const selected = `${called(object)} selects ${chosen.map((each) => called(each.object)).join(", ")}`;
    // Versions of a service are behind one Service.
    const versions = new Set(chosen.map((each) => each.labels["version"]));
    expect(versions.size, selected).toBe(chosen.length);
    if (object.kind !== "Service" || labels["version"] !== undefined) expect(chosen.length, selected).toBe(1);
    expect(chosen.length, selected).toBeGreaterThan(0);
    if (isOf("Deployment", "StatefulSet", "DaemonSet")(object)) expect(chosen[0]?.object).toBe(object);
  }
}

/** The fewest pods of a workload. */
function fewest(workload: KubeObject, objects: readonly KubeObject[]): number {
  const scaler = objects
    .filter(isOf("HorizontalPodAutoscaler"))
    .map((each) => ({ each, target: specOf(each).scaleTargetRef }))
    .find(
      ({ each, target }) =>
        each.metadata.namespace === workload.metadata.namespace &&
        target?.kind === workload.kind &&
        target.name === workload.metadata.name,
    );
  if (scaler === undefined) return specOf(workload).replicas ?? 1;
  expect(specOf(workload), "an autoscaler's workload names no number itself").not.toHaveProperty("replicas");
  return specOf(scaler.each).minReplicas ?? 1;
}

function checkBudgets(objects: readonly KubeObject[]): void {
  const budgets = objects.filter(isOf("PodDisruptionBudget"));
  for (const workload of objects.filter(isOf("Deployment", "StatefulSet"))) {
    const { namespace } = workload.metadata;
    if (namespace !== "apps") continue;
    const labels = specOf(workload).template?.metadata?.labels ?? {};
    const mine = budgets.filter(
      (budget) =>
        budget.metadata.namespace === namespace &&
        Object.entries(specOf(budget).selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value),
    );
    const pods = fewest(workload, objects);
    expect(mine.length, `${called(workload)} with ${pods} pods`).toBe(pods < 2 ? 0 : 1);
    const [budget] = mine;
    if (budget === undefined) continue;
    const allowed = specOf(budget).maxUnavailable;
    // Kubernetes rounds a percentage up.
    const evicted = typeof allowed === "string" ? Math.ceil((pods * Number.parseInt(allowed)) / 100) : (allowed ?? 0);
    expect(evicted, `${called(budget)}, ${pods} pods`).toBeGreaterThanOrEqual(1);
    expect(evicted, `${called(budget)}, ${pods} pods`).toBeLessThan(pods);
  }
}

/** Each route shares out 100 percent to subsets or Services that there are, of hosts that there are, and its last rule takes all. */
function checkRoutes(objects: readonly KubeObject[]): void {
  const spec = (object: KubeObject) => object["spec"] as Record<string, never[]> & { readonly host: string };
  const subsets = objects
    .filter(isOf("DestinationRule"))
    .flatMap((rule) =>
      (spec(rule)["subsets"] ?? []).map(({ name, labels }) => ({ host: spec(rule).host, name, labels })),
    );
  for (const route of objects.filter(isOf("VirtualService"))) {
    const rules = spec(route)["http"] as unknown as readonly {
      readonly match?: unknown;
      readonly route: readonly {
        readonly weight?: number;
        readonly destination: { readonly host: string; readonly subset?: string };
      }[];
    }[];
    expect(rules.at(-1)?.match, called(route)).toBeUndefined();
    for (const { route: to } of rules) {
      if (to.some(({ weight }) => weight !== undefined))
        expect(
          to.reduce((sum, { weight = 0 }) => sum + weight, 0),
          called(route),
        ).toBe(100);
      for (const { destination } of to)
        if (destination.subset !== undefined)
          expect(
            subsets.filter(({ host, name }) => host === destination.host && name === destination.subset),
          ).toHaveLength(1);
    }
  }
  const services = new Set(objects.filter(isOf("Service")).map(({ metadata }) => metadata.name));
  for (const { object } of objects.filter(isOf("HTTPRoute")).map((each) => ({ object: each })))
    for (const { backendRefs = [] } of spec(object)["rules"] as unknown as readonly {
      readonly backendRefs?: readonly { readonly name: string }[];
    }[])
      for (const { name } of backendRefs) expect(services, called(object)).toContain(name);
}

test("valid configurations, drawn at random, make objects with fitting names, selectors and budgets", async () => {
  await fc.assert(
    fc.asyncProperty(validConfig(runnableSections("dev")), async (sections) => {
      const objects = objectsOf(await runProgram(sections));
      checkNames(objects);
      checkSelectors(objects);
      checkBudgets(objects);
      checkRoutes(objects);
    }),
    { numRuns: 30 },
  );
});
