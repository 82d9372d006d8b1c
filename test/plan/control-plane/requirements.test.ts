import { describe, expect, it } from "vitest";
import { requirementsOf, reservedOf } from "../../../components/plan/control-plane/requirements.ts";
import { placeComponents } from "../../../components/plan/control-plane/topology.ts";
import { settings } from "./settings.ts";

describe("what is set aside on a machine", () => {
  // The steps of the formula, added up by hand: 8 GiB is a quarter of the first 4 GiB and a fifth of the next.
  it.each([
    [1, 512, 60, 255],
    [1, 3840, 60, 960],
    [2, 8192, 70, 1844],
    [4, 16_384, 80, 2663],
    [32, 131_072, 150, 9544],
  ])("%i cores and %i MiB: %i m and %i MiB", (cpus, memoryMiB, cpuMillis, reserved) => {
    expect(reservedOf(cpus, memoryMiB)).toEqual({ cpuMillis, memoryMiB: reserved });
  });
});

it("a host's table row: least, usual, and what is left where the size is known", () => {
  const hosts = {
    a: { address: "192.0.2.11", role: "control-plane" as const, cpus: 4, memoryMiB: 16_384 },
    w: { address: "192.0.2.12", role: "worker" as const },
  };
  expect(requirementsOf(placeComponents(settings({ hosts })), hosts)).toEqual([
    {
      host: "a",
      cpus: { least: 2, usual: 4 },
      memoryMiB: { least: 2048, usual: 8192 },
      diskGiB: { least: 8, usual: 20 },
      reserved: { cpuMillis: 80, memoryMiB: 2663 },
      allocatable: { cpuMillis: 3920, memoryMiB: 13_557 },
    },
    {
      host: "w",
      cpus: { least: 1, usual: 2 },
      memoryMiB: { least: 1024, usual: 4096 },
      diskGiB: { least: 10, usual: 40 },
      reserved: undefined,
      allocatable: undefined,
    },
  ]);
});
