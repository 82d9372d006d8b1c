import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { controlPlaneProblems } from "../../../components/plan/control-plane/control-plane-checks.ts";
import type { HostSettings, KubeadmSettings } from "../../../components/plan/control-plane/hosts.ts";
import { effectOf } from "../../../components/plan/control-plane/losses.ts";
import { formatProblem } from "../../../components/plan/problems.ts";
import { beyondKubeadm, countParts, placeComponents } from "../../../components/plan/control-plane/topology.ts";
import { settings } from "./settings.ts";

type Hosts = Record<string, Partial<HostSettings>>;

function layout(hosts: Hosts, more: Partial<KubeadmSettings> = {}): KubeadmSettings {
  const placed = Object.entries(hosts).map(([name, host], index): [string, HostSettings] => [
    name,
    { address: `192.0.2.${index + 1}`, role: "control-plane", ...host },
  ]);
  return settings({ hosts: Object.fromEntries(placed), endpoint: "k8s.example.com:6443", ...more });
}

/** host: etcd members, API servers, schedulers, controller managers */
const counts = (input: KubeadmSettings) =>
  Object.fromEntries(
    placeComponents(input).map(({ host, etcd, apiServers, schedulers, controllerManagers }) => [
      host,
      [etcd, apiServers, schedulers, controllerManagers],
    ]),
  );
const problemsOf = (input: KubeadmSettings) => controlPlaneProblems(input).map(formatProblem);
const effects = (input: KubeadmSettings) =>
  Object.fromEntries(
    planControlPlane(input).losses.map(({ what, reads, writes, data }) => [what, [reads, writes, data]]),
  );

const mirrored = { storage: "redundant" as const };
const redundant = { goal: "control-plane-redundancy" as const };
const stored = { goal: "storage-redundancy" as const };

