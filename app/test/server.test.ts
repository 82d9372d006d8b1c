import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createServer } from "../src/server.ts";
import type { Lifecycle } from "../src/server.ts";
import { readSettings } from "../src/settings.ts";

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

let lifecycle: Lifecycle;
let app: FastifyInstance;

beforeEach(() => {
  lifecycle = { draining: false };
  app = createServer(readSettings({ APP_NAME: "demo", LOG_LEVEL: "silent" }, []), lifecycle);
});

afterEach(async () => {
  vi.useRealTimers();
  await app.close();
});

/** The series of application_api above 0, as label text → value. */
async function calls(): Promise<Record<string, number>> {
  const { body } = await app.inject("/metrics");
  const series = [...body.matchAll(/^application_api\{(.*)\} (\d+)$/gm)];
  const counted = series.map(([, labels = "", value]): [string, number] => [labels, Number(value)]);
  return Object.fromEntries(counted.filter(([, value]) => value > 0));
}

describe("application_api", () => {
  it("counts each call by method, response, url, action and app", async () => {
    await app.inject("/api/job/run/wakeUp?at=noon");
    await app.inject("/api/job/run/wakeUp");
    await app.inject("/api/job/alive/check");
    await app.inject("/");
    expect(await calls()).toEqual({
      'method="GET",response="200",url="/api/job/run/wakeUp",action="wakeUp",app="demo"': 2,
      'method="GET",response="200",url="/api/job/alive/check",action="aliveCheck",app="demo"': 1,
      'method="GET",response="200",url="/",action="index",app="demo"': 1,
    });
  });

  it("starts every route at 0, so that the first call shows as growth", async () => {
    const { body } = await app.inject("/metrics");
    expect(body.match(/^application_api\{.*\} 0$/gm)).toHaveLength(6);
    expect(body).toContain("# TYPE application_api counter");
  });

  it("keeps one series for whatever matches no route", async () => {
    for (let index = 0; index < 200; index += 1) await app.inject(`/probe-${String(index)}/${"x".repeat(index)}`);
    expect(await calls()).toEqual({
      'method="GET",response="404",url="(unmatched)",action="(unmatched)",app="demo"': 200,
    });
  });

  it("labels by route template, never by the values in the path", async () => {
    app.get("/things/:id", { config: { action: "thing" } }, (_request, reply) => reply.code(202).send());
    await app.inject("/things/1");
    await app.inject("/things/2");
    expect(await calls()).toEqual({
      'method="GET",response="202",url="/things/:id",action="thing",app="demo"': 2,
    });
  });

  it("leaves out scrapes, readiness checks, icons and the kubelet, not a person's liveness check", async () => {
    const kubelet = { "user-agent": "kube-probe/1.37" };
    for (const url of ["/metrics", "/health", "/favicon.ico"]) await app.inject(url);
    for (const url of ["/api/job/alive/check", "/health", "/nowhere"]) await app.inject({ url, headers: kubelet });
    expect(await calls()).toEqual({});
    await app.inject("/api/job/alive/check");
    expect(Object.values(await calls())).toEqual([1]);
  });

  it("is timed in a histogram, with a series for each route from the start", async () => {
    const durations = async () => {
      const { body } = await app.inject("/metrics");
      const counts = body.matchAll(/^application_api_duration_seconds_count\{(.*)\} (\d+)$/gm);
      return Object.fromEntries([...counts].map(([, labels = "", value]) => [labels, Number(value)]));
    };
    const burn = 'method="GET",url="/api/job/run/burn",action="burn",app="demo"';
    expect(Object.values(await durations())).toEqual([0, 0, 0, 0, 0, 0]);
    await app.inject("/api/job/run/burn?milliseconds=30");
    await app.inject({ url: "/api/job/alive/check", headers: { "user-agent": "kube-probe/1.37" } });
    const counted = Object.entries(await durations()).filter(([, value]) => value > 0);
    expect(counted).toEqual([[burn, 1]]);
    const { body } = await app.inject("/metrics");
    const sum = /^application_api_duration_seconds_sum\{(.*action="burn".*)\} (\S+)$/m.exec(body)?.[2];
    expect(Number(sum)).toBeGreaterThanOrEqual(0.03);
    expect(body).toContain(`application_api_duration_seconds_bucket{le="0.025",${burn}} 0`);
    expect(body).toContain(`application_api_duration_seconds_bucket{le="10",${burn}} 1`);
  });

  it("stands beside the process metrics, in a format that every Prometheus takes", async () => {
    const { headers, body } = await app.inject("/metrics");
    expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(body).toContain("process_cpu_seconds_total");
    expect(body).toContain("nodejs_eventloop_lag_seconds");
  });
});

