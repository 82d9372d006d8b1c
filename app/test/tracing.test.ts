import { createServer as createPlainServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createServer } from "../src/server.ts";
import { readSettings } from "../src/settings.ts";
import { Tracing } from "../src/tracing.ts";
import { Collector, type SentSpan } from "./collector.ts";
import { Service, call } from "./service.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE_ID}-${CALLER}-01`;
const NEW_TRACE = /^(?!0+$)[\da-f]{32}$/;
const NEW_SPAN = /^(?!0+$)[\da-f]{16}$/;

let collector: Collector;
const services: Service[] = [];

beforeEach(() => {
  collector = new Collector();
});

afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()));
  await collector.stop();
});

function start(endpoint: string, env: NodeJS.ProcessEnv = {}): Service {
  const service = new Service({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, SHUTDOWN_DELAY_SECONDS: "0", ...env });
  services.push(service);
  return service;
}

/** What the collector has once the process has ended, which sends what is left. */
async function sent(service: Service): Promise<readonly SentSpan[]> {
  service.signal("SIGTERM");
  await service.exited;
  return collector.spans;
}

const get = (url: string, headers: Record<string, string> = {}) => fetch(url, { headers });

describe("a process with a collector", () => {
  it("takes a request's trace over, names it in each log line and in the answer, and sends its span", async () => {
    const service = start(await collector.listen(), {
      LOG_LEVEL: "debug",
      OTEL_SERVICE_NAME: "shop",
      OTEL_RESOURCE_ATTRIBUTES: "k8s.namespace.name=apps,k8s.pod.name=shop-1",
    });
    const answer = await get(`${await service.url()}/api/job/run/wakeUp?token=secret`, { traceparent: TRACEPARENT });
    expect([answer.headers.get("x-trace-id"), await answer.text()]).toEqual([TRACE_ID, "Woken up"]);
    const completed = await service.logged("request completed");
    const ids = { traceId: TRACE_ID, spanId: completed["spanId"], requestId: answer.headers.get("x-request-id") };
    expect(ids.spanId).toMatch(NEW_SPAN);
    for (const message of ["request received", "woken up", "request completed"])
      expect(await service.logged(message)).toMatchObject(ids);

    await vi.waitUntil(() => collector.spans.length > 0, 5000);
    expect(collector.spans).toHaveLength(1);
    expect(collector.spans[0]).toMatchObject({
      traceId: TRACE_ID,
      spanId: ids.spanId,
      parentSpanId: CALLER,
      name: "GET /api/job/run/wakeUp",
      kind: 2,
      resource: { "service.name": "shop", "k8s.namespace.name": "apps", "k8s.pod.name": "shop-1" },
      attributes: {
        "http.request.method": "GET",
        "http.route": "/api/job/run/wakeUp",
        "url.path": "/api/job/run/wakeUp",
        "http.response.status_code": 200,
      },
    });
    expect(JSON.stringify(collector.spans)).not.toContain("secret");
  });

  it("begins a trace of its own where the caller has none, or none that can be read", async () => {
    const service = start(await collector.listen(), { APP_NAME: "demo" });
    const url = await service.url();
    const ids: unknown[] = [];
    for (const traceparent of ["", "00-xyz", `00-${"0".repeat(32)}-${CALLER}-01`]) {
      const answer = await get(url, traceparent === "" ? {} : { traceparent });
      expect(answer.headers.get("x-trace-id")).toMatch(NEW_TRACE);
      ids.push(answer.headers.get("x-trace-id"));
    }
    expect(new Set(ids).size).toBe(3);
    const spans = await sent(service);
    expect(spans.map(({ traceId }) => traceId)).toEqual(ids);
    for (const span of spans) {
      expect(span).toMatchObject({ name: "GET /", resource: { "service.name": "demo" } });
      expect(span.parentSpanId).toBeUndefined();
    }
  });

  it("sends no span of a trace that its caller chose not to keep, and logs its id all the same", async () => {
    const service = start(await collector.listen());
    const url = await service.url();
    await get(url, { traceparent: `00-${TRACE_ID}-${CALLER}-00` });
    expect((await service.logged("request completed"))["traceId"]).toBe(TRACE_ID);
    await get(`${url}/api/job/run/wakeUp`);
    expect((await sent(service)).map(({ name }) => name)).toEqual(["GET /api/job/run/wakeUp"]);
  });

  it("traces no scrape, no icon and nothing that the kubelet asks", async () => {
    const service = start(await collector.listen(), { LOG_LEVEL: "debug" });
    const url = await service.url();
    for (const path of ["/health", "/health?full", "/metrics", "/favicon.ico"]) await get(`${url}${path}`);
    await get(`${url}/api/job/alive/check`, { "user-agent": "kube-probe/1.37" });
    await get(`${url}/nowhere`);
    expect((await sent(service)).map(({ attributes }) => attributes["url.path"])).toEqual(["/nowhere"]);
    const traced = service.log.filter((line) => "traceId" in line).map(({ path }) => path);
    expect(new Set(traced)).toEqual(new Set(["/nowhere"]));
  });

  it("ends the span of an address that cannot be decoded", async () => {
    const service = start(await collector.listen());
    await get(`${await service.url()}/%zz`);
    expect((await sent(service))[0]).toMatchObject({ name: "GET", attributes: { "http.response.status_code": 400 } });
  });

  it("sends its last spans before it ends", async () => {
    const service = start(await collector.listen());
    await get(await service.url(), { traceparent: TRACEPARENT });
    service.signal("SIGTERM");
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(collector.spans.map(({ traceId }) => traceId)).toEqual([TRACE_ID]);
  });
});

