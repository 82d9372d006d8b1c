import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parse } from "yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ticksOf } from "../../bench/container-cpu.ts";
import { putLoad } from "../../bench/load.ts";
import { quantile } from "../../bench/measure.ts";
import { loadRows, sections } from "../../bench/mesh.ts";
import { parseConfig } from "../../config/parse.ts";
import { runProcess } from "../../engine/process.ts";
import { stackText } from "../cluster/own-hosts-file.ts";

describe("the benchmark of a mesh", () => {
  it("has a stack that is not refused, with caller and callee twice, alike but for the mesh", () => {
    const versions = { "v0.1": { weight: 100 }, "v0.2": { weight: 0 } };
    const text = stackText({ name: "bench", hosts: { a: "10.210.0.91" }, sections: sections(versions) });
    const { config } = parse(text) as { config: Record<string, unknown> };
    const named = Object.entries(config).map(([key, value]) => [key.replace("quorum:", ""), value]);
    const { services } = parseConfig(Object.fromEntries(named) as Record<string, unknown>);
    for (const [member, outside] of [
      ["front", "bare-front"],
      ["svca", "bare-svca"],
    ] as const) {
      expect(services[member]?.mesh).not.toBe(false);
      expect(services[outside]).toEqual({ ...services[member], mesh: false, calls: services[outside]?.calls });
    }
  });

  it("compares rounds with those of the same turn", () => {
    const measured = (p50: number, callerProxy: number) => {
      return { p50, p99: 10 * p50, sent: 100, failed: 1, cpu: { callerProxy, calleeProxy: 0.0002, callee: 0.0003 } };
    };
    const rows = loadRows(
      [measured(0.004, 0.0001), measured(0.012, 0.0001), measured(0.005, 0.0001)],
      [measured(0.001, 0), measured(0.01, 0), measured(0.003, 0)],
    );
    const found = new Map(rows.map((row) => [row.measurement, row]));
    expect(found.get("added by the mesh, p50")).toMatchObject({ seconds: 0.002, range: [0.002, 0.003] });
    expect(found.get("added by the mesh, p50")?.note).toContain("6 of 600 failed");
    expect(found.get("a request outside of the mesh, p99")).toMatchObject({ seconds: 0.03, ratio: 0.6 });
    expect(found.get("CPU of the two proxies")?.remark).toBe(
      "0.30 cores for 1,000 requests/s: 0.10 the caller's, 0.20 the callee's",
    );
  });

  it("takes quantiles by the nearest rank, and times of a program whatever its name", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([0.5, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([50, 99, 100]);
    expect(quantile([7], 0.99)).toBe(7);
    expect(ticksOf("42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 30 0 0 20 0 5 0 100 0 0")).toBe(280);
  });
});

describe("its load", () => {
  let arrived = 0;
  const server = createServer((_, answer) => {
    answer.statusCode = ++arrived % 10 === 0 ? 503 : 200;
    // Every answer is slow: a generator that waits for one before the next would send a tenth of what it should.
    setTimeout(() => answer.end("ok"), 50);
  });
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it("sends what it is told to, however slow the answers, and counts what was not answered 200", async () => {
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/`;
    const here = async (args: readonly string[]) =>
      (await runProcess(process.execPath, args.slice(args.indexOf("node") + 1))).stdout;
    const load = { from: "front", url, perSecond: 100, seconds: 1, warmUpSeconds: 0.5 };
    const { sent, seconds, failed } = await putLoad({ kubectl: here }, load);
    expect([sent, arrived]).toEqual([150, 150]);
    expect(failed).toEqual({ "503": 15 });
    expect(seconds).toHaveLength(90);
    expect(seconds[0]).toBeGreaterThan(0.045);
    expect(seconds).toEqual(seconds.toSorted((a, b) => a - b));
  });
});
