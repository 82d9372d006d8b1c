import { describe, expect, it, vi } from "vitest";
import { availabilityWarnings, type AvailabilityWanted } from "../../../components/plan/monitoring/availability.ts";
import { runProgram } from "../../program-objects.ts";
import { runnableSections } from "../../stacks.ts";

const single: AvailabilityWanted = {
  prometheus: { enabled: true, replicas: 1 },
  alertmanager: { enabled: true, replicas: 1, unattended: false },
};
const keysOf = (wanted: AvailabilityWanted, local = false) =>
  availabilityWarnings(wanted, { local }).map((warning) => warning.split(" ")[0]);

describe("a part of the monitoring with one pod", () => {
  it("is warned of, each by its key", () => {
    expect(availabilityWarnings(single, { local: false })).toEqual([
      "quorum:monitoring.prometheus.replicas is 1: while that server is away nothing is measured and no alert begins; set it to 2",
      "quorum:monitoring.alertmanager.replicas is 1: while that member is away nobody is told of anything; set it to 2",
    ]);
  });

  it("is not warned of where there are two, none, local hosts, or nobody to be told", () => {
    const { prometheus, alertmanager } = single;
    expect(keysOf({ ...single, prometheus: { ...prometheus, replicas: 2 } })).toEqual([
      "quorum:monitoring.alertmanager.replicas",
    ]);
    expect(keysOf({ ...single, alertmanager: { ...alertmanager, enabled: false } })).toEqual([
      "quorum:monitoring.prometheus.replicas",
    ]);
    expect(
      keysOf({ prometheus: { ...prometheus, enabled: false }, alertmanager: { ...alertmanager, replicas: 3 } }),
    ).toEqual([]);
    expect(keysOf(single, true)).toEqual([]);
    expect(keysOf({ ...single, alertmanager: { ...alertmanager, unattended: true } })).toEqual([]);
  });
});

describe("a preview", () => {
  async function said(stack: "dev" | "prod", replicas: number): Promise<string> {
    const said: unknown[] = [];
    const hear = (...words: unknown[]) => void said.push(...words);
    const spies = (["info", "log", "warn"] as const).map((level) => vi.spyOn(console, level).mockImplementation(hear));
    const { monitoring, ...sections } = runnableSections(stack);
    const { prometheus, alertmanager } = monitoring as { prometheus: object; alertmanager: object };
    const config = {
      ...sections,
      monitoring: {
        ...monitoring,
        prometheus: { ...prometheus, replicas },
        alertmanager: { ...alertmanager, replicas },
      },
    };
    await runProgram(config, { stack, preview: true });
    for (const spy of spies) spy.mockRestore();
    return said.join("\n");
  }

  it("says it, and what series and lines need", async () => {
    const words = await said("prod", 1);
    expect(words).toMatch(/quorum:monitoring\.prometheus\.replicas is 1: /);
    expect(words).toMatch(/quorum:monitoring\.alertmanager\.replicas is 1: /);
    expect(words).toMatch(/prometheus: about \d+ series, [\d.]+ GiB for 30 days; /);
    expect(words).toMatch(
      /loki: about \d+ MiB of lines a day, [\d.]+ GiB for 14 days; the volume of 10 GiB holds \d+ days/,
    );
  });

  it.each([
    ["prod", 2],
    ["dev", 1],
  ] as const)("of %s with %d of each says nothing of it", async (stack, replicas) => {
    expect(await said(stack, replicas)).not.toMatch(/replicas is 1/);
  });
});
