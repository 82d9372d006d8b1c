import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { insideUrl } from "../../../components/plan/monitoring/addresses.ts";
import { clusterTlsConfig } from "../../../components/plan/monitoring/alertmanager-tls.ts";
import { scrapeJobs } from "../../../components/plan/monitoring/scrape-jobs.ts";
import { tlsProblems, type TlsWanted } from "../../../components/plan/monitoring/tls-checks.ts";
import { partTls, planCertificates, type TlsNeeds } from "../../../components/plan/monitoring/tls.ts";
import { formatProblem } from "../../../components/plan/problems.ts";
import { stackUrls, type UrlSettings } from "../../../components/plan/urls.ts";
import { allParts, namespaces, needs } from "./scrape-needs.ts";

const off = { enabled: false };
const there = { enabled: true };
const tls = { issuer: "cluster-ca" };
const none = {
  prometheus: off,
  alertmanager: off,
  grafana: off,
  kubeStateMetrics: off,
  nodeExporter: off,
  loki: off,
  zipkin: off,
  collector: { agent: off, gateway: off },
};
const every = {
  tls,
  prometheus: there,
  alertmanager: there,
  grafana: there,
  kubeStateMetrics: there,
  nodeExporter: there,
  loki: there,
  zipkin: there,
  collector: { agent: there, gateway: there },
};
const plan = (monitoring: TlsNeeds["monitoring"], services: TlsNeeds["services"] = { web: { traces: true } }) =>
  planCertificates({ monitoring, namespaces, services });
const names = (monitoring: TlsNeeds["monitoring"], services?: TlsNeeds["services"]) =>
  plan(monitoring, services).map(({ place, secretName }) => `${place}/${secretName}`);

describe("certificates", () => {
  it("are there for each part that serves, and for the authority wherever pods only call", () => {
    expect(names(every)).toEqual([
      "monitoring/prometheus-server-tls",
      "monitoring/alertmanager-server-tls",
      "monitoring/grafana-server-tls",
      "monitoring/kube-state-metrics-server-tls",
      "monitoring/loki-server-tls",
      "monitoring/otel-gateway-server-tls",
      "agents/node-exporter-server-tls",
      "apps/monitoring-authority",
      "monitoring/monitoring-authority",
      "agents/monitoring-authority",
    ]);
  });

  it("are none without `tls`, and none of parts that are not there", () => {
    expect(names({ ...every, tls: undefined })).toEqual([]);
    expect(names({ ...none, tls, loki: there })).toEqual(["monitoring/loki-server-tls"]);
    expect(names({ ...none, tls, zipkin: there })).toEqual([]);
    expect(names({ ...none, tls, collector: { agent: off, gateway: there } }, { web: { traces: false } })).toEqual([
      "monitoring/otel-gateway-server-tls",
    ]);
  });

  it("have every name that a part is called by inside the cluster", () => {
    const found = Object.fromEntries(plan(every).map(({ secretName, ...planned }) => [secretName, planned]));
    expect(found["alertmanager-server-tls"]).toEqual({
      place: "monitoring",
      dnsNames: [
        "alertmanager",
        "alertmanager.watch",
        "alertmanager.watch.svc",
        "*.alertmanager-peers.watch.svc",
        "localhost",
      ],
      usages: ["digital signature", "key encipherment", "server auth", "client auth"],
    });
    expect(found["loki-server-tls"]).toEqual({
      place: "monitoring",
      dnsNames: ["loki", "loki.watch", "loki.watch.svc", "localhost"],
      usages: ["digital signature", "key encipherment", "server auth"],
    });
    expect(found["node-exporter-server-tls"]?.dnsNames).toContain("node-exporter.watch-agents.svc");
  });

  it("that are there for their authority alone serve nobody", () => {
    const checking = plan(every).filter(({ secretName }) => secretName === "monitoring-authority");
    expect(checking).toHaveLength(3);
    for (const { usages } of checking) expect(usages).toEqual(["digital signature", "client auth"]);
  });

  it("leave Grafana out behind an ingress, whose controller speaks plain HTTP with it; it still checks the others", () => {
    const behind = { ...none, tls, grafana: { enabled: true, ingress: {} } };
    expect(names(behind)).toEqual(["monitoring/monitoring-authority"]);
    expect(partTls("grafana", behind)).toEqual({ secretName: "monitoring-authority", serves: false });
    expect(partTls("grafana", every)).toEqual({ secretName: "grafana-server-tls", serves: true });
    expect(partTls("logAgent", every)).toEqual({ secretName: "monitoring-authority", serves: false });
    expect(partTls("grafana", none)).toBeUndefined();
  });

  it("are there for sign-in proxies, which call others by them", () => {
    const signed = { ...none, tls, signIn: {}, prometheus: { enabled: true, ingress: {} } };
    expect(names(signed)).toEqual(["monitoring/prometheus-server-tls", "monitoring/monitoring-authority"]);
    const traces = { ...none, tls, signIn: {}, zipkin: { enabled: true, ingress: {} } };
    expect(names(traces)).toEqual([]);
  });
});

