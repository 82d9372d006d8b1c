import { stringify } from "yaml";
import { gateway, monitoringPorts } from "../connections/monitoring-parts.ts";
import { nameSource, readFields } from "./log-fields.ts";
import { redactionStatements } from "./redaction.ts";

/** What decides what the gateway does. */
export interface GatewaySettings {
  /** Whether there is a Zipkin, which takes the traces. */
  readonly zipkin: boolean;
  /** Whether there is a Loki, which takes the logs that applications send. */
  readonly loki: boolean;
  /** Part of the traces that is kept, in percent. */
  readonly samplePercent: number;
  /** Regular expressions of what is taken out, beside those that always are. */
  readonly redact: readonly string[];
  /** Memory at which it is killed. */
  readonly memoryMiB: number;
}

/** Where the gateway's pods find their configuration, as in the official image. */
export const gatewayConfigPath = "/etc/otelcol-contrib/config.yaml";

/** Where applications send traces and logs, by OTLP over HTTP. */
export function gatewayUrl(namespace: string): string {
  return `http://${gateway.app}.${namespace}.svc:${monitoringPorts.otlpHttp}`;
}

/** Inside the namespace of the monitoring. */
const zipkinUrl = `http://zipkin:${monitoringPorts.zipkin}/api/v2/spans`;
const lokiUrl = `http://loki:${monitoringPorts.loki}/otlp`;
/** Spans or log lines that may wait while what takes them is away: at about 1 KiB each, a few MiB. */
const queueLength = 10_000;
const batchLength = 512;

/** Memory from which the program takes less in and tidies up sooner, so that it is not killed. */
export function gatewayMemory(memoryMiB: number): { readonly limitMiB: number; readonly spikeMiB: number } {
  return { limitMiB: Math.floor(memoryMiB * 0.8), spikeMiB: Math.floor(memoryMiB * 0.2) };
}

/** The Collector's configuration: takes traces and logs from applications, and passes on what has no secret in it. */
export function gatewayConfig(settings: GatewaySettings): string {
  const { zipkin, loki, samplePercent, redact } = settings;
  const { limitMiB, spikeMiB } = gatewayMemory(settings.memoryMiB);
  const everywhere = (port: number) => ({ endpoint: `0.0.0.0:${port}` });
  const sampled = zipkin && samplePercent < 100;
  return stringify(
    {
      extensions: { health_check: everywhere(monitoringPorts.collectorHealth) },
      receivers: {
        otlp: { protocols: { grpc: everywhere(monitoringPorts.otlpGrpc), http: everywhere(monitoringPorts.otlpHttp) } },
      },
      processors: {
        memory_limiter: { check_interval: "1s", limit_mib: limitMiB, spike_limit_mib: spikeMiB },
        // By the trace's id, so that all replicas choose the same traces.
        ...(sampled && { probabilistic_sampler: { sampling_percentage: samplePercent } }),
        ...(zipkin && {
          "transform/traces": {
            trace_statements: [
              statements("resource", redact),
              statements("span", redact),
              statements("spanevent", redact),
            ],
          },
        }),
        ...(loki && {
          "transform/logs": {
            log_statements: [
              statements("resource", redact),
              statements("log", redact),
              { context: "log", statements: readFields() },
              // Last, as it leaves nothing but Loki's labels.
              { context: "resource", statements: nameSource("apps") },
            ],
          },
        }),
        batch: { timeout: "1s", send_batch_size: batchLength, send_batch_max_size: batchLength },
      },
      exporters: {
        ...(zipkin && { zipkin: { endpoint: zipkinUrl, ...delivery } }),
        ...(loki && { "otlphttp/loki": { endpoint: lokiUrl, ...delivery } }),
      },
      service: {
        extensions: ["health_check"],
        telemetry: {
          logs: { encoding: "json" },
          metrics: { readers: [{ pull: { exporter: { prometheus: ownSeries } } }] },
        },
        pipelines: {
          ...(zipkin && {
            traces: {
              receivers: ["otlp"],
              processors: [
                "memory_limiter",
                ...(sampled ? ["probabilistic_sampler"] : []),
                "transform/traces",
                "batch",
              ],
              exporters: ["zipkin"],
            },
          }),
          ...(loki && {
            logs: {
              receivers: ["otlp"],
              processors: ["memory_limiter", "transform/logs", "batch"],
              exporters: ["otlphttp/loki"],
            },
          }),
        },
      },
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
}

/** Named as Prometheus names series: releases of the Collector differ in what they do unless they are told. */
const ownSeries = {
  host: "0.0.0.0",
  port: monitoringPorts.collectorMetrics,
  without_type_suffix: false,
  without_units: false,
  without_scope_info: true,
};

/** How long what cannot be delivered is kept, and how much of it. */
const delivery = {
  timeout: "10s",
  retry_on_failure: { initial_interval: "1s", max_interval: "15s", max_elapsed_time: "300s" },
  sending_queue: { sizer: "items", queue_size: queueLength, num_consumers: 2 },
};

function statements(context: Parameters<typeof redactionStatements>[0], redact: readonly string[]) {
  return { context, statements: redactionStatements(context, redact) };
}
