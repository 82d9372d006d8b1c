import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HostSettings, KubeadmSettings } from "../../../components/plan/control-plane/hosts.ts";
import { planSpread, type PodHost, podHosts, zonesHold } from "../../../components/plan/workload/spread.ts";
import { settings } from "../control-plane/settings.ts";

const inZones = (...zones: (string | undefined)[]): PodHost[] => zones.map((zone) => ({ zone }));

describe("planSpread", () => {
  it.each<[string, number, PodHost[] | undefined, "hard" | "soft", "hard" | "soft"]>([
    ["hosts that nobody knows", 2, undefined, "soft", "soft"],
    ["one host", 2, inZones(undefined), "soft", "soft"],
    ["as many hosts as pods", 3, inZones("a", "b", "c"), "hard", "hard"],
    ["more hosts than pods", 2, inZones("a", "b", "c"), "hard", "hard"],
    ["more pods than hosts", 4, inZones("a", "b", "c"), "soft", "hard"],
    ["hosts without zones", 3, inZones(undefined, undefined, undefined), "hard", "soft"],
    ["one zone", 2, inZones("a", "a"), "hard", "soft"],
    ["a host without its zone", 2, inZones("a", "b", undefined), "hard", "soft"],
    ["a zone with too few hosts for its share", 4, inZones("a", "b", "b", "b"), "hard", "soft"],
    ["a small zone that has room for its share", 3, inZones("a", "b", "b"), "hard", "hard"],
  ])("%s", (_, pods, hosts, spreadHosts, zones) => {
    expect(planSpread(pods, {}, hosts)).toEqual({ hosts: spreadHosts, zones });
  });

  it("does what it is told, where it is told", () => {
    const hosts = inZones("a", "b");
    expect(planSpread(2, { spreadHosts: "off" }, hosts)).toEqual({ hosts: "off", zones: "hard" });
    expect(planSpread(2, { spreadHosts: "hard", spreadZones: "soft" }, undefined)).toEqual({
      hosts: "hard",
      zones: "soft",
    });
  });

  it("does not count on hosts that labels or taints choose", () => {
    const hosts = inZones("a", "b", "c");
    const soft = { hosts: "soft", zones: "soft" };
    expect(planSpread(2, { nodeSelector: { disk: "ssd" } }, hosts)).toEqual(soft);
    expect(planSpread(2, { tolerations: [{ key: "dedicated" }] }, hosts)).toEqual(soft);
  });
});

describe("podHosts", () => {
  const host = (role: HostSettings["role"], more: Partial<HostSettings> = {}): HostSettings => ({
    address: "192.0.2.11",
    role,
    ...more,
  });
  const of = (more: Partial<KubeadmSettings>) => podHosts({ mode: "kubeadm", ...settings(more) });

  it("are all hosts without a worker, else the workers and those that say so", () => {
    const hosts = { a: host("control-plane", { zone: "x" }), b: host("control-plane"), c: host("etcd") };
    expect(of({ hosts })).toEqual([{ zone: "x" }, { zone: undefined }]);
    const more = { ...hosts, d: host("worker", { zone: "y" }), e: host("control-plane", { schedulable: true }) };
    expect(of({ hosts: more })).toEqual([{ zone: "y" }, { zone: undefined }]);
  });

  it("are not known of an existing cluster, nor counted on one machine", () => {
    expect(podHosts({ mode: "existing" })).toBeUndefined();
    expect(of({ local: true })).toBeUndefined();
  });
});

/** The hosts on which Kubernetes' scheduler may put one more pod under hard rules with maxSkew 1. */
function allowed(
  on: readonly number[],
  hosts: readonly PodHost[],
  rules: { hosts: boolean; zones: boolean },
): number[] {
  const zoneOf = (index: number) => hosts[index]?.zone ?? "";
  const inZone = new Map<string, number>();
  hosts.forEach((_, index) => inZone.set(zoneOf(index), (inZone.get(zoneOf(index)) ?? 0) + (on[index] ?? 0)));
  const fewest = Math.min(...on);
  const fewestInZone = Math.min(...inZone.values());
  return hosts
    .map((_, index) => index)
    .filter((index) => !rules.hosts || (on[index] ?? 0) + 1 - fewest <= 1)
    .filter((index) => !rules.zones || (inZone.get(zoneOf(index)) ?? 0) + 1 - fewestInZone <= 1);
}

const zones = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 6 });

describe("hard rules by default", () => {
  it("leave no pod without a host, whichever allowed host each is put on, and part them as they say", () => {
    fc.assert(
      fc.property(zones, fc.integer({ min: 1, max: 9 }), fc.infiniteStream(fc.nat(1000)), (names, pods, choices) => {
        const hosts = inZones(...names);
        const spread = planSpread(pods, {}, hosts);
        const rules = { hosts: spread.hosts === "hard", zones: spread.zones === "hard" };
        const on = hosts.map(() => 0);
        // A revision is counted by itself, so a roll-out with a surge pod is the same as a start.
        for (let pod = 0; pod < pods; pod++) {
          const places = allowed(on, hosts, rules);
          expect(places).not.toEqual([]);
          const place = places[(choices.next().value ?? 0) % places.length] ?? 0;
          on[place] = (on[place] ?? 0) + 1;
        }
        if (rules.hosts) expect(Math.max(...on)).toBe(1);
        if (rules.zones) {
          const perZone = [...new Set(names)].map((zone) =>
            on.filter((_, index) => names[index] === zone).reduce((sum, count) => sum + count, 0),
          );
          expect(Math.max(...perZone) - Math.min(...perZone)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("let a pod come back after any one is gone, as in the roll-out of a StatefulSet", () => {
    fc.assert(
      fc.property(
        zones,
        fc.integer({ min: 1, max: 9 }),
        fc.nat(1000),
        fc.infiniteStream(fc.nat(1000)),
        (names, pods, gone, choices) => {
          const hosts = inZones(...names);
          const spread = planSpread(pods, {}, hosts);
          const rules = { hosts: spread.hosts === "hard", zones: spread.zones === "hard" };
          const on = hosts.map(() => 0);
          for (let pod = 0; pod < pods; pod++) {
            const places = allowed(on, hosts, rules);
            const place = places[(choices.next().value ?? 0) % places.length] ?? 0;
            on[place] = (on[place] ?? 0) + 1;
          }
          const taken = on.flatMap((count, index) => (count > 0 ? [index] : []));
          const left = taken[gone % taken.length] ?? 0;
          on[left] = (on[left] ?? 0) - 1;
          expect(allowed(on, hosts, rules)).not.toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("are refused where they would leave pods out", () => {
    // Zone a has one host: a fourth pod may go neither there, nor to b, which would then have two more than a.
    const hosts = inZones("a", "b", "b", "b");
    expect(zonesHold(4, hosts, true)).toBe(false);
    expect(allowed([1, 1, 1, 0], hosts, { hosts: true, zones: true })).toEqual([]);
  });
});
