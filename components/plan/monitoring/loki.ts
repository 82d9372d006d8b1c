import { stringify } from "yaml";
import { monitoringPorts } from "../connections/monitoring-parts.ts";
import { lokiLabels } from "./log-fields.ts";
import { tlsFiles } from "./tls.ts";

/** What of Loki's configuration is chosen. */
export interface LokiSettings {
  readonly retentionDays: number;
  readonly memoryMiB: number;
  /** Whether it serves by https. */
  readonly tls?: boolean;
}

/** Where its volume lies, which all that it writes goes to. */
export const lokiData = "/loki";
/** Port on which its parts talk to each other: within the pod only. */
const grpcPort = 9095;
const hoursPerDay = 24;
/** Part of the memory that lines of the write-ahead log may take while it is read again. */
const replayShare = 0.4;

/** Loki's configuration file: one process with everything in it, and one volume. */
export function lokiConfig({ retentionDays, memoryMiB, tls = false }: LokiSettings): string {
  const retention = `${retentionDays * hoursPerDay}h`;
  return stringify({
    auth_enabled: false,
    server: {
      http_listen_port: monitoringPorts.loki,
      grpc_listen_address: "127.0.0.1",
      grpc_listen_port: grpcPort,
      log_format: "json",
      ...(tls && { http_tls_config: { cert_file: tlsFiles.certificate, key_file: tlsFiles.key } }),
    },
    common: {
      instance_addr: "127.0.0.1",
      path_prefix: lokiData,
      replication_factor: 1,
      ring: { kvstore: { store: "inmemory" } },
      storage: { filesystem: { chunks_directory: `${lokiData}/chunks`, rules_directory: `${lokiData}/rules` } },
    },
    schema_config: {
      configs: [
        // Before any line that can still come.
        {
          from: "2024-01-01",
          store: "tsdb",
          object_store: "filesystem",
          schema: "v13",
          index: { prefix: "index_", period: "24h" },
        },
      ],
    },
    ingester: {
      wal: {
        enabled: true,
        dir: `${lokiData}/wal`,
        flush_on_shutdown: true,
        replay_memory_ceiling: `${Math.floor(memoryMiB * replayShare)}MB`,
      },
      // It has nobody to wait for.
      lifecycler: { min_ready_duration: "0s", final_sleep: "0s" },
    },
    compactor: {
      working_directory: `${lokiData}/compactor`,
      compaction_interval: "10m",
      retention_enabled: true,
      retention_delete_delay: "2h",
      delete_request_store: "filesystem",
    },
    limits_config: limits(retention),
    analytics: { reporting_enabled: false },
  });
}

function limits(retention: string) {
  return {
    retention_period: retention,
    // What an agent reads late, after it was away, is taken as long as it would be kept.
    reject_old_samples: true,
    reject_old_samples_max_age: retention,
    ingestion_rate_mb: 8,
    ingestion_burst_size_mb: 16,
    per_stream_rate_limit: "4MB",
    per_stream_rate_limit_burst: "16MB",
    max_line_size: "256KB",
    max_line_size_truncate: true,
    max_global_streams_per_user: 10_000,
    allow_structured_metadata: true,
    // The collectors say level and app: nothing is guessed a second time.
    discover_log_levels: false,
    discover_service_name: [],
    otlp_config: {
      resource_attributes: {
        ignore_defaults: true,
        attributes_config: [{ action: "index_label", attributes: [...lokiLabels] }],
      },
    },
  };
}
