const part = { enabled: false, cpuMillis: 0, memoryMiB: 0 };
const stored = { ...part, replicas: 1, storageGiB: 0 };

/** A monitoring without any part, for tests that are about something else or about one of them. */
export const noMonitoring = {
  prometheus: stored,
  alertmanager: { ...stored, receivers: {} },
  grafana: stored,
  kubeStateMetrics: part,
  nodeExporter: part,
  metricsServer: part,
  loki: stored,
  zipkin: part,
  collector: { agent: part, gateway: part },
};
