import type { FastifyInstance } from "fastify";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createServer } from "../src/server.ts";
import { readSettings } from "../src/settings.ts";
import { Service, call } from "./service.ts";

let app: FastifyInstance;

function serve(env: NodeJS.ProcessEnv): void {
  app = createServer(readSettings({ LOG_LEVEL: "silent", ...env }, []), { draining: false });
}

/** What `Math.random` says from now on: who else draws must not shift what the calls get. */
function draw(value: number): void {
  vi.spyOn(Math, "random").mockReturnValue(value);
}

afterEach(async () => {
  vi.restoreAllMocks();
  await app.close();
});

const status = async (url: string) => (await app.inject(url)).statusCode;
const CONTROLS = ["/", "/health", "/metrics", "/api/job/alive/check", "/api/job/alive/deadlock"];

describe("FAIL_PERCENT", () => {
  it("fails so large a share of the calls", async () => {
    serve({ FAIL_PERCENT: "30" });
    for (const [drawn, answer] of [
      [0.2999, 500],
      [0.3, 200],
      [0, 500],
      [0.9999, 200],
    ] as const) {
      draw(drawn);
      expect([drawn, await status("/api/job/run/wakeUp")]).toEqual([drawn, answer]);
    }
  });

  it("fails all at 100, none at 0", async () => {
    serve({ FAIL_PERCENT: "100" });
    draw(0.999_999_999);
    expect(await status("/api/job/run/wakeUp")).toBe(500);
    await app.close();
    serve({});
    draw(0);
    expect(await status("/api/job/run/wakeUp")).toBe(200);
  });

  it("is counted as any error, and tells the caller nothing of its reason", async () => {
    serve({ APP_NAME: "demo", FAIL_PERCENT: "100" });
    const answer = await app.inject({ url: "/api/job/run/burn?milliseconds=1", headers: { "x-request-id": "r1" } });
    expect(answer.json()).toEqual({ error: "internal error", requestId: "r1" });
    const { body } = await app.inject("/metrics");
    expect(body).toContain(
      'application_api{method="GET",response="500",url="/api/job/run/burn",action="burn",app="demo"} 1',
    );
  });

  it("lets alone what looks at or steers the process, and what is no route", async () => {
    serve({ FAIL_PERCENT: "100", DEADLOCK_SECONDS: "0" });
    for (const url of CONTROLS) expect([url, await status(url)]).toEqual([url, 200]);
    expect(await status("/nowhere")).toBe(404);
    expect(await status("/api/job/run/burn?milliseconds=0")).toBe(400);
  });

  it("touches the routes of a role that knows nothing of it", async () => {
    serve({ FAIL_PERCENT: "100" });
    app.get("/things/:id", { config: { action: "thing" } }, () => "a thing");
    expect(await status("/things/1")).toBe(500);
  });
});

describe("DELAY_MILLIS", () => {
  it("answers calls so much later, and what looks at the process at once", async () => {
    serve({ DELAY_MILLIS: "2000" });
    const took = async (url: string) => {
      const began = performance.now();
      expect(await status(url)).toBe(200);
      return performance.now() - began;
    };
    // A timer may come up to a millisecond early.
    expect(await took("/api/job/run/wakeUp")).toBeGreaterThanOrEqual(1999);
    const began = performance.now();
    for (const url of CONTROLS.slice(0, 4)) expect(await status(url)).toBe(200);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it("delays failures too", async () => {
    serve({ DELAY_MILLIS: "100", FAIL_PERCENT: "100" });
    const began = performance.now();
    expect(await status("/api/job/run/wakeUp")).toBe(500);
    expect(performance.now() - began).toBeGreaterThanOrEqual(99);
  });
});

it("says in the log that faults are set, and why a call failed", async () => {
  serve({});
  const service = new Service({ FAIL_PERCENT: "100", DELAY_MILLIS: "5" });
  try {
    const url = await service.url();
    expect(service.log[0]).toMatchObject({ level: "warn", failPercent: 100, delayMillis: 5 });
    expect((await call(`${url}/api/job/run/wakeUp`)).status).toBe(500);
    const failed = await service.logged("request failed");
    expect(failed).toMatchObject({ level: "error", err: { message: "FAIL_PERCENT is 100: made to fail" } });
  } finally {
    await service.stop();
  }
});
