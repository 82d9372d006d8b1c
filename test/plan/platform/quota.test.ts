import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { containerRange, needOf, quotaOf, type QuotaNeeds } from "../../../components/plan/platform/quota.ts";
import { noMonitoring } from "../no-monitoring.ts";

type Service = QuotaNeeds["services"][string];

const resources = { cpuMillis: 100, memoryMiB: 128, ephemeralMiB: 256 };
const service = (more: Partial<Service> = {}): Service => ({ kind: "Deployment", resources, volumes: {}, ...more });

function needs(services: Record<string, Service>, more: Partial<QuotaNeeds> = {}): QuotaNeeds {
  return {
    services,
    jobs: {},
    monitoring: {
      ...noMonitoring,
      prometheus: { enabled: true, replicas: 1, cpuMillis: 100, memoryMiB: 512, storageGiB: 10 },
    },
    security: { quota: {} },
    ...more,
  };
}

describe("what a stack's own pods need", () => {
  it.each<[string, Service, object]>([
    ["two replicas and one more in a roll-out", service(), { pods: 3, cpuMillis: 300, memoryMiB: 384 }],
    ["as many as the autoscaler may make", service({ autoscale: { maxReplicas: 10 } }), { pods: 11 }],
    ["no surge in a StatefulSet", service({ kind: "StatefulSet", replicas: 3 }), { pods: 3 }],
    ["one on each node of a DaemonSet", service({ kind: "DaemonSet" }), { pods: 5 }],
    [
      "a volume for each pod of a StatefulSet",
      service({ kind: "StatefulSet", replicas: 3, volumes: { data: { storageGiB: 10 }, log: { storageGiB: 1 } } }),
      { storageGiB: 33 },
    ],
    ["one volume of a Deployment", service({ volumes: { data: { storageGiB: 10 } } }), { storageGiB: 10, pods: 2 }],
    ["a balancer for what is exposed", service({ expose: { port: 80 } }), { loadBalancers: 1 }],
  ])("%s", (_, one, expected) => {
    expect(needOf("apps", needs({ one }), 5)).toMatchObject(expected);
  });

  it("counts each job once", () => {
    expect(needOf("apps", needs({}, { jobs: { a: { resources }, b: { resources } } }))).toMatchObject({
      pods: 2,
      cpuMillis: 200,
      memoryMiB: 256,
    });
  });

  it("counts Prometheus where there is one", () => {
    expect(needOf("monitoring", needs({}))).toEqual({
      pods: 1,
      cpuMillis: 100,
      memoryMiB: 512,
      storageGiB: 10,
      loadBalancers: 0,
    });
  });
});

describe("the quota", () => {
  it("is what the user says, key by key", () => {
    const quota = quotaOf("apps", needs({ one: service() }, { security: { quota: { apps: { pods: 77 } } } }), 1);
    expect(quota).toEqual({ pods: 77, cpuMillis: 5000, memoryMiB: 5000, storageGiB: 20, loadBalancers: 1 });
  });

  it("has room for a roll-out of everything at once, whatever the stack", () => {
    const arbitrary = fc.record({
      kind: fc.constantFrom("Deployment" as const, "StatefulSet" as const, "DaemonSet" as const),
      replicas: fc.integer({ min: 1, max: 50 }),
      resources: fc.record({
        cpuMillis: fc.integer({ min: 1, max: 8000 }),
        memoryMiB: fc.integer({ min: 16, max: 8192 }),
        ephemeralMiB: fc.integer({ min: 16, max: 8192 }),
      }),
      volumes: fc.constant({}),
    });
    fc.assert(
      fc.property(fc.dictionary(fc.string(), arbitrary), fc.integer({ min: 1, max: 20 }), (services, nodes) => {
        const all = needs(services);
        const need = needOf("apps", all, nodes);
        const quota = quotaOf("apps", all, nodes);
        for (const key of ["pods", "cpuMillis", "memoryMiB"] as const)
          expect(quota[key]).toBeGreaterThanOrEqual(2 * need[key] + 1);
        const range = containerRange(all);
        for (const { resources: own } of Object.values(services)) {
          expect(range.max.cpuMillis).toBeGreaterThanOrEqual(2 * own.cpuMillis);
          expect(range.max.memoryMiB).toBeGreaterThanOrEqual(own.memoryMiB);
          expect(range.max.ephemeralMiB).toBeGreaterThanOrEqual(own.ephemeralMiB);
        }
      }),
    );
  });
});
