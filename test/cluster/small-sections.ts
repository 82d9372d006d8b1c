/** Sections of a stack that is small enough to be a story's own, beside others on the same machine. */

const off = { enabled: false };

/** The sample's image, built here. */
export const appImages = {
  registry: "localhost:5000",
  mirror: "localhost:5000",
  builds: { app: { context: "app", network: "host" } },
};

/** Nothing that watches. */
export const noMonitoring = {
  prometheus: off,
  alertmanager: off,
  grafana: off,
  loki: off,
  zipkin: off,
  collector: { agent: off },
  kubeStateMetrics: off,
  nodeExporter: off,
  metricsServer: off,
};

/** A Prometheus, and nothing else that watches. */
export const lonePrometheus = {
  ...noMonitoring,
  prometheus: { retentionDays: 1, storageGiB: 1, scrapeIntervalSeconds: 5, cpuMillis: 20 },
};

/** An Istio that sets little aside. */
export const smallMesh = {
  mode: "install",
  istiod: { cpuMillis: 20 },
  proxy: { cpuMillis: 5 },
};