describe("endpoints", () => {
  it("lists its endpoints on the index page", async () => {
    const { headers, body } = await app.inject("/");
    expect(headers["content-type"]).toBe("text/html; charset=utf-8");
    expect([...body.matchAll(/href="([^"]+)"/g)].map(([, url]) => url)).toEqual([
      "/metrics",
      "/health",
      "/api/job/run/wakeUp",
      "/api/job/run/burn",
      "/api/job/kill/me",
      "/api/job/alive/check",
      "/api/job/alive/deadlock",
    ]);
    expect(body).toContain("kill me");
    expect(body).toContain("deadlock me");
  });

  it("is ready until the process drains, and then keeps no connection", async () => {
    const before = await app.inject("/health");
    expect([before.statusCode, before.json(), before.headers.connection]).toEqual([
      200,
      { status: "ready" },
      "keep-alive",
    ]);
    lifecycle.draining = true;
    const after = await app.inject("/health");
    expect([after.statusCode, after.json(), after.headers.connection]).toEqual([503, { status: "draining" }, "close"]);
    const call = await app.inject("/api/job/run/wakeUp");
    expect([call.statusCode, call.body, call.headers.connection]).toEqual([200, "Woken up", "close"]);
  });

  it("answers the liveness check only after 123 s once it is deadlocked", async () => {
    expect((await app.inject("/api/job/alive/check")).body).toBe("Alive");
    expect((await app.inject("/api/job/alive/deadlock")).body).toBe("Deadlocked");

    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const answered = vi.fn();
    const check = app.inject("/api/job/alive/check").then((response) => {
      answered();
      return response.body;
    });
    // vi.waitUntil would itself move the clock on.
    while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(122_999);
    expect(answered).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(await check).toBe("Deadlocked!!!");
  });

  it("burns a core for as long as it is told, and answers other calls meanwhile", async () => {
    const began = performance.now();
    const burnt = vi.fn();
    const burning = app.inject("/api/job/run/burn?milliseconds=1000").then(({ body }) => {
      burnt();
      return body;
    });
    expect((await app.inject("/health")).statusCode).toBe(200);
    expect(burnt).not.toHaveBeenCalled();
    expect(await burning).toMatch(/^Burnt [1-9]\d* rounds$/);
    expect(performance.now() - began).toBeGreaterThanOrEqual(1000);
  });

  it.each(["0", "1001", "-5", "1.5", "forever"])("does not burn for %s ms", async (milliseconds) => {
    const { statusCode, body } = await app.inject(`/api/job/run/burn?milliseconds=${milliseconds}`);
    expect([statusCode, body]).toEqual([400, expect.stringContaining("milliseconds")]);
  });

  it("does no job for a HEAD request", async () => {
    const urls = ["/api/job/run/wakeUp", "/api/job/run/burn", "/api/job/kill/me", "/api/job/alive/deadlock"];
    for (const url of urls) expect((await app.inject({ method: "HEAD", url })).statusCode).toBe(404);
    expect((await app.inject("/api/job/alive/check")).body).toBe("Alive");
  });
});

describe("request id", () => {
  it.each(["4f1c2d", "13c3af6e-2f52-993d-905f-aa6aa4b57e2d", "Root=1-67891233-abcdef012345678912345678"])(
    "takes over %s",
    async (id) => {
      const { headers } = await app.inject({ url: "/health", headers: { "x-request-id": id } });
      expect(headers["x-request-id"]).toBe(id);
    },
  );

  it.each(["", "two words", 'quote"', "a,b", "é", "x".repeat(129)])("replaces %j", async (id) => {
    const { headers } = await app.inject({ url: "/health", headers: { "x-request-id": id } });
    expect(headers["x-request-id"]).toMatch(UUID);
  });

  it("is new for each request that brings none", async () => {
    const ids = await Promise.all([1, 2, 3].map(async () => (await app.inject("/")).headers["x-request-id"]));
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(UUID);
  });

  it("is in the answer to what went wrong, and the inner reason is not", async () => {
    app.get("/broken", () => {
      throw new Error("the password is wrong");
    });
    const headers = { "x-request-id": "r1" };
    const broken = await app.inject({ url: "/broken", headers });
    expect([broken.statusCode, broken.json()]).toEqual([500, { error: "internal error", requestId: "r1" }]);
    const missing = await app.inject({ url: "/missing", headers });
    expect([missing.statusCode, missing.json()]).toEqual([404, { error: "not found", requestId: "r1" }]);
    const undecodable = await app.inject({ url: "/%zz", headers });
    expect([undecodable.statusCode, undecodable.headers["x-request-id"]]).toEqual([400, "r1"]);
  });
});
