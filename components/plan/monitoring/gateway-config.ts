import { stringify } from "yaml";
import { monitoringPorts } from "../connections/monitoring-parts.ts";
import { insideUrl } from "./addresses.ts";
import { memoryLimiter } from "./collector.ts";
import { nameSource, readFields } from "./log-fields.ts";
import { redactionStatements } from "./redaction.ts";
import { tlsFiles } from "./tls.ts";

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
  /** Whether it speaks TLS with applications and with Loki. */
  readonly tls?: boolean;
}

/** Spans or log lines that may wait while what takes them is away: at about 1 KiB each, a few MiB. */
const queueLength = 10_000;
const batchLength = 512;

/** The Collector's configuration: takes traces and logs from applications, and passes on what has no secret in it. */
export function gatewayConfig(settings: GatewaySettings): string {
  const { tls = false } = settings;
  return stringify(
    {
      extensions: { health_check: everywhere(monitoringPorts.collectorHealth) },
      receivers: {
        otlp: { protocols: { grpc: taken(monitoringPorts.otlpGrpc, tls), http: taken(monitoringPorts.otlpHttp, tls) } },
      },
      processors: processors(settings),
      exporters: exporters(settings),
      service: {
        extensions: ["health_check"],
        telemetry: {
          logs: { encoding: "json" },
          metrics: { readers: [{ pull: { exporter: { prometheus: ownSeries } } }] },
        },
        pipelines: pipelines(settings),
      },
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
}

const everywhere = (port: number) => ({ endpoint: `0.0.0.0:${port}` });
const taken = (port: number, tls: boolean) => ({ ...everywhere(port), ...(tls && { tls: ownCertificate }) });
const isSampled = ({ zipkin, samplePercent }: GatewaySettings) => zipkin && samplePercent < 100;

function processors(settings: GatewaySettings) {
  const { zipkin, loki, samplePercent, redact, memoryMiB } = settings;
  return {
    memory_limiter: memoryLimiter(memoryMiB),
    // By the trace's id, so that all replicas choose the same traces.
    ...(isSampled(settings) && { probabilistic_sampler: { sampling_percentage: samplePercent } }),
    ...(zipkin && {
      "transform/traces": {
        trace_statements: [statements("resource", redact), statements("span", redact), statements("spanevent", redact)],
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
  };
}

function exporters({ zipkin, loki, tls = false }: GatewaySettings) {
  return {
    ...(zipkin && { zipkin: { endpoint: `${insideUrl("zipkin", tls)}/api/v2/spans`, ...delivery } }),
    ...(loki && {
      "otlphttp/loki": {
        endpoint: `${insideUrl("loki", tls)}/otlp`,
        ...(tls && { tls: { ca_file: tlsFiles.authority } }),
        ...delivery,
      },
    }),
  };
}

/** What is done with each kind, in this order. */
function pipelines(settings: GatewaySettings) {
  const sampler = isSampled(settings) ? ["probabilistic_sampler"] : [];
  const pipeline = (processors: readonly string[], exporter: string) => ({
    receivers: ["otlp"],
    processors: ["memory_limiter", ...processors, "batch"],
    exporters: [exporter],
  });
  return {
    ...(settings.zipkin && { traces: pipeline([...sampler, "transform/traces"], "zipkin") }),
    ...(settings.loki && { logs: pipeline(["transform/logs"], "otlphttp/loki") }),
  };
}

/** Named as Prometheus names series: releases of the Collector differ in what they do unless they are told. */
const ownSeries = {
  host: "0.0.0.0",
  port: monitoringPorts.collectorMetrics,
  without_type_suffix: false,
  without_units: false,
  without_scope_info: true,
};

/** Read again, so that a renewed one is taken over without a restart. */
const ownCertificate = { cert_file: tlsFiles.certificate, key_file: tlsFiles.key, reload_interval: "1m" };

/** How long what cannot be delivered is kept, and how much of it. */
const delivery = {
  timeout: "10s",
  retry_on_failure: { initial_interval: "1s", max_interval: "15s", max_elapsed_time: "300s" },
  sending_queue: { sizer: "items", queue_size: queueLength, num_consumers: 2 },
};

function statements(context: Parameters<typeof redactionStatements>[0], redact: readonly string[]) {
  return { context, statements: redactionStatements(context, redact) };
}