describe("a process whose collector is away", () => {
  it("serves on, says so once, and once more when spans are taken again", async () => {
    const endpoint = await collector.listen();
    await collector.stop();
    const service = start(endpoint);
    const url = await service.url();
    const failures = () => service.log.filter(({ msg }) => msg.startsWith("traces are not taken"));
    for (let round = 0; round < 3; round += 1) {
      const began = performance.now();
      expect((await get(`${url}/api/job/run/wakeUp`)).status).toBe(200);
      expect(performance.now() - began).toBeLessThan(1000);
      await vi.waitUntil(() => failures().length > 0, 15_000);
    }
    collector = new Collector();
    await collector.listen(Number(new URL(endpoint).port));
    await vi.waitUntil(
      async () => {
        await get(url);
        return service.log.some(({ msg }) => msg === "traces are taken again");
      },
      { timeout: 20_000, interval: 500 },
    );
    expect(failures()).toHaveLength(1);
  }, 45_000);

  it("ends in its time although the collector never answers", async () => {
    collector.answer = "never";
    const service = start(await collector.listen());
    await get(await service.url());
    const began = performance.now();
    service.signal("SIGTERM");
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - began).toBeLessThan(4000);
    expect(service.log.at(-1)?.msg).toBe("closed: all requests ended");
  });

  it("waits for it no longer than requests might have taken", async () => {
    collector.answer = "never";
    const service = start(await collector.listen(), { SHUTDOWN_TIMEOUT_SECONDS: "0.1" });
    await get(await service.url());
    const began = performance.now();
    service.signal("SIGTERM");
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - began).toBeLessThan(1900);
  });
});

describe("a process without a collector", () => {
  it("answers and logs without a trace", async () => {
    const service = new Service();
    services.push(service);
    const answer = await get(await service.url(), { traceparent: TRACEPARENT });
    expect(answer.headers.get("x-trace-id")).toBeNull();
    expect(await service.logged("request completed")).not.toHaveProperty("traceId");
    expect((await call(await service.url())).status).toBe(200);
  });
});

describe("what a request does", () => {
  const taken = new Collector();
  const received: (string | undefined)[] = [];
  const callee = createPlainServer((request, response) => {
    received.push(request.headers["traceparent"] as string | undefined);
    response.end("ok");
  });
  let tracing: Tracing;
  let app: ReturnType<typeof createServer>;

  beforeAll(async () => {
    await new Promise<void>((resolve) => callee.listen(0, "127.0.0.1", resolve));
    const settings = readSettings({ LOG_LEVEL: "silent" }, []);
    tracing = new Tracing(await taken.listen(), settings);
    app = createServer(settings, { draining: false }, tracing);
    const url = `http://127.0.0.1:${String((callee.address() as AddressInfo).port)}/callee?key=value`;
    app.get("/caller/:id", async () => (await fetch(url)).text());
    app.get("/broken", () => {
      throw new Error("out of order");
    });
  });

  afterAll(async () => {
    await app.close();
    callee.close();
    await tracing.stop();
    await taken.stop();
  });

  it("passes its trace on with fetch, as a span of its own", async () => {
    await app.inject({ url: "/caller/7", headers: { traceparent: TRACEPARENT } });
    await vi.waitUntil(() => taken.spans.length >= 2, 5000);
    const [server, client] = [2, 3].map((kind) => taken.spans.find((span) => span.kind === kind));
    expect(server).toMatchObject({ traceId: TRACE_ID, parentSpanId: CALLER, name: "GET /caller/:id" });
    expect(client).toMatchObject({ traceId: TRACE_ID, parentSpanId: server?.spanId });
    expect(received).toEqual([`00-${TRACE_ID}-${client?.spanId ?? ""}-01`]);
  });

  it("is an error in its trace when it fails", async () => {
    await app.inject("/broken");
    await vi.waitUntil(() => taken.spans.some(({ name }) => name === "GET /broken"), 5000);
    expect(taken.spans.find(({ name }) => name === "GET /broken")).toMatchObject({
      status: { code: 2 },
      attributes: { "http.response.status_code": 500, "error.type": "500" },
      events: [{ name: "exception" }],
    });
  });
});
