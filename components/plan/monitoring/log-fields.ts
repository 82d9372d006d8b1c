import { quoted } from "./redaction.ts";

/**
 * Labels of streams in Loki, named as Prometheus' target labels are, so that a query goes from one to the other.
 *
 * The pod is among them although pods come and go: Loki refuses a line that is an hour older than the newest of its stream, so
 * pods that shared one would lose lines whenever an agent reads some of them late. All else is structured metadata.
 */
export const lokiLabels = ["source", "namespace", "app", "pod", "container", "node"] as const;

/** Where lines come from. */
export type LogSource = "pods" | "node" | "events" | "apps";

/** Attributes of a line that Loki gets; everything else is in the line itself. */
const lineFields = ["level", "request_id", "kind", "name", "reason", "count", "file"];

const levels: readonly (readonly [string, string])[] = [
  ["fatal", "^(?i:fatal|critical|crit|panic|emerg|alert|f|60)$"],
  ["error", "^(?i:error|err|e|50)$"],
  ["warn", "^(?i:warn|warning|w|40)$"],
  ["info", "^(?i:info|information|notice|normal|i|30)$"],
  ["debug", "^(?i:debug|dbg|d|20)$"],
  ["trace", "^(?i:trace|10)$"],
];

/** Where the level stands in lines that are not JSON: klog's, logfmt, in brackets or capitals at the beginning. */
const levelPlaces = [
  String.raw`^(?P<level>[IWEF])\d{4} \d\d:\d\d:\d\d\.`,
  String.raw`(?i)(?:^|\s)level="?(?P<level>[a-z]+)`,
  String.raw`^(?:\S+ )?\[?(?P<level>TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|PANIC)\]?\b`,
];

/** Statements of the transform processor that read a line's fields, where it has any. The line stays as it is. */
export function readFields(): string[] {
  const json = `IsString(log.body) and IsMatch(log.body, ${quoted(String.raw`^\s*\{`)})`;
  return [
    `set(log.cache["line"], ParseJSON(log.body)) where ${json}`,
    ...["level", "severity", "lvl"].map(
      (name) =>
        `set(log.cache["level"], String(log.cache["line"]["${name}"])) where log.cache["level"] == nil and log.cache["line"]["${name}"] != nil`,
    ),
    ...levelPlaces.map(
      (pattern) =>
        `merge_maps(log.cache, ExtractPatterns(log.body, ${quoted(pattern)}), "upsert") where log.cache["level"] == nil and log.cache["line"] == nil and IsString(log.body)`,
    ),
    `set(log.cache["level"], log.severity_text) where log.cache["level"] == nil and log.severity_text != ""`,
    ...levels.map(
      ([level, pattern]) =>
        `set(log.attributes["level"], "${level}") where log.cache["level"] != nil and IsMatch(log.cache["level"], ${quoted(pattern)})`,
    ),
    ...["traceId", "trace_id", "traceID"].map((name) => ids("trace_id", name, 32)),
    ...["spanId", "span_id", "spanID"].map((name) => ids("span_id", name, 16)),
    ...["requestId", "request_id"].map(
      (name) =>
        `set(log.attributes["request_id"], log.cache["line"]["${name}"]) where IsString(log.cache["line"]["${name}"])`,
    ),
  ];
}

function ids(field: string, name: string, digits: number): string {
  const value = `log.cache["line"]["${name}"]`;
  return `set(log.${field}.string, ${value}) where IsString(${value}) and IsMatch(${value}, ${quoted(`^[0-9a-f]{${digits}}$`)})`;
}

/** Statements that leave of a line's attributes what Loki keeps beside it. */
export function keepFields(): string[] {
  return [
    `keep_keys(log.attributes, ${JSON.stringify(lineFields)})`,
    // The level is one of the fields; these two would say it again.
    `set(log.severity_text, "")`,
    `set(log.severity_number, 0)`,
    // When it was read is of use only where nothing says when it was written.
    `set(log.observed_time_unix_nano, 0) where log.time_unix_nano != 0`,
  ];
}

/** Statements that name what a line comes from as Loki's labels are named, and leave out what has no name there. */
export function nameSource(source: LogSource): string[] {
  const from: readonly (readonly [string, string])[] = [
    ["namespace", "k8s.namespace.name"],
    ["app", "service.name"],
    ["pod", "k8s.pod.name"],
    ["container", "k8s.container.name"],
    ["node", "k8s.node.name"],
  ];
  return [
    `set(resource.attributes["source"], "${source}")`,
    ...from.map(
      ([label, attribute]) =>
        `set(resource.attributes["${label}"], resource.attributes["${attribute}"]) where resource.attributes["${attribute}"] != nil and resource.attributes["${attribute}"] != ""`,
    ),
    `keep_keys(resource.attributes, ${JSON.stringify(lokiLabels)})`,
  ];
}
