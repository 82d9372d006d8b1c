import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Collector } from "./collector.ts";
import { Service } from "./service.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT = `00-${TRACE_ID}-b7ad6b7169203331-01`;

const services: Service[] = [];
const others: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()));
  await Promise.all(others.splice(0).map((stop) => stop()));
});

function start(role: string, env: NodeJS.ProcessEnv = {}): Service {
  const service = new Service({ SHUTDOWN_DELAY_SECONDS: "0", ...env }, [role]);
  services.push(service);
  return service;
}

/** The three services, each told where the next one is. */
async function chain(env: NodeJS.ProcessEnv = {}, version = "v0.2") {
  const msgd = start("msgd", env);
  const svcb = start("svcb", { ...env, SEND_URL: await msgd.url(), VERSION: version });
  const svca = start("svca", { ...env, NOTIFY_URL: await svcb.url() });
  return { msgd, svcb, svca, url: await svca.url() };
}

/** A service of another make, that answers as it is told. */
async function other(answer: (headers: NodeJS.Dict<string | string[]>) => [number, string] | undefined) {
  const server = createServer((request, response) => {
    const [status, body] = answer(request.headers) ?? [];
    if (status !== undefined) response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  others.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

describe("the chain svca → svcb → msgd", () => {
  it("pays, notifies and sends; each answer names its service and version", async () => {
    const { msgd, url } = await chain();
    const answer = await fetch(`${url}/pay`);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      {
        service: "svca",
        version: "v0.1",
        message: "paid",
        next: {
          service: "svcb",
          version: "v0.2",
          message: "notified",
          next: { service: "msgd", version: "v0.1", message: "sent svca:v0.1-pays-ok" },
        },
      },
    ]);
    expect(await msgd.logged("message sent")).toMatchObject({ received: "svca:v0.1-pays-ok" });
  });

  it("is one trace and one request id through all three", async () => {
    const collector = new Collector();
    others.push(() => collector.stop());
    const { url, svca, svcb, msgd } = await chain({ OTEL_EXPORTER_OTLP_ENDPOINT: await collector.listen() });
    await fetch(`${url}/pay`, { headers: { traceparent: TRACEPARENT, "x-request-id": "order-7" } });
    for (const service of [svca, svcb, msgd])
      expect(await service.logged("request completed")).toMatchObject({ requestId: "order-7", traceId: TRACE_ID });
    await vi.waitUntil(() => collector.spans.length >= 5, 5000);
    const servers = collector.spans.filter(({ kind }) => kind === 2);
    expect(servers.map(({ name }) => name).sort()).toEqual(["GET /notify", "GET /pay", "GET /send"]);
    expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE_ID]));
    // Each service's span hangs below the call of the one before it.
    const parents = new Map(collector.spans.map(({ spanId, kind }) => [spanId, kind]));
    for (const { name, parentSpanId } of servers.filter(({ name }) => name !== "GET /pay"))
      expect(parents.get(parentSpanId ?? ""), name).toBe(3);
  });

  it("passes the caller's trace on where it sends none itself", async () => {
    const seen: NodeJS.Dict<string | string[]>[] = [];
    const url = await other((headers) => {
      seen.push(headers);
      return [200, '{"service":"x","version":"v9","message":"m"}'];
    });
    const svcb = start("svcb", { SEND_URL: url });
    await fetch(`${await svcb.url()}/notify`, {
      headers: { traceparent: TRACEPARENT, baggage: "user=7", cookie: "no" },
    });
    expect(seen[0]).toMatchObject({ traceparent: TRACEPARENT, baggage: "user=7" });
    expect(seen[0]).not.toHaveProperty("cookie");
  });
});

describe("a service whose next one", () => {
  it.each<[string, () => Promise<string>, RegExp, number?]>([
    ["is not there", () => Promise.resolve("http://127.0.0.1:2"), /127\.0\.0\.1:2 cannot be reached: ECONNREFUSED/],
    ["refuses", () => other(() => [403, "RBAC: access denied"]), /answered 403: RBAC: access denied/],
    ["fails", () => other(() => [500, "x".repeat(5000)]), /^\{"error":"127\.0\.0\.1:\d+ answered 500: x{200}"/],
    ["never answers", () => other(() => undefined), /cannot be reached: no answer within 700 ms/, 700],
    ["answers no JSON", () => other(() => [200, "<html>"]), /internal error/],
  ])("%s: says which and how", async (_what, url, expected, timeoutMillis = 30_000) => {
    const svcb = start("svcb", { SEND_URL: await url(), CALL_TIMEOUT_MILLIS: String(timeoutMillis) });
    const answer = await fetch(`${await svcb.url()}/notify`);
    const body = await answer.text();
    expect(body).toMatch(expected);
    expect(answer.status).toBe(body.includes("internal error") ? 500 : 502);
    // It lives on: the fault is another's.
    expect((await fetch(`${await svcb.url()}/health`)).status).toBe(200);
  });
});

describe("each role of the chain", () => {
  it.each([
    ["svca", "/pay"],
    ["svcb", "/notify"],
    ["msgd", "/send"],
  ])("%s has readiness, liveness, metrics and a menu with its own endpoint", async (role, path) => {
    const url = await start(role).url();
    for (const each of ["/health", "/api/job/alive/check", "/metrics"])
      expect((await fetch(url + each)).status, each).toBe(200);
    expect(await (await fetch(url)).text()).toContain(`<a href="${path}"`);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(
      `application_api{method="GET",response="200",url="${path}"`,
    );
  });

  it("counts a call once, whatever it carries, and refuses a message that is too long", async () => {
    const url = await start("msgd").url();
    expect((await fetch(`${url}/send?msg=${"x".repeat(200)}`, { method: "POST" })).status).toBe(200);
    expect((await fetch(`${url}/send?msg=${"x".repeat(201)}`)).status).toBe(400);
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toContain('application_api{method="POST",response="200",url="/send",action="send",app="msgd"} 1');
    expect(text).toContain('application_api{method="GET",response="400",url="/send",action="send",app="msgd"} 1');
  });
});
