import { stringify } from "yaml";
import { monitoringPorts } from "../connections/monitoring-parts.ts";
import { insideUrl } from "./addresses.ts";
import { memoryLimiter } from "./collector.ts";
import { keepFields, type LogSource, nameSource, readFields } from "./log-fields.ts";
import { redactionStatements } from "./redaction.ts";
import { tlsFiles } from "./tls.ts";

/** What of a collector's configuration is chosen. */
export interface LogCollectorSettings {
  /** Namespace of Loki. */
  readonly namespace: string;
  /** Whether Loki is called by https. */
  readonly tls?: boolean;
  readonly memoryMiB: number;
  /** Regular expressions of what is taken out, beside those that are always. */
  readonly redact: readonly string[];
}

/** Where the log agent keeps how far it has read each file, and what Loki has not taken yet. */
export const agentState = "/var/lib/otelcol";
/** Logs of pods, and of the node's own programs where the host writes them into files. */
export const hostLogs = "/var/log";

const nodeFiles = [
  "containerd.log",
  "kubelet.log",
  "sshd.log",
  "auth.log",
  "secure",
  "messages",
  "syslog",
  "kubernetes/*.log",
  "kubernetes/audit/*.log",
];
/** The longest line: Loki cuts off what is longer. */
const longestLine = "256KiB";

/** Configuration of the collector on each node: what pods and the node's programs write, to Loki. */
export function agentConfig(settings: LogCollectorSettings): string {
  const pipeline = (source: LogSource, before: readonly string[] = []) => ({
    receivers: [`filelog/${source}`],
    processors: ["memory_limiter", ...before, `transform/${source}`],
    exporters: ["otlphttp"],
  });
  const common = commonConfig(settings);
  return text({
    receivers: { "filelog/pods": podFiles(), "filelog/node": nodeFilesReceiver() },
    processors: {
      ...common.processors,
      k8sattributes: podLabels(),
      "transform/pods": transform("pods", settings.redact, { resource: nameApp() }),
      "transform/node": transform("node", settings.redact, { resource: [nameProgram] }),
    },
    exporters: { otlphttp: lokiExporter(settings, { storage: "file_storage" }) },
    extensions: {
      ...common.extensions,
      file_storage: {
        directory: agentState,
        // A file that a node's crash has spoilt costs some lines read twice, not the agent.
        recreate: true,
        compaction: { on_start: true, on_rebound: true, directory: agentState },
      },
    },
    service: {
      ...common.service,
      extensions: ["health_check", "file_storage"],
      pipelines: { "logs/pods": pipeline("pods", ["k8sattributes"]), "logs/node": pipeline("node") },
    },
  });
}

/** Configuration of the one collector that reads the cluster's events. */
export function eventsConfig(settings: LogCollectorSettings): string {
  const common = commonConfig(settings);
  return text({
    receivers: { k8s_events: { auth_type: "serviceAccount" } },
    processors: {
      ...common.processors,
      "transform/events": transform("events", settings.redact, { log: nameEvent() }),
    },
    exporters: { otlphttp: lokiExporter(settings, {}) },
    extensions: common.extensions,
    service: {
      ...common.service,
      extensions: ["health_check"],
      pipelines: {
        logs: {
          receivers: ["k8s_events"],
          processors: ["memory_limiter", "transform/events"],
          exporters: ["otlphttp"],
        },
      },
    },
  });
}

function text(config: object): string {
  return stringify(config, { lineWidth: 0, aliasDuplicateObjects: false });
}

function commonConfig({ memoryMiB }: LogCollectorSettings) {
  const metrics = { pull: { exporter: { prometheus: { host: "0.0.0.0", port: monitoringPorts.collectorMetrics } } } };
  return {
    processors: {
      memory_limiter: memoryLimiter(memoryMiB),
    },
    extensions: { health_check: { endpoint: `0.0.0.0:${monitoringPorts.collectorHealth}` } },
    service: { telemetry: { logs: { encoding: "json" }, metrics: { readers: [metrics] } } },
  };
}

/** What every file receiver does: goes on where it was, and waits where Loki takes nothing, instead of leaving lines out. */
const files = {
  storage: "file_storage",
  poll_interval: "500ms",
  retry_on_failure: { enabled: true, max_elapsed_time: "0s" },
};