describe("URLs", () => {
  it("inside the cluster are https with certificates, but for Zipkin's", () => {
    expect(insideUrl("loki", true)).toBe("https://loki:3100");
    expect(insideUrl("gateway", true, "watch")).toBe("https://otel-gateway.watch.svc:4318");
    expect(insideUrl("zipkin", true)).toBe("http://zipkin:9411");
  });

  it("inside the cluster are http without", () => {
    expect(insideUrl("loki", false, "watch")).toBe("http://loki.watch.svc:3100");
    expect(insideUrl("gateway", false, "watch")).toBe("http://otel-gateway.watch.svc:4318");
  });

  it("of people say so too", () => {
    const at = (port: number) => ({ enabled: true, expose: { port } });
    const urls = (certificates: object | undefined) =>
      stackUrls({
        services: {},
        monitoring: {
          tls: certificates,
          prometheus: at(9090),
          alertmanager: at(443),
          grafana: off,
          loki: off,
          zipkin: at(9411),
        },
        ingress: { controller: "existing", expose: { httpPort: 80, httpsPort: 443 } },
        ui: { headlamp: off },
        controlPlane: { mode: "existing" },
      } satisfies UrlSettings);
    expect(urls(tls)).toEqual({
      prometheus: "https://localhost:9090",
      alertmanager: "https://localhost",
      zipkin: "http://localhost:9411",
    });
    expect(urls(undefined)).toMatchObject({
      prometheus: "http://localhost:9090",
      alertmanager: "http://localhost:443",
    });
  });
});

describe("scrapes", () => {
  const schemes = (more: object) =>
    Object.fromEntries(
      scrapeJobs(needs({ platform: "shared" }, { ...allParts, ...more })).map(({ job_name, scheme, tls_config }) => [
        job_name,
        scheme && tls_config,
      ]),
    );
  const checked = (server_name: string) => ({ ca_file: "/etc/tls/ca.crt", server_name });

  it("check each part by its own name, whatever address it has", () => {
    expect(schemes({ tls })).toEqual({
      prometheus: checked("prometheus.watch.svc"),
      alertmanager: checked("alertmanager.watch.svc"),
      grafana: checked("grafana.watch.svc"),
      loki: checked("loki.watch.svc"),
      "kube-state-metrics": checked("kube-state-metrics.watch.svc"),
      "kube-state-metrics-self": checked("kube-state-metrics.watch.svc"),
      "node-exporter": checked("node-exporter.watch-agents.svc"),
      "otel-gateway": undefined,
      "otel-agent": undefined,
      "otel-events": undefined,
      zipkin: undefined,
      "business-metrics": undefined,
    });
  });

  it("are plain without `tls`", () => {
    expect(Object.values(schemes({})).filter((job) => job !== undefined)).toEqual([]);
  });
});

describe("Alertmanager's members", () => {
  it("let nobody in who is none of them", () => {
    expect(parse(clusterTlsConfig())).toEqual({
      tls_server_config: {
        cert_file: "/etc/tls/tls.crt",
        key_file: "/etc/tls/tls.key",
        client_auth_type: "RequireAndVerifyClientCert",
        client_ca_file: "/etc/tls/ca.crt",
        client_allowed_sans: ["alertmanager"],
      },
      tls_client_config: {
        cert_file: "/etc/tls/tls.crt",
        key_file: "/etc/tls/tls.key",
        ca_file: "/etc/tls/ca.crt",
        server_name: "alertmanager",
      },
    });
  });
});

describe("what contradicts `tls`", () => {
  const ingress = (secretName?: string) => ({ enabled: true, ingress: { tls: { secretName } } });
  it.each<[string, Partial<TlsWanted>, string[]]>([
    ["nothing", every, []],
    ["nothing without it", { ...none, prometheus: ingress() }, []],
    [
      "that there is nothing to have a certificate",
      { tls, zipkin: there },
      [
        "quorum:monitoring.tls is set, but the stack has no part of the monitoring that would have a certificate; enable one, or leave it out",
      ],
    ],
    [
      "an ingress right before a part",
      { tls, prometheus: ingress(), zipkin: ingress(), grafana: ingress() },
      [
        "quorum:monitoring.prometheus.ingress is set, but with quorum:monitoring.tls prometheus takes no plain HTTP, which is what ingress controllers speak with it; set quorum:monitoring.signIn, whose proxy checks its certificate, or leave one of the two out",
      ],
    ],
    ["no ingress behind a sign-in", { tls, signIn: {}, prometheus: ingress() }, []],
    [
      "an ingress' certificate in the same Secret",
      { tls, grafana: ingress("loki-server-tls") },
      [
        "quorum:monitoring.grafana.ingress.tls.secretName is loki-server-tls, but that Secret has a certificate of quorum:monitoring.tls; set another name",
      ],
    ],
  ])("is %s", (_, monitoring, expected) => {
    expect(tlsProblems({ ...none, ...monitoring }).map(formatProblem)).toEqual(expected);
  });
});
