import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { gatewayConfig, type GatewaySettings } from "../../../components/plan/monitoring/gateway-config.ts";
import { temporaryFolder } from "../../engine/programs.ts";
import { collector, RunningGateway } from "./running-gateway.ts";

const all: GatewaySettings = { zipkin: true, loki: true, samplePercent: 100, redact: [], memoryMiB: 200 };
interface Config {
  readonly processors: Record<string, Record<string, unknown>>;
  readonly exporters: Record<string, Record<string, unknown>>;
  readonly service: {
    readonly pipelines: Record<string, { readonly processors: string[]; readonly exporters: string[] }>;
  };
}
const read = (settings: Partial<GatewaySettings> = {}) => parse(gatewayConfig({ ...all, ...settings })) as Config;

describe("the gateway's configuration", () => {
  test("sends traces to Zipkin and logs to Loki, as far as they are there", () => {
    const sinks = (settings: Partial<GatewaySettings>) =>
      Object.entries(read(settings).service.pipelines).map(([signal, { exporters }]) => [signal, ...exporters]);
    expect(sinks({})).toEqual([
      ["traces", "zipkin"],
      ["logs", "otlphttp/loki"],
    ]);
    expect(sinks({ loki: false })).toEqual([["traces", "zipkin"]]);
    expect(sinks({ zipkin: false })).toEqual([["logs", "otlphttp/loki"]]);
    expect(Object.keys(read({ zipkin: false }).exporters)).toEqual(["otlphttp/loki"]);
  });

  test("takes secrets out before anything leaves, and guards its memory before anything else", () => {
    const { pipelines } = read().service;
    expect(pipelines["traces"]?.processors).toEqual(["memory_limiter", "transform/traces", "batch"]);
    expect(pipelines["logs"]?.processors).toEqual(["memory_limiter", "transform/logs", "batch"]);
    const custom = read({ redact: ["cust-[0-9]{8}"] }).processors;
    for (const signal of ["traces", "logs"])
      expect(JSON.stringify(custom[`transform/${signal}`])).toContain("cust-[0-9]{8}");
  });

  test("keeps a part of the traces where asked, chosen before there is work with the others", () => {
    expect(read({ samplePercent: 100 }).processors).not.toHaveProperty("probabilistic_sampler");
    const { processors, service } = read({ samplePercent: 10 });
    expect(processors["probabilistic_sampler"]).toEqual({ sampling_percentage: 10 });
    expect(service.pipelines["traces"]?.processors).toEqual([
      "memory_limiter",
      "probabilistic_sampler",
      "transform/traces",
      "batch",
    ]);
    expect(service.pipelines["logs"]?.processors).not.toContain("probabilistic_sampler");
  });

  test("waits for what takes no more, up to a bound", () => {
    for (const exporter of Object.values(read().exporters))
      expect(exporter).toMatchObject({
        retry_on_failure: { max_elapsed_time: "300s" },
        sending_queue: { sizer: "items", queue_size: 10_000 },
      });
  });

  test("stays within its memory", () => {
    expect(read().processors["memory_limiter"]).toMatchObject({ limit_mib: 160, spike_limit_mib: 40 });
  });
});

// Left out until the local run has built the Collector: building it takes a minute, and unit tests take seconds.
describe.skipIf(!existsSync(collector))("the Collector", () => {
  const check = (settings: Partial<GatewaySettings>) => {
    const file = join(temporaryFolder(), "config.yaml");
    writeFileSync(file, gatewayConfig({ ...all, ...settings }));
    return execFileSync(collector, ["validate", "--config", file], { stdio: "pipe", encoding: "utf8" });
  };

  test.each<Partial<GatewaySettings>>([
    {},
    { loki: false },
    { zipkin: false },
    { samplePercent: 0 },
    { redact: ['"\\$1"', "a{2}"] },
  ])("takes the configuration of %o", (settings) => {
    expect(check(settings)).toBe("");
  });

  test("refuses another", () => {
    expect(() => check({ samplePercent: -1 })).toThrow(/sampling rate is negative/);
  });
});