function podFiles() {
  return {
    ...files,
    include: [`${hostLogs}/pods/*/*/*.log`],
    include_file_path: true,
    include_file_name: false,
    // A pod's first lines are those that tell why it does not start.
    start_at: "beginning",
    operators: [{ type: "container", format: "containerd", max_log_size: longestLine }],
  };
}

function nodeFilesReceiver() {
  return {
    ...files,
    include: nodeFiles.map((file) => `${hostLogs}/${file}`),
    include_file_name: true,
    // Their lines have no time that can be relied on: what was there before the agent would seem to be of now.
    start_at: "end",
    max_log_size: longestLine,
    resource: { "k8s.node.name": "${env:K8S_NODE_NAME}" },
    operators: [
      { type: "copy", from: 'attributes["log.file.name"]', to: 'resource["service.name"]' },
      { type: "move", from: 'attributes["log.file.name"]', to: 'attributes["file"]' },
    ],
  };
}

/** Labels that say which app a pod is of, the first that is there. */
const appLabels = ["app", "app.kubernetes.io/name", "k8s-app", "component"];

function podLabels() {
  return {
    auth_type: "serviceAccount",
    filter: { node_from_env_var: "K8S_NODE_NAME" },
    extract: {
      metadata: ["k8s.node.name"],
      labels: appLabels.map((label) => ({ from: "pod", key: label, tag_name: `label.${label}` })),
    },
    pod_association: [
      {
        sources: ["k8s.namespace.name", "k8s.pod.name"].map((name) => ({ from: "resource_attribute", name })),
      },
    ],
    // The same pod's lines must not have two names, one of before its labels were known.
    wait_for_metadata: true,
    wait_for_metadata_timeout: "30s",
  };
}

/** The app of a pod; by its container where no label says it, or the pod is gone already. */
function nameApp(): string[] {
  const app = `resource.attributes["service.name"]`;
  return [...appLabels.map((label) => `label.${label}`), "k8s.container.name"].map(
    (name) =>
      `set(${app}, resource.attributes["${name}"]) where ${app} == nil and resource.attributes["${name}"] != nil`,
  );
}

/** The program that a file of the node is of. */
const nameProgram = String.raw`replace_pattern(resource.attributes["service.name"], "\\.log$$", "")`;

function nameEvent(): string[] {
  const attribute = (name: string) => `log.attributes["${name}"]`;
  return [
    `set(resource.attributes["k8s.namespace.name"], ${attribute("k8s.namespace.name")})`,
    `set(${attribute("kind")}, resource.attributes["k8s.object.kind"])`,
    `set(${attribute("name")}, resource.attributes["k8s.object.name"])`,
    `set(${attribute("reason")}, ${attribute("k8s.event.reason")})`,
    `set(${attribute("count")}, ${attribute("k8s.event.count")}) where ${attribute("k8s.event.count")} != nil`,
    `set(log.body, Concat([${attribute("reason")}, " ", ${attribute("kind")}, "/", ${attribute("name")}, ": ", log.body], ""))`,
  ];
}

/** The fields are read before the secrets are taken out, and whatever was read passes there too. */
function transform(
  source: LogSource,
  redact: readonly string[],
  first: { readonly log?: readonly string[]; readonly resource?: readonly string[] },
) {
  const { log = [], resource = [] } = first;
  return {
    error_mode: "ignore",
    log_statements: [
      {
        context: "log",
        statements: [...log, ...readFields(), ...keepFields(), ...redactionStatements("log", redact)],
      },
      { context: "resource", statements: [...resource, ...nameSource(source)] },
    ],
  };
}

function lokiExporter({ namespace, tls = false }: LogCollectorSettings, queue: object) {
  return {
    endpoint: `${insideUrl("loki", tls, namespace)}/otlp`,
    ...(tls && { tls: { ca_file: tlsFiles.authority } }),
    compression: "gzip",
    timeout: "30s",
    retry_on_failure: { enabled: true, initial_interval: "1s", max_interval: "30s", max_elapsed_time: "0s" },
    sending_queue: {
      ...queue,
      queue_size: 1000,
      block_on_overflow: true,
      num_consumers: 2,
      batch: { flush_timeout: "1s", sizer: "items", min_size: 1000, max_size: 4000 },
    },
  };
}
