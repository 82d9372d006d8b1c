import { expose } from "./services.ts";
import { integer, flag, mapping } from "./shapes.ts";

export const monitoringSchema = mapping({
  prometheus: mapping({
    enabled: flag().default(true),
    replicas: integer(1, 5, 2).default(1),
    retentionDays: integer(1, 3650, 15).default(15),
    storageGiB: integer(1, 65_536, 10).default(10),
    /** At most 2 minutes: Prometheus takes a series without a sample for 5 as gone, and one scrape may fail. */
    scrapeIntervalSeconds: integer(1, 120, 15).default(15),
    expose: expose.optional(),
    cpuMillis: integer(1, 256_000, 100).default(100),
    memoryMiB: integer(128, 4_194_304, 512).default(512),
    /** Whether POST /-/reload and /-/quit answer; a changed configuration is read without it too. */
    lifecycle: flag().default(false),
  }).prefault({}),
  metricsServer: mapping({
    /** @default true on a control plane of ours, false on another */
    enabled: flag().optional(),
    /** Whether kubelet certificates go unchecked: only where kubelets have none that the cluster signed. */
    kubeletInsecureTls: flag().default(false),
  }).prefault({}),
});
