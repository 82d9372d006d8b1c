interface Present {
  readonly enabled: boolean;
}
interface Reached extends Present {
  readonly ingress?: object | undefined;
}

/** What of the monitoring decides which images it needs. */
export interface MonitoringImages {
  readonly prometheus: Reached;
  readonly alertmanager: Reached;
  readonly grafana: Present;
  readonly kubeStateMetrics: Present;
  readonly nodeExporter: Present;
  readonly metricsServer: Present;
  readonly loki: Present;
  readonly zipkin: Reached;
  readonly collector: { readonly agent: Present; readonly gateway: Present };
  readonly signIn?: object | undefined;
}

/** The image of each part, by the part's name in messages; several parts may share one. */
export function monitoringParts(monitoring: MonitoringImages): Record<string, { there: boolean; image: string }> {
  const { prometheus, alertmanager, zipkin, collector, signIn } = monitoring;
  const proxied = [prometheus, alertmanager, zipkin].some(({ enabled, ingress }) => enabled && ingress !== undefined);
  return {
    prometheus: { there: prometheus.enabled, image: "prometheus" },
    alertmanager: { there: alertmanager.enabled, image: "alertmanager" },
    grafana: { there: monitoring.grafana.enabled, image: "grafana" },
    "kube-state-metrics": { there: monitoring.kubeStateMetrics.enabled, image: "kube-state-metrics" },
    "node-exporter": { there: monitoring.nodeExporter.enabled, image: "node-exporter" },
    "metrics-server": { there: monitoring.metricsServer.enabled, image: "metrics-server" },
    loki: { there: monitoring.loki.enabled, image: "loki" },
    zipkin: { there: zipkin.enabled, image: "zipkin" },
    "log collector": { there: collector.agent.enabled, image: "opentelemetry-collector-agent" },
    "trace collector": { there: collector.gateway.enabled, image: "opentelemetry-collector-gateway" },
    "sign-in proxy": { there: signIn !== undefined && proxied, image: "oauth2-proxy" },
  };
}

/** The images of the parts that are there. */
export function monitoringImages(monitoring: MonitoringImages): string[] {
  return Object.values(monitoringParts(monitoring)).flatMap(({ there, image }) => (there ? [image] : []));
}
