import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { gatewayConfig, type GatewaySettings } from "../../../components/plan/monitoring/gateway-config.ts";
import { binaryPath } from "../../../local/toolchain.ts";

export const collector = binaryPath("opentelemetry-collector-gateway", "otelcol-contrib");

export interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind?: string;
  readonly name: string;
  readonly localEndpoint?: { readonly serviceName?: string };
  readonly tags?: Readonly<Record<string, string>>;
  readonly annotations?: readonly { readonly value: string }[];
}

/** The gateway's own configuration on ports of the loopback address, with listeners in Zipkin's and Loki's place. */
export class RunningGateway {
  readonly spans: ZipkinSpan[] = [];
  /** Bodies that Loki got, as text. */
  readonly logs: string[] = [];
  /** With which Zipkin's place answers. */
  answer = 202;
  /** Calls that it has not taken. */
  refused = 0;
  otlp = "";
  #metrics = "";
  readonly #folder = mkdtempSync(join(tmpdir(), "quorum-gateway-"));
  readonly #server: Server;
  #process: ChildProcess | undefined;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const zipkin = request.url?.endsWith("/spans") ?? false;
        if (!zipkin) this.logs.push(text);
        else if (this.answer === 202) this.spans.push(...(JSON.parse(text) as ZipkinSpan[]));
        else this.refused += 1;
        response.writeHead(zipkin ? this.answer : 200, { "content-type": "application/json" }).end("{}");
      });
    });
  }

  /** @param patience whether it tries again what was not taken, for 5 minutes, or gives it up at once */
  async start(settings: Partial<GatewaySettings> = {}, patience = true): Promise<void> {
    await once(this.#server.listen(0, "127.0.0.1"), "listening");
    const { port } = this.#server.address() as AddressInfo;
    const [otlp, metrics] = [await freePort(), await freePort()];
    this.otlp = `http://127.0.0.1:${otlp}`;
    this.#metrics = `http://127.0.0.1:${metrics}/metrics`;
    const file = join(this.#folder, "config.yaml");
    writeFileSync(file, localConfig(`http://127.0.0.1:${port}`, { otlp, metrics }, settings, patience));
    this.#process = spawn(collector, ["--config", file], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    this.#process.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    while (!said.includes("Everything is ready")) {
      if (this.#process.exitCode !== null) throw new Error(`the collector ended:\n${said}`);
      await sleep(20);
    }
  }

  /** Sends as an application does: `traces` or `logs`, in OTLP's JSON. */
  async send(signal: "traces" | "logs", body: object): Promise<number> {
    const answer = await fetch(`${this.otlp}/v1/${signal}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return answer.status;
  }

  /** Its series on itself, by name, and the labels of each. */
  async series(): Promise<Map<string, string>> {
    const text = await (await fetch(this.#metrics)).text();
    const samples = [...text.matchAll(/^([a-z_]+)(?:\{(.*)\})? \S+$/gm)];
    return new Map(samples.map(([, name = "", labels = ""]) => [name, labels]));
  }

  async end(): Promise<void> {
    const running = this.#process;
    if (running !== undefined && running.exitCode === null) {
      const ended = once(running, "exit");
      running.kill("SIGTERM");
      await ended;
    }
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Config {
  extensions: { health_check: { endpoint: string } };
  receivers: { otlp: { protocols: { grpc: { endpoint: string }; http: { endpoint: string } } } };
  processors: { batch: { timeout: string } };
  exporters: Record<string, { endpoint: string; retry_on_failure: object }>;
  service: { telemetry: { metrics: { readers: { pull: { exporter: { prometheus: object } } }[] } } };
}

interface Ports {
  readonly otlp: number;
  readonly metrics: number;
}

function localConfig(sink: string, ports: Ports, settings: Partial<GatewaySettings>, patience: boolean): string {
  const text = gatewayConfig({ zipkin: true, loki: true, samplePercent: 100, redact: [], memoryMiB: 192, ...settings });
  const config = parse(text) as Config;
  config.extensions.health_check.endpoint = "127.0.0.1:0";
  config.receivers.otlp.protocols.grpc.endpoint = "127.0.0.1:0";
  config.receivers.otlp.protocols.http.endpoint = `127.0.0.1:${ports.otlp}`;
  config.processors.batch.timeout = "50ms";
  const { zipkin, "otlphttp/loki": loki } = config.exporters;
  if (zipkin) {
    zipkin.endpoint = `${sink}/api/v2/spans`;
    if (!patience) zipkin.retry_on_failure = { enabled: false };
  }
  if (loki) Object.assign(loki, { endpoint: `${sink}/otlp`, encoding: "json", compression: "none" });
  for (const { pull } of config.service.telemetry.metrics.readers)
    Object.assign(pull.exporter.prometheus, { host: "127.0.0.1", port: ports.metrics });
  return stringify(config, { lineWidth: 0 });
}
