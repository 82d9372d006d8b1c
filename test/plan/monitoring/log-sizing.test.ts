import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type LogNeeds,
  logSizing,
  logSizingProblems,
  logSizingText,
} from "../../../components/plan/monitoring/log-sizing.ts";
import { parseConfig } from "../../../config/parse.ts";
import { runnableSections } from "../../stacks.ts";
import { needs } from "./scrape-needs.ts";

const loki = { enabled: true, retentionDays: 14, storageGiB: 10, cpuMillis: 100, memoryMiB: 512 };
const off = { enabled: false, cpuMillis: 0, memoryMiB: 0 };
const on = { ...off, enabled: true };

function logs(more: Partial<LogNeeds["monitoring"]["loki"]> = {}, stack: Parameters<typeof needs>[0] = {}): LogNeeds {
  const collector = { agent: stack?.platform === "shared" ? off : on, gateway: on };
  const { monitoring, ...rest } = needs(stack, { collector });
  return { ...rest, monitoring: { ...monitoring, loki: { ...loki, ...more } } };
}
const linesOf = (wanted: LogNeeds) => logSizing(wanted).mebibytesPerDay;

describe("the lines of a day", () => {
  it("are what the user expects, where the user says so", () => {
    expect(linesOf(logs({ expectedMiBPerDay: 4321 }))).toBe(4321);
  });

  it("grow with services, most with those that write much, and with hosts", () => {
    const { web } = needs().services;
    const pods = (replicas: number) => linesOf(logs({}, { services: { web: { ...web!, replicas } } }));
    expect(pods(3) - pods(2)).toBe(20);
    const hosts = (count: number) => {
      const names = Array.from({ length: count }, (_, index) => [`h${index}`, { role: "control-plane" }]);
      const controlPlane = { mode: "kubeadm", metrics: true, kubelet: {}, hosts: Object.fromEntries(names) } as const;
      return linesOf(logs({}, { controlPlane }));
    };
    expect(hosts(2) - hosts(1)).toBeGreaterThan(42);
  });

  it("are those of services alone where no agent reads the rest", () => {
    expect(linesOf(logs({}, { platform: "shared" }))).toBe(2 * 20);
  });
});

describe("what lines need", () => {
  it("is a quarter of what is written, on four fifths of the volume", () => {
    const size = logSizing(logs({ expectedMiBPerDay: 4096 }));
    expect(size).toEqual({ mebibytesPerDay: 4096, diskGiB: 14, days: 8, storageGiB: 18 });
  });

  it("fits the volume that it asks for, and no smaller one", () => {
    const days = fc.integer({ min: 1, max: 3650 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), days, (expectedMiBPerDay, retentionDays) => {
        const { storageGiB } = logSizing(logs({ expectedMiBPerDay, retentionDays }));
        const refused = (size: number) =>
          logSizingProblems(logs({ expectedMiBPerDay, retentionDays, storageGiB: size })).length > 0;
        expect(refused(storageGiB)).toBe(false);
        if (storageGiB > 1) expect(refused(storageGiB - 1)).toBe(true);
      }),
    );
  });

  it("is said in a line", () => {
    const { loki: storage } = logs({ expectedMiBPerDay: 1000 }).monitoring;
    expect(logSizingText(logSizing(logs({ expectedMiBPerDay: 1000 })), storage)).toBe(
      "loki: about 1000 MiB of lines a day, 3.5 GiB for 14 days; the volume of 10 GiB holds 32 days",
    );
  });
});

describe("a stack whose Loki is too small", () => {
  it("is refused with the volume that it needs", () => {
    expect(logSizingProblems(logs({ expectedMiBPerDay: 4096 }))).toEqual([
      {
        key: "quorum:monitoring.loki.retentionDays",
        text: "is 14, but about 4096 MiB of lines a day fill a volume of 10 GiB in 8 days; set storageGiB to 18 or more, or expectedMiBPerDay if there are fewer",
      },
    ]);
  });

  it("is refused with the rest of a configuration, and taken with what it needs", () => {
    const { monitoring, ...sections } = runnableSections("dev");
    const parse = (more: object) => parseConfig({ ...sections, monitoring: { ...monitoring, loki: more } });
    expect(() => parse({ retentionDays: 3650 })).toThrow(
      /quorum:monitoring\.loki\.retentionDays is 3650, but about \d+ MiB/,
    );
    expect(parse({ retentionDays: 3650, storageGiB: 500 }).monitoring.loki.storageGiB).toBe(500);
    expect(parse({ retentionDays: 3650, expectedMiBPerDay: 8 }).monitoring.loki.expectedMiBPerDay).toBe(8);
    expect(parse({ retentionDays: 3650, enabled: false }).monitoring.loki.enabled).toBe(false);
  });
});
