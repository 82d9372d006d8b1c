import { monitoringPorts } from "../connections/monitoring-parts.ts";
import type { DatasourceUid } from "./dashboards.ts";

/** URL of a part for those of its own namespace; its Service has its name. */
export function insideUrl(part: DatasourceUid): string {
  return `http://${part}:${monitoringPorts[part]}`;
}
