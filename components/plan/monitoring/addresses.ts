import { gateway, monitoringPorts } from "../connections/monitoring-parts.ts";
import type { DatasourceUid } from "./dashboards.ts";

/** Parts that others call by a URL. */
type CalledPart = DatasourceUid | "gateway";

/**
 * URL of a part for those inside the cluster; its Service has its name.
 *
 * @param tls whether the parts speak TLS with each other; Zipkin never does
 * @param namespace of the part, for callers of another one
 */
export function insideUrl(part: CalledPart, tls: boolean, namespace?: string): string {
  const scheme = tls && part !== "zipkin" ? "https" : "http";
  const service = part === "gateway" ? gateway.app : part;
  const port = part === "gateway" ? monitoringPorts.otlpHttp : monitoringPorts[part];
  return `${scheme}://${service}${namespace === undefined ? "" : `.${namespace}.svc`}:${port}`;
}
