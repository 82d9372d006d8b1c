import { get } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { Service, call } from "./service.ts";

const services: Service[] = [];

function start(env: NodeJS.ProcessEnv = {}): Service {
  const service = new Service(env);
  services.push(service);
  return service;
}

afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()));
});

describe("start", () => {
  it("logs one line of JSON for each request, with its id", async () => {
    const service = start({ APP_NAME: "demo" });
    await call(`${await service.url()}/api/job/run/wakeUp?token=secret`);
    const completed = await service.logged("request completed");
    expect(completed).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      app: "demo",
      role: "web",
      requestId: expect.stringMatching(/^[\da-f-]{36}$/) as string,
      method: "GET",
      path: "/api/job/run/wakeUp",
      status: 200,
      durationMs: expect.any(Number) as number,
      msg: "request completed",
    });
    expect((await service.logged("woken up"))["requestId"]).toBe(completed["requestId"]);
  });

  it("refuses unusable settings in plain words and exits with 1", async () => {
    const service = start({ PORT: "http", ROLE: "wbe" });
    expect(await service.exited).toEqual({ code: 1, signal: null });
    expect(service.log).toEqual([]);
    expect(service.stderr).toBe(
      'ROLE is "wbe", but it must be one of web, svca, svcb, msgd; correct it, or leave it out for web\n' +
        'PORT is "http", but it must be a whole number from 0 to 65535; correct it, or unset it for 8080\n',
    );
  });

  it("names the port that another process has", async () => {
    const { port } = new URL(await start().url());
    const second = start({ PORT: port });
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.stderr).toBe(
      `PORT is ${port}, but another process listens on it; set PORT to a free port or stop that process\n`,
    );
  });

  it("names the address that this machine does not have", async () => {
    const service = start({ HOST: "192.0.2.1" });
    expect(await service.exited).toEqual({ code: 1, signal: null });
    expect(service.stderr).toBe(
      "HOST is 192.0.2.1, but this machine has no such address; set HOST to one of its addresses, or unset it to listen on all\n",
    );
  });
});

describe("kill", () => {
  it("answers, then crashes through an unhandled exception whose reason is the log's last line", async () => {
    const service = start();
    const answer = await call(`${await service.url()}/api/job/kill/me`);
    expect(answer).toEqual({ status: 200, connection: "close", body: "Killed" });
    expect(await service.exited).toEqual({ code: 1, signal: null });
    expect(service.log.at(-1)).toMatchObject({
      level: "fatal",
      msg: "the process dies of an unhandled exception",
      origin: "uncaughtException",
      err: { message: "Selfkill: GET /api/job/kill/me was called", stack: expect.stringContaining("web.ts") as string },
    });
    expect(service.stderr).toContain("Error: Selfkill: GET /api/job/kill/me was called");
  });
});

describe("deadlock", () => {
  it("delays the liveness check and nothing else", async () => {
    const service = start({ DEADLOCK_SECONDS: "0.5" });
    const url = await service.url();
    expect((await call(`${url}/api/job/alive/check`)).body).toBe("Alive");
    expect((await call(`${url}/api/job/alive/deadlock`)).body).toBe("Deadlocked");
    const since = performance.now();
    let checked = false;
    const check = call(`${url}/api/job/alive/check`).finally(() => (checked = true));
    expect((await call(`${url}/health`)).status).toBe(200);
    expect(checked).toBe(false);
    expect((await check).body).toBe("Deadlocked!!!");
    // A timer may fire up to a millisecond early.
    expect(performance.now() - since).toBeGreaterThanOrEqual(499);
  });

  it("counts a check that its caller gave up, as a probe's timeout does", async () => {
    const service = start({ LOG_LEVEL: "debug" });
    const url = await service.url();
    await call(`${url}/api/job/alive/deadlock`);
    const request = get(`${url}/api/job/alive/check`, { agent: false });
    request.on("error", () => undefined);
    await service.logged("request received", "/api/job/alive/check");
    request.destroy();
    await service.logged("request given up by its caller", "/api/job/alive/check");
    const { body } = await call(`${url}/metrics`);
    expect(body).toContain(
      'application_api{method="GET",response="499",url="/api/job/alive/check",action="aliveCheck",app="web"} 1',
    );
    expect(body).toContain(
      'application_api_duration_seconds_count{method="GET",url="/api/job/alive/check",action="aliveCheck",app="web"} 1',
    );
  });
});
