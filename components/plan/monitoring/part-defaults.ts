/**
 * What the parts of the monitoring have where nothing else is said: whoever writes a stack's configuration and whoever uses one
 * component alone get the same. `cpuMillis` is set aside; `memoryMiB` too, and a part that takes more is killed.
 */
export const partDefaults = {
  prometheus: {
    replicas: 1,
    /** Prometheus' own. */
    retentionDays: 15,
    storageGiB: 10,
    scrapeIntervalSeconds: 15,
    samplesPerTarget: 20_000,
    cpuMillis: 100,
    /** Enough for the series of five hosts and 100 pods of services. */
    memoryMiB: 1024,
  },
  alertmanager: {
    replicas: 1,
    storageGiB: 1,
    /** This and the next are Alertmanager's own. */
    groupWaitSeconds: 30,
    groupIntervalSeconds: 300,
    repeatHours: 12,
    cpuMillis: 20,
    memoryMiB: 64,
  },
  grafana: {
    storageGiB: 1,
    cpuMillis: 100,
    /** What Grafana recommends at least. */
    memoryMiB: 512,
  },
  loki: { retentionDays: 14, storageGiB: 10, cpuMillis: 100, memoryMiB: 512 },
  gateway: { replicas: 1, samplePercent: 100, cpuMillis: 50, memoryMiB: 192 },
  logCollector: { cpuMillis: 50, memoryMiB: 160 },
  zipkin: { maxSpans: 50_000, cpuMillis: 100, memoryMiB: 512 },
  kubeStateMetrics: { cpuMillis: 20, memoryMiB: 128 },
  nodeExporter: { cpuMillis: 20, memoryMiB: 64 },
} as const;