describe("the layouts of the production guide, from the least fit for production to the fittest", () => {
  describe("one host", () => {
    it("minimal: one of each, and all is lost with it", () => {
      const input = layout({ a: {} });
      expect(counts(input)).toEqual({ a: [1, 1, 1, 1] });
      expect(effects(input)).toEqual({ a: ["none", false, "gone"] });
    });

    it("storage redundancy: a lost disk loses nothing", () => {
      const input = layout({ a: mirrored }, stored);
      expect(counts(input)).toEqual({ a: [1, 1, 1, 1] });
      expect(effects(input)).toEqual({ "a disk of a": ["all", true, "safe"], a: ["none", false, "gone"] });
    });

    it("control-plane redundancy: three members, two of each other part, more than kubeadm makes", () => {
      const input = layout({ a: mirrored }, redundant);
      expect(counts(input)).toEqual({ a: [3, 2, 2, 2] });
      expect(beyondKubeadm(placeComponents(input))).toEqual(["3 etcd members on a", "2 API servers on a"]);
      expect(effects(input)).toEqual({ "a disk of a": ["all", true, "safe"], a: ["none", false, "gone"] });
    });

    it("with a hypervisor: three virtual hosts, each loss but the machine's is withstood", () => {
      const input = layout({ a: { hypervisor: "m1" }, b: { hypervisor: "m1" }, c: { hypervisor: "m1" } });
      expect(counts(input)).toEqual({ a: [1, 1, 1, 1], b: [1, 1, 1, 1], c: [1, 1, 1, 1] });
      expect(effects(input)).toMatchObject({ a: ["all", true, "safe"], "machine m1": ["none", false, "gone"] });
    });
  });

  describe("two hosts", () => {
    const pair = { a: {}, b: { reliability: 80 } };

    it("minimal: everything on the more reliable; the other runs applications", () => {
      const input = layout(pair);
      expect(counts(input)).toEqual({ a: [0, 0, 0, 0], b: [1, 1, 1, 1] });
      const plan = planControlPlane(input);
      expect(plan.hosts.map(({ name, role }) => `${name} ${role}`)).toEqual(["b control-plane", "a worker"]);
      expect(effects(input)).toMatchObject({ a: ["all", true, "safe"], b: ["none", false, "gone"] });
      expect(plan.beyondKubeadm).toEqual([]);
    });

    it("storage redundancy: the same, on mirrored disks", () => {
      expect(counts(layout({ a: {}, b: { ...mirrored, reliability: 80 } }, stored))).toEqual({
        a: [0, 0, 0, 0],
        b: [1, 1, 1, 1],
      });
    });

    it("control-plane redundancy: all of etcd on the more reliable, the rest on both", () => {
      const input = layout(pair, redundant);
      expect(counts(input)).toEqual({ a: [0, 1, 1, 1], b: [3, 1, 1, 1] });
      expect(effects(input)).toEqual({
        a: ["all", true, "safe"],
        b: ["cached", false, "gone"],
        "a and b": ["none", false, "gone"],
      });
    });

    it("with a hypervisor on both: etcd's virtual hosts on one machine, the rest on both, pods on both", () => {
      const member = { role: "etcd" as const, hypervisor: "m2" };
      const input = layout({
        a: { hypervisor: "m1" },
        b: { hypervisor: "m2" },
        e1: member,
        e2: member,
        e3: member,
      });
      expect(counts(input)).toMatchObject({ a: [0, 1, 1, 1], b: [0, 1, 1, 1], e1: [1, 0, 0, 0], e3: [1, 0, 0, 0] });
      expect(planControlPlane(input).hosts.map(({ schedulable }) => schedulable)).toEqual([true, true]);
      expect(effects(input)).toMatchObject({
        a: ["all", true, "safe"],
        e1: ["all", true, "safe"],
        "machine m2": ["cached", false, "gone"],
      });
    });

    it("without an endpoint: the API is at the host that begins, whichever its name", () => {
      const input = layout({ a: { reliability: 40 }, b: { reliability: 80 } }, { endpoint: undefined });
      expect(planControlPlane(input)).toMatchObject({ first: { name: "b" }, endpoint: "192.0.2.2:6443" });
      expect(effectOf(placeComponents(input), new Set(["a"]))).toMatchObject({ reads: "all", writes: true });
      expect(effectOf(placeComponents(input), new Set(["b"]))).toMatchObject({ reads: "none", writes: false });
    });

    it("says when only names decide", () => {
      expect(planControlPlane(layout({ a: {}, b: {} })).warnings).toContain(
        "of two hosts a gets etcd by its name alone: say which is more reliable",
      );
      expect(planControlPlane(layout(pair)).warnings.join()).not.toContain("by its name alone");
    });
  });

  describe("three hosts and more", () => {
    it("have one of each on every host, whatever the goal, and withstand any one loss", () => {
      for (const goal of ["minimal", "control-plane-redundancy"] as const) {
        const input = layout({ a: {}, b: {}, c: {} }, { goal });
        expect(counts(input)).toEqual({ a: [1, 1, 1, 1], b: [1, 1, 1, 1], c: [1, 1, 1, 1] });
        expect(effects(input)).toEqual({
          ...Object.fromEntries(["a", "b", "c"].map((host) => [host, ["all", true, "safe"]])),
          ...Object.fromEntries(["a and b", "a and c", "b and c"].map((both) => [both, ["cached", false, "partial"]])),
        });
      }
    });

    it("with a hypervisor on each: as without, and a machine is lost with all its virtual hosts", () => {
      const on = (hypervisor: string) => ({ hypervisor });
      const input = layout({
        a: on("m1"),
        b: on("m2"),
        c: on("m3"),
        w1: { ...on("m1"), role: "worker" },
        w2: { ...on("m2"), role: "worker" },
      });
      expect(effects(input)).toMatchObject({
        "machine m1": ["all", true, "safe"],
        "machine m2": ["all", true, "safe"],
      });
    });

    it("count zones and machines that hold several", () => {
      const input = layout({ a: { zone: "x" }, b: { zone: "x" }, c: { zone: "y" } });
      expect(effects(input)["zone x"]).toEqual(["cached", false, "partial"]);
      expect(effects(input)).not.toHaveProperty("zone y");
    });
  });

  it("etcd on hosts of its own: members there, the rest on the control plane, of any number", () => {
    const own = { role: "etcd" as const };
    const input = layout({ a: {}, b: {}, e1: own, e2: own, e3: own });
    expect(counts(input)).toEqual({
      a: [0, 1, 1, 1],
      b: [0, 1, 1, 1],
      e1: [1, 0, 0, 0],
      e2: [1, 0, 0, 0],
      e3: [1, 0, 0, 0],
    });
    const plan = planControlPlane(input);
    expect(plan.hosts.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(plan.beyondKubeadm).toEqual(["e1", "e2", "e3"].map((host) => `etcd without an API server on ${host}`));
    expect(effects(input)).toMatchObject({
      "a and b": ["none", false, "safe"],
      "e1 and e2": ["cached", false, "partial"],
    });
  });

  it("events in an etcd cluster of their own, which may be lost without the rest", () => {
    const input = layout({ a: {}, b: {}, c: {} }, { etcd: { events: "own", quotaMiB: 2048, roundTripMillis: 10 } });
    expect(placeComponents(input).map(({ events }) => events)).toEqual([1, 1, 1]);
    expect(planControlPlane(input).beyondKubeadm).toHaveLength(3);
  });
});

describe("members that the user places", () => {
  it.each<[string, Hosts, string[]]>([
    ["all on one of two hosts", { a: { etcdMembers: 3 }, b: { etcdMembers: 0 } }, []],
    [
      "2+1 on two hosts",
      { a: { etcdMembers: 1 }, b: { etcdMembers: 2 } },
      [
        "quorum:controlPlane.hosts.b.etcdMembers is 2, but 2 of 3 members on one host lose the quorum when it fails; put all 3 on the most reliable host, or one on each of 3 hosts",
      ],
    ],
    [
      "an even number",
      { a: { etcdMembers: 1 }, b: { etcdMembers: 1 } },
      [
        "quorum:controlPlane.hosts has 2 etcd members in all, but it must be 1, 3, 5 or 7; change etcdMembers of one host",
      ],
    ],
    [
      "two on each of some hosts, still safe",
      { a: { etcdMembers: 2 }, b: { etcdMembers: 2 }, c: { etcdMembers: 1 } },
      [],
    ],
    [
      "on a worker",
      { a: { etcdMembers: 0 }, b: { etcdMembers: 1, role: "worker" } },
      ["quorum:controlPlane.hosts.b.etcdMembers is 1, but b is a worker; set its role to control-plane or etcd"],
    ],
  ])("%s", (_, hosts, expected) => {
    expect(problemsOf(layout(hosts))).toEqual(expected);
  });

  it("and machines too small, and goals that the disks do not meet, are refused", () => {
    expect(problemsOf(layout({ a: { memoryMiB: 1024, cpus: 1 } }, stored))).toEqual([
      "quorum:controlPlane.hosts.a.storage is single, but goal storage-redundancy needs redundant storage under etcd; mirror the disk and set it to redundant, or set goal to minimal",
      "quorum:controlPlane.hosts.a.cpus is 1, but a host with an etcd member needs 2 at least and has 4 usually; give the machine more, or set role: worker",
      "quorum:controlPlane.hosts.a.memoryMiB is 1024, but a host with an etcd member needs 2048 at least and has 8192 usually; give the machine more, or set role: worker",
    ]);
  });
});

describe("any layout", () => {
  const host: fc.Arbitrary<Partial<HostSettings>> = fc.record({
    role: fc.constantFrom("control-plane" as const, "worker" as const, "etcd" as const, "events" as const),
    reliability: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
    storage: fc.constantFrom("single" as const, "redundant" as const),
    hypervisor: fc.option(fc.constantFrom("m1", "m2"), { nil: undefined }),
    zone: fc.option(fc.constantFrom("x", "y", "z"), { nil: undefined }),
  });
  const any = fc
    .tuple(
      fc.array(host, { minLength: 1, maxLength: 8 }),
      fc.constantFrom("minimal" as const, "storage-redundancy" as const, "control-plane-redundancy" as const),
      fc.constantFrom("shared" as const, "own" as const),
    )
    .map(([hosts, goal, events]) =>
      layout(Object.fromEntries(hosts.map((one, index) => [`h${index}`, one])), {
        goal,
        etcd: { events, quotaMiB: 2048, roundTripMillis: 10 },
      }),
    );

  it("is refused with a way out, or shows a tolerance that brute force over all losses confirms", () => {
    let planned = 0;
    fc.assert(
      fc.property(any, (input) => {
        const problems = problemsOf(input);
        for (const problem of problems) expect(problem).toMatch(/^quorum:controlPlane\..+, but .+; .+$/);
        if (problems.length > 0) return;
        planned++;
        const plan = planControlPlane(input);
        expect(planControlPlane(input)).toEqual(plan);
        // One entry for each member, whichever host it is on; every set of members is lost in turn.
        const members = plan.placements.flatMap(({ host: name, etcd }) => Array.from({ length: etcd }, () => name));
        expect(members.length % 2).toBe(1);
        const worst = Array.from({ length: 2 ** members.length }, (_, set) => set)
          .filter((set) => {
            const alive = members.filter((_, index) => (set & (1 << index)) === 0).length;
            return alive * 2 <= members.length;
          })
          .map((set) => set.toString(2).replaceAll("0", "").length);
        expect(plan.tolerance).toBe(Math.min(...worst) - 1);
        const sumOf = (of: (placement: (typeof plan.placements)[number]) => number) =>
          plan.placements.reduce((sum, placement) => sum + of(placement), 0);
        expect(countParts(input)).toMatchObject({
          apiServers: sumOf(({ apiServers }) => apiServers),
          members: members.length,
          events: sumOf(({ events }) => events),
        });
        for (const loss of plan.losses) {
          const alive = members.filter((name) => !loss.hosts.includes(name)).length;
          const enough = alive * 2 > members.length;
          const apis = plan.placements.filter(
            ({ host: name, apiServers }) => apiServers > 0 && !loss.hosts.includes(name),
          );
          expect(loss.writes).toBe(enough && apis.length > 0);
          expect(loss.reads).toBe(apis.length === 0 ? "none" : enough ? "all" : "cached");
          const events = plan.placements.flatMap((one) => Array.from({ length: one.events }, () => one.host));
          const told = events.filter((name) => !loss.hosts.includes(name)).length * 2 > events.length;
          expect(loss.events).toBe(loss.writes && (events.length === 0 || told));
          expect(loss.apiRestarts).toBe(loss.events);
          expect(loss.data).toBe(enough ? "safe" : alive > 0 ? "partial" : "gone");
        }
      }),
    );
    expect(planned).toBeGreaterThan(10);
  });
});
