import { partsBehindSignIn } from "./sign-in.ts";

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
  readonly grafana: Reached;
  readonly kubeStateMetrics: Present;
  readonly nodeExporter: Present;
  readonly metricsServer: Present;
  readonly loki: Present;
  readonly zipkin: Reached;
  readonly collector: { readonly agent: Present; readonly gateway: Present };
  readonly signIn?: object | undefined;
}

export const signInProxyImages = ["oauth2-proxy", "node"];

/** The images of each part, by the part's name in messages; node makes the secrets of those that need one. */
export function monitoringParts(
  monitoring: MonitoringImages,
): Record<string, { there: boolean; images: readonly string[] }> {
  const { prometheus, alertmanager, zipkin, collector } = monitoring;
  return {
    prometheus: { there: prometheus.enabled, images: ["prometheus"] },
    alertmanager: { there: alertmanager.enabled, images: ["alertmanager"] },
    grafana: { there: monitoring.grafana.enabled, images: ["grafana", "node"] },
    "kube-state-metrics": { there: monitoring.kubeStateMetrics.enabled, images: ["kube-state-metrics"] },
    "node-exporter": { there: monitoring.nodeExporter.enabled, images: ["node-exporter"] },
    "metrics-server": { there: monitoring.metricsServer.enabled, images: ["metrics-server"] },
    loki: { there: monitoring.loki.enabled, images: ["loki"] },
    zipkin: { there: zipkin.enabled, images: ["zipkin"] },
    "log collector": { there: collector.agent.enabled, images: ["opentelemetry-collector-agent"] },
    "trace collector": { there: collector.gateway.enabled, images: ["opentelemetry-collector-gateway"] },
    "sign-in proxy": { there: partsBehindSignIn(monitoring).length > 0, images: signInProxyImages },
  };
}

/** The images of the parts that are there. */
export function monitoringImages(monitoring: MonitoringImages): string[] {
  return Object.values(monitoringParts(monitoring)).flatMap(({ there, images }) => (there ? images : []));
}
