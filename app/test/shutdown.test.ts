import { once } from "node:events";
import { Agent } from "node:http";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Service, call } from "./service.ts";

vi.setConfig({ testTimeout: 30_000 });

const services: Service[] = [];
const balancers: Balancer[] = [];

function start(env: NodeJS.ProcessEnv = {}): Service {
  const service = new Service(env);
  services.push(service);
  return service;
}

afterEach(async () => {
  for (const balancer of balancers.splice(0)) balancer.stop();
  await Promise.all(services.splice(0).map((service) => service.stop()));
});

async function refused(url: string): Promise<boolean> {
  return call(url).then(
    () => false,
    (error: unknown) => (error as NodeJS.ErrnoException).code === "ECONNREFUSED",
  );
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitUntil(condition, { timeout: 10_000, interval: 10 });
}

/** Sends each new connection to `target` and leaves those that exist where they are, as a Kubernetes Service does. */
class Balancer {
  target: string;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(target: string) {
    this.target = target;
    balancers.push(this);
    this.#server = createServer((client) => {
      const upstream = connect(Number(new URL(this.target).port), "127.0.0.1");
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.on("error", () => {
          client.destroy();
          upstream.destroy();
        });
      }
      client.pipe(upstream).pipe(client);
    });
  }

  async listen(): Promise<string> {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

describe("SIGTERM", () => {
  it("goes not ready, serves on, closes the listener, lets requests in flight end, exits with 0", async () => {
    const service = start({ SHUTDOWN_DELAY_SECONDS: "0.5", DEADLOCK_SECONDS: "2.5", LOG_LEVEL: "debug" });
    const url = await service.url();
    await call(`${url}/api/job/alive/deadlock`);
    let slowHasEnded = false;
    const slow = call(`${url}/api/job/alive/check`).finally(() => (slowHasEnded = true));
    await service.logged("request received", "/api/job/alive/check");
    const late = connect(Number(new URL(url).port), "127.0.0.1");
    await once(late, "connect");

    service.signal("SIGTERM");
    await service.logged("draining");
    expect(await call(`${url}/health`)).toEqual({ status: 503, connection: "close", body: '{"status":"draining"}' });
    expect(await call(`${url}/api/job/run/wakeUp`)).toEqual({ status: 200, connection: "close", body: "Woken up" });
    expect(service.log.map(({ msg }) => msg)).not.toContain("closing: no new connections");

    expect(await service.logged("closing")).toMatchObject({ requestsInFlight: 1 });
    await until(() => refused(url));
    late.write("GET /api/job/run/wakeUp HTTP/1.1\r\nHost: demo\r\n\r\n");
    expect(await text(late)).toMatch(/^HTTP\/1\.1 200 OK\r\n.*connection: close\r\n.*Woken up$/is);
    expect(slowHasEnded).toBe(false);
    expect(await slow).toEqual({ status: 200, connection: "close", body: "Deadlocked!!!" });
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(service.log.at(-1)?.msg).toBe("closed: all requests ended");
  });

  it("cuts off requests that outlast the timeout, says so, and exits with 1", async () => {
    const service = start({ SHUTDOWN_DELAY_SECONDS: "0", SHUTDOWN_TIMEOUT_SECONDS: "0.3", LOG_LEVEL: "debug" });
    const url = await service.url();
    await call(`${url}/api/job/alive/deadlock`);
    const cutOff = expect(call(`${url}/api/job/alive/check`)).rejects.toMatchObject({ code: "ECONNRESET" });
    await service.logged("request received", "/api/job/alive/check");
    service.signal("SIGTERM");
    expect(await service.exited).toEqual({ code: 1, signal: null });
    expect(service.log.at(-1)).toMatchObject({ level: "error", requestsInFlight: 1, shutdownTimeoutSeconds: 0.3 });
    await cutOff;
  });

  it("is not held up by a connection that never carried a request", async () => {
    const service = start({ SHUTDOWN_DELAY_SECONDS: "0", SHUTDOWN_TIMEOUT_SECONDS: "600" });
    const idle = connect(Number(new URL(await service.url()).port), "127.0.0.1");
    idle.on("error", () => undefined);
    await once(idle, "connect");
    service.signal("SIGTERM");
    expect(await service.exited).toEqual({ code: 0, signal: null });
    idle.destroy();
  });

  it("waits no longer when a second signal comes", async () => {
    const service = start({ SHUTDOWN_DELAY_SECONDS: "600" });
    await service.url();
    service.signal("SIGTERM");
    await service.logged("draining");
    service.signal("SIGTERM");
    expect(await service.exited).toEqual({ code: 0, signal: null });
  });

  it("loses no request of keep-alive clients while one replica replaces another", async () => {
    // Serves on until a second signal: how long a balancer takes to let go depends on the machine.
    const old = start({ SHUTDOWN_DELAY_SECONDS: "600" });
    const replacement = start({ APP_NAME: "replacement" });
    const balancer = new Balancer(await old.url());
    const [url, replacementUrl] = await Promise.all([balancer.listen(), replacement.url()]);

    let stopped = false;
    const failures: unknown[] = [];
    const answers = { web: 0, replacement: 0 };
    const moved = new Set<Agent>();
    const agents = Array.from({ length: 8 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    const clients = agents.map(async (agent) => {
      while (!stopped) {
        const { status, body } = await call(url, agent).catch((error: unknown) => ({ status: error, body: "" }));
        const name = body.includes("<h1>web</h1>") ? "web" : "replacement";
        if (status !== 200) failures.push(status);
        else {
          answers[name] += 1;
          if (name === "replacement") moved.add(agent);
        }
      }
    });

    await until(() => answers.web > 200);
    old.signal("SIGTERM");
    await old.logged("draining");
    const whenDraining = answers.web;
    await until(() => answers.web > whenDraining + 50);
    balancer.target = replacementUrl;
    // Only a client whose kept connection the old one gave up gets there.
    await until(() => moved.size === agents.length);
    old.signal("SIGTERM");
    expect(await old.exited).toEqual({ code: 0, signal: null });
    const whenEnded = answers.replacement;
    await until(() => answers.replacement > whenEnded + 50);
    stopped = true;
    await Promise.all(clients);
    for (const agent of agents) agent.destroy();
    expect(failures).toEqual([]);
  });
});

describe("SIGINT", () => {
  it("closes at once and exits with 0", async () => {
    const service = start({ SHUTDOWN_DELAY_SECONDS: "600" });
    await service.url();
    service.signal("SIGINT");
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(await service.logged("draining")).toMatchObject({ signal: "SIGINT", delaySeconds: 0 });
  });
});
