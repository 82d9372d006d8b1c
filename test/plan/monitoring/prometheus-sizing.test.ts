import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { prometheusProblems } from "../../../components/plan/monitoring/prometheus-checks.ts";
import { estimatedSeries, sizeOf, sizing, sizingText } from "../../../components/plan/monitoring/sizing.ts";
import { parseConfig } from "../../../config/parse.ts";
import { runnableSections } from "../../stacks.ts";
import { allParts, needs } from "./scrape-needs.ts";

const storage = { retentionDays: 15, storageGiB: 10, scrapeIntervalSeconds: 15, memoryMiB: 512 };
const prometheus = { enabled: true, replicas: 1, cpuMillis: 100, ...storage };

describe("the number of series", () => {
  it("is what the user expects, where the user says so", () => {
    expect(sizing(needs({}, { prometheus: { ...prometheus, expectedSeries: 12_345 } })).series).toBe(12_345);
  });

  it("is small where the stack looks at nothing but its own", () => {
    const shared = estimatedSeries(needs({ platform: "shared" }));
    expect(shared).toBe(2 * 200 + 3000);
    expect(estimatedSeries(needs())).toBeGreaterThan(3 * shared);
  });

  it.each<[string, number, number]>([
    ["a service's pod", estimatedSeries(withPods(3)) - estimatedSeries(withPods(2)), 200 + 30],
    [
      "a second server",
      estimatedSeries(needs({}, { prometheus: { ...prometheus, replicas: 2 } })) - estimatedSeries(needs()),
      3000 + 30,
    ],
    ["a service that is not scraped", estimatedSeries(withPods(2, false)) - estimatedSeries(withPods(0)), 2 * 30],
  ])("grows with %s", (_, grown, series) => {
    expect(grown).toBe(series);
  });

  it("grows with a mesh: a proxy for each pod, more for each service and version that it calls, and the mesh's own parts", () => {
    const mesh = { mode: "install" as const, istiod: { replicas: 1 } };
    const plain = { kind: "Deployment" as const, replicas: 2, volumes: {}, scrape: true };
    const services = { a: { ...plain, calls: ["b"] }, b: { ...plain, calls: [], versions: { v1: {}, v2: {} } } };
    const total = (more: object) => estimatedSeries({ ...needs({ platform: "shared" }), services, ...more });
    const without = total({});
    // b has two pods of each version; a knows b and both of its versions.
    expect(total({ mesh: { ...mesh, mode: "existing" } }) - without).toBe(2 * (110 + 3 * 65) + 4 * 110);
    expect(total({ mesh }) - total({ mesh: { ...mesh, mode: "existing" } })).toBeGreaterThanOrEqual(300 + 60);
    const external = { msgd: { gateway: true } };
    expect(total({ mesh: { ...mesh, external, egress: { replicas: 2 } } }) - total({ mesh })).toBe(2 * (110 + 65));
    expect(total({ mesh: { ...mesh, mode: "off" } })).toBe(without);
  });

  it("grows with hosts and with parts, and with nothing else on a shared platform", () => {
    const hosts = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`, { role: "control-plane" }]));
    const on = (count: number, platform: "owned" | "shared") =>
      estimatedSeries(
        needs({ platform, controlPlane: { mode: "kubeadm", metrics: true, kubelet: {}, hosts: hosts(count) } }),
      );
    expect(on(3, "owned")).toBeGreaterThan(2 * on(1, "owned"));
    expect(on(3, "shared")).toBe(on(1, "shared"));
    expect(estimatedSeries(needs({}, allParts))).toBeGreaterThan(estimatedSeries(needs()));
  });

  it("counts every member and API server of a host, and no host of etcd alone as a node", () => {
    const host = (role: string, more = {}) => ({ role, ...more });
    const on = (controlPlane: object) =>
      estimatedSeries(
        needs({ controlPlane: { mode: "kubeadm", metrics: true, kubelet: {}, hosts: {}, ...controlPlane } }),
      );
    const one = { hosts: { a: host("control-plane") } };
    // API server, controller manager and scheduler; pods that cAdvisor tells of.
    const [instance, member, pod] = [4000 + 600 + 200, 1450, 30];
    expect(on({ ...one, goal: "control-plane-redundancy" }) - on(one)).toBe(instance + 2 * member + 5 * pod);
    expect(on({ ...one, etcd: { events: "own" } }) - on(one)).toBe(member + pod);
    const etcd = { e1: host("etcd"), e2: host("etcd"), e3: host("etcd") };
    expect(on({ hosts: { ...one.hosts, ...etcd } }) - on(one)).toBe(2 * member - pod);
    const three = { hosts: { a: host("control-plane"), b: host("control-plane"), c: host("control-plane") } };
    const several = {
      hosts: {
        ...three.hosts,
        a: host("control-plane", { etcdMembers: 3 }),
        b: host("control-plane", { etcdMembers: 2 }),
      },
    };
    expect(on(several) - on(three)).toBe(2 * member + 2 * pod);
  });

  function withPods(replicas: number, scrape = true) {
    const { web } = needs().services;
    return needs({ services: replicas === 0 ? {} : { web: { ...web!, replicas, scrape } } });
  }
});

describe("what series need", () => {
  it("is the arithmetic of Prometheus' manual", () => {
    // 1.5 bytes a sample, 5760 samples a day.
    const size = sizeOf(100_000, storage);
    expect(size.diskGiB).toBeCloseTo((100_000 * 5760 * 15 * 1.5) / 2 ** 30, 6);
    expect(size).toMatchObject({ series: 100_000, storageGiB: 16, memoryMiB: 100 + Math.ceil((100_000 * 6) / 1024) });
    expect(size.days).toBeCloseTo((8 * 2 ** 30) / (100_000 * 5760 * 1.5), 6);
  });

  it("fits the volume that it asks for, and no smaller one", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1000, max: 5_000_000 }),
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 1, max: 120 }),
        (series, retentionDays, scrapeIntervalSeconds) => {
          const settings = { ...storage, retentionDays, scrapeIntervalSeconds };
          const { storageGiB } = sizeOf(series, settings);
          expect(sizeOf(series, { ...settings, storageGiB }).days).toBeGreaterThanOrEqual(retentionDays);
          if (storageGiB > 1)
            expect(sizeOf(series, { ...settings, storageGiB: storageGiB - 1 }).days).toBeLessThan(retentionDays);
        },
      ),
    );
  });

  it("never shrinks with more of anything", () => {
    const some = fc.record({
      series: fc.integer({ min: 1000, max: 1_000_000 }),
      retentionDays: fc.integer({ min: 1, max: 400 }),
      scrapeIntervalSeconds: fc.integer({ min: 2, max: 120 }),
    });
    fc.assert(
      fc.property(some, ({ series, ...days }) => {
        const of = (more: Partial<typeof days>, count = series) => sizeOf(count, { ...storage, ...days, ...more });
        const usual = of({});
        for (const larger of [
          of({}, series + 1000),
          of({ retentionDays: days.retentionDays + 1 }),
          of({ scrapeIntervalSeconds: days.scrapeIntervalSeconds - 1 }),
        ]) {
          expect(larger.diskGiB).toBeGreaterThan(usual.diskGiB);
          expect(larger.storageGiB).toBeGreaterThanOrEqual(usual.storageGiB);
          expect(larger.memoryMiB).toBeGreaterThanOrEqual(usual.memoryMiB);
        }
      }),
    );
  });

  it("is said in a line", () => {
    expect(sizingText(sizeOf(20_000, storage), storage)).toBe(
      "prometheus: about 20000 series, 2.5 GiB for 15 days; the volume of 10 GiB holds 49 days; 218 MiB of the 512 MiB of memory",
    );
  });
});

describe("a stack whose Prometheus is too small", () => {
  const problems = (more: Partial<typeof prometheus & { expectedSeries: number }>) =>
    prometheusProblems(needs({}, { prometheus: { ...prometheus, expectedSeries: 100_000, memoryMiB: 2048, ...more } }));

  it("is refused with the volume and the memory that it needs", () => {
    expect(problems({ memoryMiB: 512 })).toEqual([
      {
        key: "quorum:monitoring.prometheus.retentionDays",
        text: "is 15, but about 100000 series every 15 s fill a volume of 10 GiB in 9 days; set storageGiB to 16 or more, or expectedSeries if there are fewer",
      },
      {
        key: "quorum:monitoring.prometheus.memoryMiB",
        text: "is 512, but about 100000 series need 726 MiB; set it to that or more, or expectedSeries if there are fewer",
      },
    ]);
  });

  it("is refused with the rest of a configuration", () => {
    const { monitoring, ...sections } = runnableSections("dev");
    const parse = (expectedSeries: number) =>
      parseConfig({
        ...sections,
        monitoring: { ...monitoring, prometheus: { ...(monitoring?.["prometheus"] as object), expectedSeries } },
      });
    expect(parse(10_000).monitoring.prometheus.expectedSeries).toBe(10_000);
    expect(() => parse(1_000_000)).toThrow(
      /quorum:monitoring\.prometheus\.retentionDays is .*\n.*quorum:monitoring\.prometheus\.memoryMiB is /,
    );
  });

  it("is taken as soon as it has them, and a part that is not there needs nothing", () => {
    expect(problems({ storageGiB: 16 })).toEqual([]);
    expect(problems({ retentionDays: 9 })).toEqual([]);
    expect(problems({ enabled: false, memoryMiB: 128 })).toEqual([]);
  });
});
