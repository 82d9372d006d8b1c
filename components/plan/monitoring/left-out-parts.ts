import type { Skipped } from "../features.ts";
import { type MonitoringImages, monitoringParts } from "./images.ts";

/** How parts are left out. */
interface LeavingOut {
  /** Whether a wanted part stays; notes why where it does not. */
  readonly keep: (wanted: boolean, name: string, images: readonly string[]) => boolean;
  readonly skipped: Skipped[];
  /** Whether the site can make volumes. */
  readonly volumes: boolean;
}

const withVolume = ["prometheus", "alertmanager", "grafana", "loki"];

/** The monitoring without what this site has no image or no volume for; what a part needs of another goes with it. */
export function withoutParts<Monitoring extends MonitoringImages>(
  monitoring: Monitoring,
  { keep, skipped, volumes }: LeavingOut,
): Monitoring {
  const parts = monitoringParts(monitoring);
  const stays = (name: keyof typeof parts) => {
    const part = parts[name];
    if (part === undefined || !keep(part.there, name, [part.image])) return false;
    if (volumes || !withVolume.includes(name)) return true;
    skipped.push({ name, reason: "its volume needs local-path-provisioner, which is left out" });
    return false;
  };
  const only = <Part extends { readonly enabled: boolean }>(part: Part, name: string): Part => ({
    ...part,
    enabled: stays(name),
  });
  const loki = only(monitoring.loki, "loki");
  const zipkin = only(monitoring.zipkin, "zipkin");
  const { collector } = monitoring;
  const agent = only(collector.agent, "log collector");
  const gateway = only(collector.gateway, "trace collector");
  const proxy = stays("sign-in proxy") || parts["sign-in proxy"]?.there !== true;
  const behind = <Part extends { readonly ingress?: object | undefined }>(part: Part): Part =>
    // Without the proxy that was to ask for a sign-in, the page would be open to everybody.
    proxy ? part : { ...part, ingress: undefined };
  return {
    ...monitoring,
    prometheus: behind(only(monitoring.prometheus, "prometheus")),
    alertmanager: behind(only(monitoring.alertmanager, "alertmanager")),
    grafana: only(monitoring.grafana, "grafana"),
    kubeStateMetrics: only(monitoring.kubeStateMetrics, "kube-state-metrics"),
    nodeExporter: only(monitoring.nodeExporter, "node-exporter"),
    metricsServer: only(monitoring.metricsServer, "metrics-server"),
    loki,
    zipkin: behind(zipkin),
    collector: {
      ...collector,
      // What reads logs or takes traces has nowhere to send them then.
      agent: { ...agent, enabled: agent.enabled && loki.enabled },
      gateway: { ...gateway, enabled: gateway.enabled && (loki.enabled || zipkin.enabled) },
    },
  };
}
