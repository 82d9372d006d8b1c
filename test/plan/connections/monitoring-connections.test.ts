import { describe, expect, it } from "vitest";
import { planConnections } from "../../../components/plan/connections/connections.ts";
import { portOf } from "../../../components/plan/connections/monitoring-connections.ts";
import type { Endpoint } from "../../../components/plan/connections/parties.ts";
import { noMonitoring } from "../no-monitoring.ts";
import { aService, connectionSettings, type Settings } from "./connection-settings.ts";

const on = { enabled: true };
const everything: Settings["monitoring"] = {
  ...noMonitoring,
  prometheus: { ...on, ingress: {} },
  alertmanager: {
    ...on,
    ingress: {},
    receivers: {
      oncall: { webhook: { url: "https://hook.example.com:8443/x" } },
      own: { webhook: { call: "pager/a" } },
    },
  },
  grafana: { ...on, ingress: {} },
  kubeStateMetrics: on,
  nodeExporter: on,
  loki: on,
  zipkin: { ...on, expose: {} },
  collector: { agent: on, gateway: on },
  signIn: { issuerUrl: "https://id.example.com" },
};
const settings = (monitoring: Partial<Settings["monitoring"]> = {}, more: Partial<Settings> = {}) =>
  connectionSettings({ monitoring: { ...everything, ...monitoring }, ...more });

function nameOf(endpoint: Endpoint): string {
  if ("app" in endpoint) return endpoint.app;
  return endpoint.kind === "subnet" ? endpoint.subnet : endpoint.kind;
}

/** `from → to: ports`, but for DNS. */
function pairs(of: Settings): string[] {
  const { connections } = planConnections(of);
  const groups = Map.groupBy(
    connections.filter(({ from }) => from.kind !== "everyone"),
    ({ from, to }) => `${nameOf(from)} → ${nameOf(to)}`,
  );
  return [...groups].map(([pair, ones]) => `${pair}: ${[...new Set(ones.map(({ port }) => port))].join(" ")}`).sort();
}

describe("the monitoring", () => {
  it("talks to whom it must, and to nobody else", () => {
    expect(pairs(settings({}, { services: { pager: aService({ port: 8080 }) } }))).toEqual([
      "alertmanager → 0.0.0.0/0: 8443",
      "alertmanager → alertmanager: 9094",
      "alertmanager → pager: 8080",
      "alertmanager-sign-in → 0.0.0.0/0: 443",
      "alertmanager-sign-in → alertmanager: 9093",
      "controller → alertmanager-sign-in: 4180",
      "controller → grafana: 3000",
      "controller → prometheus-sign-in: 4180",
      "grafana → 0.0.0.0/0: 443",
      "grafana → alertmanager: 9093",
      "grafana → loki: 3100",
      "grafana → prometheus-server: 9090",
      "grafana → zipkin: 9411",
      "kube-state-metrics → api-server: 6443",
      "otel-agent → api-server: 6443",
      "otel-agent → loki: 3100",
      "otel-events → api-server: 6443",
      "otel-events → loki: 3100",
      "otel-gateway → loki: 3100",
      "otel-gateway → zipkin: 9411",
      "outside → zipkin: 9411",
      "pager → otel-gateway: 4317 4318",
      "prometheus-server → alertmanager: 9093",
      "prometheus-server → api-server: 6443",
      "prometheus-server → dns: 9153",
      "prometheus-server → grafana: 3000",
      "prometheus-server → kube-state-metrics: 8080 8081",
      "prometheus-server → loki: 3100",
      "prometheus-server → nodes: 10250 10257 10259 2381 10249 9100",
      "prometheus-server → otel-agent: 8888",
      "prometheus-server → otel-events: 8888",
      "prometheus-server → otel-gateway: 8888",
      "prometheus-server → prometheus-server: 9090",
      "prometheus-server → zipkin: 9411",
      "prometheus-sign-in → 0.0.0.0/0: 443",
      "prometheus-sign-in → prometheus-server: 9090",
    ]);
  });

  it("has a namespace of its own for what runs on every node", () => {
    expect(planConnections(settings()).places).toEqual(["agents", "apps", "monitoring"]);
    expect(planConnections(connectionSettings()).places).toEqual(["apps", "monitoring"]);
  });

  it("lets the controller through to a part itself where nobody has to sign in", () => {
    const open = pairs(settings({ signIn: undefined }));
    expect(open).toContain("controller → prometheus-server: 9090");
    expect(open.filter((pair) => pair.includes("sign-in"))).toEqual([]);
  });

  it("takes no traces of a service that sends none, nor where nothing takes them", () => {
    const shop = (traces: boolean) => ({ services: { shop: aService({ traces }) } });
    const none = { collector: { agent: on, gateway: { enabled: false } } };
    const sends = (pair: string) => pair.startsWith("shop → otel-gateway");
    expect(pairs(settings({}, shop(true))).filter(sends)).toHaveLength(1);
    expect(pairs(settings({}, shop(false))).filter(sends)).toEqual([]);
    expect(pairs(settings(none, shop(true))).filter(sends)).toEqual([]);
  });

  it("reaches receivers where they are said to be, else everywhere at their ports", () => {
    const receivers = {
      mail: { email: { smarthost: "smtp.example.com:587" } },
      chat: { slack: {} },
      page: { pagerduty: {} },
      plain: { webhook: { url: "http://hook.example.com/x" } },
    };
    const reached = (alertmanager: object) =>
      pairs(settings({ alertmanager: { ...on, receivers, ...alertmanager } })).filter((pair) =>
        /^alertmanager → [\d.]+\//.test(pair),
      );
    expect(reached({})).toEqual(["alertmanager → 0.0.0.0/0: 80 443 587"]);
    expect(reached({ outbound: [{ subnet: "192.0.2.0/24", port: 25, protocol: "TCP" }] })).toEqual([
      "alertmanager → 192.0.2.0/24: 25",
    ]);
  });
});

describe("the port of a URL", () => {
  it.each([
    ["https://a.example.com/x", 443],
    ["http://a.example.com", 80],
    ["http://a.example.com:8080/x", 8080],
    ["https://name:123@a.example.com/x", 443],
    ["http://[2001:db8::1]:9093", 9093],
    ["https://", 443],
    ["unset:monitoring.alertmanager.deadMansSwitch.url", 443],
  ])("%s: %i", (url, port) => {
    expect(portOf(url)).toBe(port);
  });
});
