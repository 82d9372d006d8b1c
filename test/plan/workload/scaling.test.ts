import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  budgetOf,
  scaleMetrics,
  scaleOf,
  type ScaleSettings,
  type WorkloadKind,
} from "../../../components/plan/workload/scaling.ts";

const volumes = { data: {} };

describe("scaleOf", () => {
  it.each<[string, ScaleSettings, { least: number; most: number } | undefined]>([
    ["two by default", {}, { least: 2, most: 2 }],
    ["as told", { replicas: 5 }, { least: 5, most: 5 }],
    ["what an autoscaler may make of it", { autoscale: { maxReplicas: 9 } }, { least: 2, most: 9 }],
    ["from as few as told", { autoscale: { minReplicas: 1, maxReplicas: 9 } }, { least: 1, most: 9 }],
    ["one that has its volumes to itself", { volumes }, { least: 1, most: 1 }],
    ["two that have volumes each", { kind: "StatefulSet", volumes }, { least: 2, most: 2 }],
    ["what the nodes decide", { kind: "DaemonSet" }, undefined],
  ])("%s", (_, settings, expected) => expect(scaleOf(settings)).toEqual(expected));
});

describe("budgetOf", () => {
  it.each<[WorkloadKind, number, number | "25%" | undefined]>([
    ["Deployment", 1, undefined],
    ["Deployment", 2, 1],
    ["Deployment", 7, 1],
    ["Deployment", 8, "25%"],
    ["StatefulSet", 1, undefined],
    ["StatefulSet", 9, 1],
  ])("a %s of %i", (kind, pods, expected) => expect(budgetOf(kind, { least: pods, most: pods })).toBe(expected));

  it("is none for a DaemonSet, whose pods a drain leaves alone", () => {
    expect(budgetOf("DaemonSet", undefined)).toBeUndefined();
  });

  it("allows an eviction and never all at once, however many pods an autoscaler makes", () => {
    const scale = fc
      .tuple(fc.integer({ min: 2, max: 1000 }), fc.nat(1000))
      .map(([least, more]) => ({ least, most: least + more }));
    fc.assert(
      fc.property(fc.constantFrom<WorkloadKind>("Deployment", "StatefulSet"), scale, (kind, { least, most }) => {
        const budget = budgetOf(kind, { least, most });
        for (const pods of [least, Math.floor((least + most) / 2), most]) {
          // Kubernetes rounds a percentage of pods that may be away up.
          const away =
            typeof budget === "string" ? Math.ceil((pods * Number.parseInt(budget, 10)) / 100) : (budget ?? 0);
          expect(away).toBeGreaterThanOrEqual(1);
          expect(away).toBeLessThan(pods);
          expect(pods - away).toBeGreaterThanOrEqual(pods / 2);
        }
      }),
    );
  });
});

describe("scaleMetrics", () => {
  it("are CPU at 70 % when nothing is said, else what is said", () => {
    expect(scaleMetrics({ maxReplicas: 3 })).toEqual([{ name: "cpu", percent: 70 }]);
    expect(scaleMetrics({ maxReplicas: 3, memoryPercent: 80 })).toEqual([{ name: "memory", percent: 80 }]);
    expect(scaleMetrics({ maxReplicas: 3, cpuPercent: 50, memoryPercent: 80 })).toEqual([
      { name: "cpu", percent: 50 },
      { name: "memory", percent: 80 },
    ]);
  });
});