describe.skipIf(!existsSync(collector))("the running gateway", () => {
  let gateway: RunningGateway;
  beforeEach(() => {
    gateway = new RunningGateway();
  });
  afterEach(() => gateway.end());

  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const traces = (ids: readonly string[] = [traceId]) => ({
    resourceSpans: [
      {
        resource: { attributes: [text("service.name", "shop"), text("k8s.pod.name", "shop-1")] },
        scopeSpans: [
          {
            spans: ids.map((id) => ({
              traceId: id,
              spanId: "b7ad6b7169203331",
              name: "GET /orders?token=abcdef",
              status: { code: 2, message: "password=hunter2" },
              kind: 2,
              startTimeUnixNano: "1795403425266000000",
              endTimeUnixNano: "1795403425290505747",
              attributes: [
                text("url.full", "http://db/orders?token=abcdef&page=2"),
                text("http.request.header.authorization", "Bearer 0123456789abcdef0123"),
                text("customer", "cust-12345678"),
                text("http.route", "/orders"),
              ],
              events: [
                {
                  timeUnixNano: "1795403425270000000",
                  name: "exception",
                  attributes: [text("exception.message", "no sign-in with password=hunter2")],
                },
              ],
            })),
          },
        ],
      },
    ],
  });

  test("brings a span to Zipkin with its place, and without its secrets", async () => {
    await gateway.start({ redact: ["cust-[0-9]{8}"] });
    expect(await gateway.send("traces", traces())).toBe(200);
    await vi.waitUntil(() => gateway.spans.length > 0, 10_000);
    const [span] = gateway.spans;
    expect(span).toMatchObject({
      traceId,
      id: "b7ad6b7169203331",
      kind: "SERVER",
      // Zipkin's names are in small letters.
      name: "get /orders?token=[redacted]",
      localEndpoint: { serviceName: "shop" },
      tags: {
        "k8s.pod.name": "shop-1",
        "http.route": "/orders",
        "url.full": "http://db/orders?token=[redacted]&page=2",
        customer: "[redacted]",
        "otel.status_description": "password=[redacted]",
      },
    });
    expect(JSON.stringify(span)).toContain("no sign-in with password=[redacted]");
    expect(JSON.stringify(span)).not.toMatch(/abcdef0123|hunter2|cust-1|token=abc/);
  });

  test("brings a log line to Loki under its labels, with its trace, and without its secrets", async () => {
    await gateway.start();
    const line = { timeUnixNano: "1795403425266000000", body: { stringValue: "signed in with password: hunter2" } };
    const body = {
      resourceLogs: [
        {
          resource: { attributes: [text("service.name", "shop"), text("k8s.namespace.name", "apps")] },
          scopeLogs: [{ logRecords: [{ ...line, traceId, spanId: "b7ad6b7169203331", severityText: "WARN" }] }],
        },
      ],
    };
    expect(await gateway.send("logs", body)).toBe(200);
    await vi.waitUntil(() => gateway.logs.length > 0, 10_000);
    const [sent = ""] = gateway.logs;
    expect(sent).toContain("signed in with password: [redacted]");
    expect(sent).toContain(traceId);
    for (const [key, value] of Object.entries({ source: "apps", app: "shop", namespace: "apps", level: "warn" }))
      expect(sent).toContain(JSON.stringify(text(key, value)));
  });

  test("keeps the traces that its replicas would keep too", async () => {
    await gateway.start({ samplePercent: 50 });
    const other = new RunningGateway();
    try {
      await other.start({ samplePercent: 50 });
      const ids = Array.from(
        { length: 200 },
        (_, index) => `${"0af7651916cd43dd"}${index.toString(16).padStart(16, "7")}`,
      );
      for (const each of [gateway, other]) {
        await each.send("traces", traces(ids));
        await vi.waitUntil(() => each.spans.length > 0, 10_000);
      }
      const kept = gateway.spans.map((span) => span.traceId);
      expect(kept).toEqual(other.spans.map((span) => span.traceId));
      expect(kept.length).toBeGreaterThan(50);
      expect(kept.length).toBeLessThan(150);
    } finally {
      await other.end();
    }
  });

  test("counts under the names, and with the labels, that the alerts ask for", async () => {
    gateway.answer = 503;
    await gateway.start({}, false);
    await gateway.send("traces", traces());
    await vi.waitUntil(() => gateway.refused > 0, 10_000);
    await vi.waitUntil(async () => (await gateway.series()).has("otelcol_exporter_send_failed_spans_total"), 10_000);
    const series = await gateway.series();
    const rules = readFileSync(join(import.meta.dirname, "../../../data/rules/traces.yaml"), "utf8");
    const asked = new Set(rules.match(/otelcol_\w+/g));
    // Counted only once a queue is full.
    asked.delete("otelcol_exporter_enqueue_failed_spans_total");
    expect(asked.size).toBeGreaterThan(3);
    expect([...series.keys()]).toEqual(expect.arrayContaining([...asked]));
    expect(series.get("otelcol_exporter_queue_size")).toMatch(/data_type="(traces|logs)"/);
    expect([...series.values()].join()).not.toContain("otel_scope_name");
  });

  test("keeps spans that Zipkin does not take, and brings them when it does", async () => {
    gateway.answer = 503;
    await gateway.start();
    expect(await gateway.send("traces", traces())).toBe(200);
    await vi.waitUntil(() => gateway.refused > 0, 10_000);
    gateway.answer = 202;
    await vi.waitUntil(() => gateway.spans.length > 0, 20_000);
    expect(gateway.spans.map((span) => span.traceId)).toEqual([traceId]);
  });
});
