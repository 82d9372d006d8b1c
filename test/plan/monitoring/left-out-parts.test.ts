import { describe, expect, it } from "vitest";
import type { Skipped } from "../../../components/plan/features.ts";
import { monitoringParts } from "../../../components/plan/monitoring/images.ts";
import { withoutParts } from "../../../components/plan/monitoring/left-out-parts.ts";
import { noMonitoring } from "../no-monitoring.ts";

const there = { enabled: true };
const address = { ingress: { hostname: "x.example.com" } };
const whole = {
  ...noMonitoring,
  prometheus: { ...there, ...address },
  alertmanager: { ...there, ...address },
  grafana: { ...there, ...address },
  kubeStateMetrics: there,
  nodeExporter: there,
  metricsServer: there,
  loki: there,
  zipkin: { ...there, ...address },
  collector: { agent: there, gateway: there },
  signIn: {},
};

interface Site {
  readonly lacks?: readonly string[];
  readonly volumes?: boolean;
  readonly unserved?: boolean;
}

function leaveOut({ lacks = [], volumes = true, unserved = false }: Site) {
  const skipped: Skipped[] = [];
  const keep = (wanted: boolean, name: string, images: readonly string[]) => {
    const missing = images.filter((image) => lacks.includes(image));
    if (wanted && missing.length > 0) skipped.push({ name, reason: `no ${missing.join(", ")}` });
    return wanted && missing.length === 0;
  };
  return { monitoring: withoutParts(whole, { keep, skipped, volumes, unserved }), skipped };
}

const gone = (name: string, reason: string): Skipped => ({ name, reason });

describe("parts of the monitoring", () => {
  it("all stay where the site has what they need", () => {
    expect(leaveOut({})).toEqual({ monitoring: whole, skipped: [] });
  });

  it.each(Object.entries(monitoringParts(whole)))("are said to be left out: %s", (name, { images }) => {
    for (const image of images) {
      const { skipped } = leaveOut({ lacks: [image] });
      expect(skipped).toContainEqual(gone(name, `no ${image}`));
    }
  });

  it("go with what they send to", () => {
    const { monitoring, skipped } = leaveOut({ lacks: ["loki", "zipkin"] });
    expect(monitoring.collector).toEqual({ agent: { enabled: false }, gateway: { enabled: false } });
    expect(skipped).toEqual([
      gone("loki", "no loki"),
      gone("zipkin", "no zipkin"),
      gone("log collector", "loki is left out"),
      gone("trace collector", "loki and zipkin are left out"),
    ]);
    expect(leaveOut({ lacks: ["zipkin"] }).monitoring.collector).toEqual(whole.collector);
  });

  it("go without their volumes", () => {
    const { skipped } = leaveOut({ volumes: false });
    expect(
      skipped
        .filter(({ reason }) => reason.includes("its volume needs"))
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["alertmanager", "grafana", "loki", "prometheus"]);
  });

  it("are reached by no name without the controller", () => {
    const { monitoring, skipped } = leaveOut({ unserved: true, lacks: ["grafana"] });
    for (const part of ["prometheus", "alertmanager", "zipkin"] as const) {
      expect(monitoring[part]).toEqual({ enabled: true, ingress: undefined });
      expect(skipped).toContainEqual(gone(`ingress of ${part}`, "the ingress controller is left out"));
    }
    expect(skipped).not.toContainEqual(gone("ingress of grafana", "the ingress controller is left out"));
  });

  it("are not open to everybody without the proxy that was to ask for a sign-in", () => {
    const { monitoring, skipped } = leaveOut({ lacks: ["oauth2-proxy", "zipkin"] });
    expect(monitoring.prometheus.ingress).toBeUndefined();
    expect(monitoring.alertmanager.ingress).toBeUndefined();
    expect(monitoring.grafana).toEqual(whole.grafana);
    expect(skipped).toEqual([
      gone("zipkin", "no zipkin"),
      gone("sign-in proxy", "no oauth2-proxy"),
      gone("ingress of prometheus", "the sign-in proxy is left out"),
      gone("ingress of alertmanager", "the sign-in proxy is left out"),
    ]);
  });
});
