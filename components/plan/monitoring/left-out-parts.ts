import { calledService } from "../connections/connections.ts";
import type { Skipped } from "../features.ts";
import { list } from "../problems.ts";
import { type MonitoringImages, monitoringParts, signInProxyImages } from "./images.ts";
import { partsBehindSignIn, type ReachedPart, reachedParts } from "./sign-in.ts";

/** How parts are left out. */
interface LeavingOut {
  /** Whether a wanted part stays; notes why where it does not. */
  readonly keep: (wanted: boolean, name: string, images: readonly string[]) => boolean;
  readonly skipped: Skipped[];
  /** Whether the site can make volumes. */
  readonly volumes: boolean;
  /** Whether the ingress controller that was to serve the parts is left out. */
  readonly unserved: boolean;
}

const withVolume = ["prometheus", "alertmanager", "grafana", "loki"];

/** The monitoring without what this site has no image or no volume for; what a part needs of another goes with it. */
export function withoutParts<Monitoring extends MonitoringImages>(
  monitoring: Monitoring,
  { keep, skipped, volumes, unserved }: LeavingOut,
): Monitoring {
  const parts = monitoringParts(monitoring);
  const stays = (name: keyof typeof parts) => {
    const part = parts[name];
    if (part === undefined || !keep(part.there, name, part.images)) return false;
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
  /** What reads logs or takes traces has nowhere to send them then. */
  const sends = <Part extends { readonly enabled: boolean }>(
    part: Part,
    name: string,
    sinks: readonly ("loki" | "zipkin")[],
  ): Part => {
    const there = { loki, zipkin };
    if (!part.enabled || sinks.some((sink) => there[sink].enabled)) return part;
    const gone = sinks.filter((sink) => monitoring[sink].enabled);
    if (gone.length > 0) skipped.push({ name, reason: `${list(gone)} ${gone.length === 1 ? "is" : "are"} left out` });
    return { ...part, enabled: false };
  };
  const left = {
    ...monitoring,
    prometheus: only(monitoring.prometheus, "prometheus"),
    alertmanager: only(monitoring.alertmanager, "alertmanager"),
    grafana: only(monitoring.grafana, "grafana"),
    kubeStateMetrics: only(monitoring.kubeStateMetrics, "kube-state-metrics"),
    nodeExporter: only(monitoring.nodeExporter, "node-exporter"),
    metricsServer: only(monitoring.metricsServer, "metrics-server"),
    loki,
    zipkin,
    collector: {
      ...collector,
      agent: sends(agent, "log collector", ["loki"]),
      gateway: sends(gateway, "trace collector", ["loki", "zipkin"]),
    },
  };
  if (unserved) return withoutIngress(left, reachedParts, "the ingress controller is left out", skipped);
  const proxied = partsBehindSignIn(left);
  if (proxied.length === 0 || keep(true, "sign-in proxy", signInProxyImages)) return left;
  // Without the proxy that was to ask for a sign-in, they would be open to everybody.
  return withoutIngress(left, proxied, "the sign-in proxy is left out", skipped);
}

function withoutIngress<Monitoring extends MonitoringImages>(
  monitoring: Monitoring,
  names: readonly ReachedPart[],
  reason: string,
  skipped: Skipped[],
): Monitoring {
  const lost = names.filter((name) => monitoring[name].enabled && monitoring[name].ingress !== undefined);
  skipped.push(...lost.map((name) => ({ name: `ingress of ${name}`, reason })));
  return {
    ...monitoring,
    ...Object.fromEntries(lost.map((name) => [name, { ...monitoring[name], ingress: undefined }])),
  };
}

interface Target {
  readonly call?: string | undefined;
}

/** What of Alertmanager calls services of the stack. */
interface Calling {
  readonly enabled: boolean;
  readonly receivers?: Readonly<Record<string, { readonly webhook?: Target | undefined }>> | undefined;
  readonly deadMansSwitch?: Target | undefined;
}

/** An Alertmanager without the receivers whose service is left out; notes each. */
export function withoutCalls<Alertmanager extends Calling>(
  alertmanager: Alertmanager,
  services: ReadonlyMap<string, unknown>,
  skipped: Skipped[],
): Alertmanager {
  const stays = (name: string, { call }: Target = {}) => {
    const callee = call === undefined ? undefined : calledService(call);
    if (callee === undefined || !services.has(callee)) return true;
    skipped.push({ name, reason: `service ${callee} is left out` });
    return false;
  };
  const { receivers, deadMansSwitch } = alertmanager;
  if (!alertmanager.enabled) return alertmanager;
  return {
    ...alertmanager,
    ...(receivers && {
      receivers: Object.fromEntries(
        Object.entries(receivers).filter(([name, { webhook }]) => stays(`alerts to ${name}`, webhook)),
      ),
    }),
    ...(deadMansSwitch && !stays("dead man's switch", deadMansSwitch) && { deadMansSwitch: undefined }),
  };
}
