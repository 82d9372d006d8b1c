import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { agentConfig, agentState, hostLogs } from "../../../components/plan/monitoring/log-agent.ts";
import { binaryPath } from "../../../local/toolchain.ts";

export const collector = binaryPath("opentelemetry-collector-agent", "otelcol-contrib");

/** A line as it would come to Loki. */
export interface Arrived {
  readonly text: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface Otlp {
  readonly resourceLogs: {
    readonly resource: { readonly attributes?: Attribute[] };
    readonly scopeLogs: {
      readonly logRecords: {
        readonly body?: { readonly stringValue?: string };
        readonly attributes?: Attribute[];
        readonly traceId?: string;
        readonly spanId?: string;
      }[];
    }[];
  }[];
}

/** The log agent's own configuration on a folder in place of a node, without an API server, and with a listener in Loki's place. */
export class RunningAgent {
  readonly arrived: Arrived[] = [];
  readonly folder = mkdtempSync(join(tmpdir(), "quorum-agent-"));
  readonly logs = join(this.folder, "log");
  readonly #server: Server;
  #process: ChildProcess | undefined;

  constructor() {
    mkdirSync(join(this.folder, "state"));
    mkdirSync(this.logs);
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        this.arrived.push(...linesOf(JSON.parse(Buffer.concat(chunks).toString()) as Otlp));
        response.writeHead(200, { "content-type": "application/json" }).end("{}");
      });
    });
  }

  async start(redact: readonly string[] = []): Promise<void> {
    if (!this.#server.listening) await once(this.#server.listen(0, "127.0.0.1"), "listening");
    const { port } = this.#server.address() as AddressInfo;
    const file = join(this.folder, "config.yaml");
    writeFileSync(file, localConfig(this.folder, port, redact));
    this.#process = spawn(collector, ["--config", file], {
      env: { ...process.env, K8S_NODE_NAME: "node-1" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    this.#process.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    while (!said.includes("Everything is ready")) {
      if (this.#process.exitCode !== null) throw new Error(`the collector ended:\n${said}`);
      await sleep(20);
    }
  }

  /** Appends to a file of the node, as its programs do. */
  write(file: string, text: string): void {
    const path = join(this.logs, file);
    mkdirSync(dirname(path), { recursive: true });
    appendFileSync(path, text);
  }

  /** Ends the agent as the kubelet does; it may be started again. */
  async stop(): Promise<void> {
    const running = this.#process;
    if (running === undefined || running.exitCode !== null) return;
    const ended = once(running, "exit");
    running.kill("SIGTERM");
    await ended;
  }

  async end(): Promise<void> {
    await this.stop();
    this.#server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A line as containerd writes it. */
export function criLine(text: string, partial = false): string {
  return `2026-11-23T03:00:00.993337325Z stdout ${partial ? "P" : "F"} ${text}\n`;
}

interface CollectorConfig {
  receivers: Record<string, { poll_interval: string; start_at: string }>;
  exporters: { otlphttp: { sending_queue: { batch: object } } };
  extensions: { health_check: { endpoint: string } };
  service: {
    telemetry: { metrics: object };
    pipelines: Record<string, { processors: string[] }>;
  };
}

function localConfig(folder: string, port: number, redact: readonly string[]): string {
  const text = agentConfig({ namespace: "monitoring", memoryMiB: 160, redact })
    .replaceAll(agentState, join(folder, "state"))
    .replaceAll(hostLogs, join(folder, "log"));
  const config = parse(text) as CollectorConfig;
  for (const receiver of Object.values(config.receivers)) receiver.poll_interval = "50ms";
  for (const pipeline of Object.values(config.service.pipelines))
    pipeline.processors = pipeline.processors.filter((name) => name !== "k8sattributes");
  const { otlphttp } = config.exporters;
  Object.assign(otlphttp, { endpoint: `http://127.0.0.1:${port}`, encoding: "json", compression: "none" });
  Object.assign(otlphttp.sending_queue.batch, { flush_timeout: "100ms" });
  config.extensions.health_check.endpoint = "127.0.0.1:0";
  config.service.telemetry.metrics = { level: "none" };
  return stringify(config, { lineWidth: 0 });
}

function linesOf({ resourceLogs }: Otlp): Arrived[] {
  return resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map(({ body, attributes, traceId, spanId }) => ({
        text: body?.stringValue ?? "",
        labels: texts(resource.attributes),
        fields: { ...texts(attributes), ...(traceId && { traceId }), ...(spanId && { spanId }) },
      })),
    ),
  );
}

function texts(attributes: readonly Attribute[] = []): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]));
}
