import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { agentConfig, agentState, eventsConfig } from "../../../components/plan/monitoring/log-agent.ts";
import { redactionProblems } from "../../../components/plan/monitoring/redaction-checks.ts";
import { temporaryFolder } from "../../engine/programs.ts";
import { redactedLines } from "./redacted-lines.ts";
import { collector, criLine, RunningAgent } from "./running-agent.ts";

const settings = { namespace: "watch", memoryMiB: 200, redact: ["cust-[0-9]{8}"] };
interface Config {
  readonly receivers: Record<string, Record<string, unknown>>;
  readonly processors: Record<string, Record<string, unknown>>;
  readonly exporters: { readonly otlphttp: Record<string, unknown> & { readonly sending_queue: object } };
  readonly extensions: Record<string, unknown>;
  readonly service: { readonly pipelines: Record<string, { readonly processors: string[] }> };
}

describe("the log agent's configuration", () => {
  const config = parse(agentConfig(settings)) as Config;

  test("reads every pod and the node's files, and goes on where it was", () => {
    expect(config.receivers["filelog/pods"]).toMatchObject({
      include: ["/var/log/pods/*/*/*.log"],
      start_at: "beginning",
      storage: "file_storage",
    });
    expect(config.receivers["filelog/node"]?.["include"]).toEqual(
      expect.arrayContaining(["/var/log/kubelet.log", "/var/log/syslog", "/var/log/kubernetes/audit/*.log"]),
    );
    expect(config.extensions["file_storage"]).toMatchObject({ directory: agentState, recreate: true });
  });

  test("keeps lines on the node while Loki takes none, and leaves none out", () => {
    expect(config.exporters.otlphttp).toMatchObject({
      endpoint: "http://loki.watch.svc:3100/otlp",
      retry_on_failure: { max_elapsed_time: "0s" },
      sending_queue: { storage: "file_storage", block_on_overflow: true },
    });
    for (const receiver of Object.values(config.receivers))
      expect(receiver["retry_on_failure"]).toEqual({ enabled: true, max_elapsed_time: "0s" });
  });

  test("stays within its memory", () => {
    expect(config.processors["memory_limiter"]).toMatchObject({ limit_mib: 160, spike_limit_mib: 40 });
    for (const { processors } of Object.values(config.service.pipelines)) expect(processors[0]).toBe("memory_limiter");
  });
});

describe("the configuration for events", () => {
  test("reads events and takes the same secrets out of them", () => {
    const config = parse(eventsConfig(settings)) as Config;
    expect(Object.keys(config.receivers)).toEqual(["k8s_events"]);
    expect(JSON.stringify(config.processors["transform/events"])).toContain("cust-[0-9]{8}");
    expect(config.exporters.otlphttp.sending_queue).not.toHaveProperty("storage");
  });
});

// Left out until the local run has built the collector: building it takes minutes, and unit tests take seconds.
describe.skipIf(!existsSync(collector))("the collector itself", () => {
  let agent: RunningAgent;
  const shop = "pods/apps_shop-0_2a1b3a5b-29fe-4e55-8a9b-6851b4602554/web/0.log";
  const where = { source: "pods", namespace: "apps", pod: "shop-0", container: "web", app: "web" };
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const lineOf = (text: string) => agent.arrived.find((line) => line.text === text);

  beforeAll(async () => {
    agent = new RunningAgent();
    for (const [, line] of redactedLines) agent.write(shop, criLine(line));
    await agent.start(settings.redact);
    await vi.waitFor(() => expect(agent.arrived).toHaveLength(redactedLines.length), 20_000);
  });
  afterAll(() => agent.end());

  test.each(redactedLines)("takes out %s", (_what, _line, kept) => {
    expect(lineOf(kept)).toMatchObject({ labels: where });
  });

  test.each([
    [
      `{"level":"info","requestId":"9c051e20-2d48","traceId":"${trace}","spanId":"00f067aa0ba902b7","msg":"woken up"}`,
      { level: "info", request_id: "9c051e20-2d48", traceId: trace, spanId: "00f067aa0ba902b7" },
    ],
    ['{"level":50,"msg":"no such order"}', { level: "error" }],
    // etcd numbers what it calls a trace.
    ['{"level":"warn","trace_id":1890178705,"msg":"slow"}', { level: "warn" }],
    ["I1123 03:03:17.922686       1 cidrallocator.go:278] updated", { level: "info" }],
    ["E1123 03:05:14.169032       1 daemon_controller.go:411] failed", { level: "error" }],
    ['time=2026-11-23T02:43:53.392Z level=WARN source=main.go:1273 msg="slow"', { level: "warn" }],
    ["[ERROR] plugin/errors: 2 example.com. A: read udp: refused", { level: "error" }],
    ["2026-11-23T03:00:00Z INFO started", { level: "info" }],
    ["just a line", {}],
    ['{"level":"of water","msg":"high"}', {}],
    ["{not JSON", {}],
  ])("reads the fields of %s", async (text, fields) => {
    agent.write(shop, criLine(text));
    const line = await vi.waitFor(() => expect(lineOf(text)).toBeDefined(), 10_000).then(() => lineOf(text));
    expect(line?.fields).toEqual(fields);
    expect(line?.labels).toEqual(where);
  });

  test("joins the parts that containerd makes of a long line", async () => {
    agent.write(shop, criLine("a".repeat(16_384), true) + criLine("the end"));
    await vi.waitFor(() => expect(lineOf(`${"a".repeat(16_384)}the end`)).toBeDefined(), 10_000);
  });

  test("reads what the node's programs write, by their files' names", async () => {
    const text = "E1123 03:05:14.169032    1234 pod_workers.go:1301] Error syncing pod";
    agent.write("kubelet.log", `${text}\n`);
    await vi.waitFor(() => expect(lineOf(text)).toBeDefined(), 10_000);
    expect(lineOf(text)?.labels).toEqual({ source: "node", app: "kubelet", node: "node-1" });
    expect(lineOf(text)?.fields).toEqual({ level: "error", file: "kubelet.log" });
  });

  test("reads after a restart what was written meanwhile, and nothing twice", async () => {
    await agent.stop();
    const before = agent.arrived.length;
    agent.write(shop, criLine("written meanwhile"));
    await agent.start();
    await vi.waitFor(() => expect(lineOf("written meanwhile")).toBeDefined(), 10_000);
    agent.write(shop, criLine("written after"));
    await vi.waitFor(() => expect(lineOf("written after")).toBeDefined(), 10_000);
    expect(agent.arrived.slice(before).map(({ text }) => text)).toEqual(["written meanwhile", "written after"]);
  });

  test("takes the configuration for events", () => {
    const file = join(temporaryFolder(), "events.yaml");
    writeFileSync(file, eventsConfig(settings));
    expect(execFileSync(collector, ["validate", "--config", file], { stdio: "pipe", encoding: "utf8" })).toBe("");
  });

  test("refuses what this project's own check of patterns refuses", () => {
    const folder = temporaryFolder();
    const tried = ["(?<=a)b", "(a)\\1", "a{2000}", "(a"];
    for (const pattern of tried) {
      expect(redactionProblems([pattern])).toHaveLength(1);
      const file = join(folder, "config.yaml");
      writeFileSync(file, eventsConfig({ ...settings, redact: [pattern] }));
      expect(() => execFileSync(collector, ["validate", "--config", file], { stdio: "pipe" })).toThrow(/regex/);
    }
  });
});
