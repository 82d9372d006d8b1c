import { part, type Party } from "./parties.ts";

/** Ports of the containers of the monitoring. */
export const monitoringPorts = {
  prometheus: 9090,
  alertmanager: 9093,
  /** Alertmanagers among themselves, TCP and UDP. */
  alertmanagerCluster: 9094,
  grafana: 3000,
  /** Series on objects of the cluster, and on itself. */
  kubeStateMetrics: 8080,
  kubeStateMetricsOwn: 8081,
  nodeExporter: 9100,
  loki: 3100,
  otlpGrpc: 4317,
  otlpHttp: 4318,
  /** A collector's series on itself, and its health. */
  collectorMetrics: 8888,
  collectorHealth: 13_133,
  zipkin: 9411,
  signInProxy: 4180,
} as const;

/** Ports of hosts that are scraped: kubelet, controller-manager, scheduler, etcd, kube-proxy and node-exporter. */
export const nodePorts = {
  kubelet: 10_250,
  controllerManager: 10_257,
  scheduler: 10_259,
  etcd: 2381,
  kubeProxy: 10_249,
  nodeExporter: monitoringPorts.nodeExporter,
} as const;

/** Where CoreDNS gives its series. */
export const coreDnsMetricsPort = 9153;

export const prometheus = part("monitoring", "prometheus-server", "prometheus");
export const alertmanager = part("monitoring", "alertmanager");
export const grafana = part("monitoring", "grafana");
export const kubeStateMetrics = part("monitoring", "kube-state-metrics");
export const loki = part("monitoring", "loki");
export const gateway = part("monitoring", "otel-gateway");
export const zipkin = part("monitoring", "zipkin");
/** Headless Service that gives each member of Alertmanager a name. */
export const alertmanagerPeers = "alertmanager-peers";
/** Reads the cluster's events, once for all nodes. */
export const eventCollector = part("monitoring", "otel-events");
/** Reads logs on every node; node-exporter, beside it, has the host's network, of which no policy knows. */
export const logAgent = part("agents", "otel-agent");
export const nodeExporter = part("agents", "node-exporter");

/** The parts of the monitoring, which have a sign-in proxy in front of them where they have no sign-in of their own. */
export const proxiedParts = ["prometheus", "alertmanager", "zipkin"] as const;
export type ProxiedPart = (typeof proxiedParts)[number];

/** The sign-in proxy of a part. */
export function signInProxy(name: string): Party {
  return part("monitoring", `${name}-sign-in`);
}

interface Present {
  readonly enabled: boolean;
}

/** What of the monitoring decides which of its own parts are scraped. */
export interface ScrapedNeeds {
  readonly alertmanager: Present;
  readonly grafana: Present;
  readonly kubeStateMetrics: Present;
  readonly nodeExporter: Present;
  readonly loki: Present;
  readonly zipkin: Present;
  readonly collector: { readonly agent: Present; readonly gateway: Present };
}

/** kube-state-metrics on itself. */
export const stateSelfJob = "kube-state-metrics-self";

/** A port of the monitoring's own that Prometheus scrapes, and the name of its job. */
export interface ScrapedPart {
  readonly job: string;
  readonly party: Party;
  readonly port: number;
}

/** The parts of a monitoring that its Prometheus scrapes, itself among them. */
export function scrapedParts(monitoring: ScrapedNeeds): ScrapedPart[] {
  const { collector } = monitoring;
  const ports = monitoringPorts;
  const parts: readonly [Present, Party, number, string?][] = [
    [{ enabled: true }, prometheus, ports.prometheus, "prometheus"],
    [monitoring.alertmanager, alertmanager, ports.alertmanager],
    [monitoring.grafana, grafana, ports.grafana],
    [monitoring.loki, loki, ports.loki],
    [collector.gateway, gateway, ports.collectorMetrics],
    [monitoring.zipkin, zipkin, ports.zipkin],
    [monitoring.kubeStateMetrics, kubeStateMetrics, ports.kubeStateMetrics],
    [monitoring.kubeStateMetrics, kubeStateMetrics, ports.kubeStateMetricsOwn, stateSelfJob],
    [collector.agent, logAgent, ports.collectorMetrics],
    [collector.agent, eventCollector, ports.collectorMetrics],
    [monitoring.nodeExporter, nodeExporter, ports.nodeExporter],
  ];
  return parts.flatMap(([{ enabled }, party, port, job = party.app]) => (enabled ? [{ job, party, port }] : []));
}
