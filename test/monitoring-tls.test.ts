import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { KubeObject } from "../engine/direct/objects.ts";
import { objectsOf, runProgram } from "./program-objects.ts";
import { runnableSections } from "./stacks.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- objects have no types of their own */

const prod = runnableSections("prod");
const signIn = {
  issuerUrl: "https://id.example.com",
  clientId: "quorum",
  clientSecret: "hidden away",
  authUrl: "https://id.example.com/auth",
  tokenUrl: "https://id.example.com/token",
  apiUrl: "https://id.example.com/me",
};
const stack = (more: object) => {
  const { prometheus } = prod["monitoring"] as { prometheus: object };
  const ingress = { hostname: "prometheus.example.com", tls: { issuer: "letsencrypt" } };
  const monitoring = { ...prod["monitoring"], signIn, grafana: {}, prometheus: { ...prometheus, ingress }, ...more };
  return runProgram({ ...prod, ingress: { controller: "traefik" }, monitoring }, { stack: "prod" }).then((run) =>
    objectsOf(run, "prod"),
  );
};
const named = ({ kind, metadata }: KubeObject) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;

let plain: KubeObject[];
let secure: KubeObject[];
beforeAll(async () => {
  plain = await stack({});
  secure = await stack({ tls: { issuer: "cluster-ca" } });
});

const object = (name: string, objects = secure) => {
  const found = objects.find((one) => named(one) === name) as any;
  if (found === undefined) throw new Error(`there is no ${name}, but ${objects.map(named).join(", ")}`);
  return found;
};
const podOf = (name: string, objects = secure) => object(name, objects).spec.template.spec;

/** Of each workload: the Secret of its volume, its keys in the container, and the folder. */
function mounted(objects: readonly KubeObject[]): Record<string, unknown> {
  const found = objects.flatMap((one) => {
    const pod = (one as any).spec?.template?.spec;
    const volume = pod?.volumes?.find(({ secret }: any) =>
      /-server-tls$|^monitoring-authority$/.test((secret?.secretName as string | undefined) ?? ""),
    );
    if (volume === undefined) return [];
    const mount = pod.containers[0].volumeMounts.find(({ name }: any) => name === volume.name);
    const keys = volume.secret.items.map(({ key }: any) => key as string).join(" ");
    return [
      [
        one.metadata.name,
        `${volume.secret.secretName} (${keys}) at ${mount?.mountPath}, read-only: ${mount?.readOnly}`,
      ],
    ];
  });
  return Object.fromEntries(found) as Record<string, unknown>;
}

describe("without `tls`", () => {
  it("there is no certificate, nothing that is mounted for one, and no https between the parts", () => {
    expect(plain.filter(({ kind }) => kind === "Certificate")).toEqual([]);
    expect(mounted(plain)).toEqual({});
    const text = JSON.stringify(plain);
    for (const sign of ["/etc/tls", "web.config", "-server-tls", "monitoring-authority", "SSL_CERT_DIR", "cluster-tls"])
      expect(text).not.toContain(sign);
    expect(text).not.toMatch(/https:\/\/(prometheus|alertmanager|loki|grafana|otel-gateway)(:|\.monitoring)/);
  });

  it("there are the same objects otherwise", () => {
    const more = secure.map(named).filter((name) => !plain.map(named).includes(name));
    expect(more.filter((name) => !name.startsWith("Certificate ")).sort()).toEqual([
      "ConfigMap monitoring-agents/node-exporter",
      "ConfigMap monitoring/kube-state-metrics",
    ]);
    expect(plain.map(named).filter((name) => !secure.map(named).includes(name))).toEqual([]);
  });
});

describe("with `tls`", () => {
  it("each part has its own certificate, and who only calls has the authority alone", () => {
    const own = (name: string) => `${name}-server-tls (tls.crt tls.key ca.crt) at /etc/tls, read-only: true`;
    const authority = (folder: string) => `monitoring-authority (ca.crt) at ${folder}, read-only: true`;
    const { services } = prod as unknown as { services: Record<string, object> };
    expect(mounted(secure)).toEqual({
      ...Object.fromEntries(
        ["prometheus", "alertmanager", "grafana", "kube-state-metrics", "loki", "otel-gateway", "node-exporter"].map(
          (name) => [name, own(name)],
        ),
      ),
      ...Object.fromEntries(
        ["otel-agent", "otel-events", "prometheus-sign-in"].map((name) => [name, authority("/etc/tls")]),
      ),
      ...Object.fromEntries(Object.keys(services).map((name) => [name, authority("/etc/monitoring-authority")])),
    });
  });

  it("each is made by the issuer, with a key of its own each time", () => {
    const certificates = secure.filter(({ kind }) => kind === "Certificate") as any[];
    expect(certificates).toHaveLength(10);
    for (const { apiVersion, metadata, spec } of certificates) {
      expect(apiVersion).toBe("cert-manager.io/v1");
      expect(spec).toMatchObject({
        secretName: metadata.name,
        issuerRef: { group: "cert-manager.io", kind: "ClusterIssuer", name: "cluster-ca" },
        privateKey: { rotationPolicy: "Always" },
      });
    }
  });

  it.each([
    ["StatefulSet monitoring/prometheus", "--web.config.file=/etc/prometheus/web.yml"],
    ["StatefulSet monitoring/alertmanager", "--web.config.file=/etc/alertmanager/web.yml"],
    ["StatefulSet monitoring/alertmanager", "--cluster.tls-config=/etc/alertmanager/cluster-tls.yml"],
    ["Deployment monitoring/kube-state-metrics", "--tls-config=/etc/web/web.yml"],
    ["DaemonSet monitoring-agents/node-exporter", "--web.config.file=/etc/web/web.yml"],
  ])("%s serves by %s", (name, flag) => {
    expect(podOf(name).containers[0].args).toContain(flag);
    expect(podOf(name, plain).containers[0].args).not.toContain(flag);
  });

  it("the files that those flags name are there", () => {
    const web = "tls_server_config:\n  cert_file: /etc/tls/tls.crt\n  key_file: /etc/tls/tls.key\n";
    expect(object("ConfigMap monitoring/prometheus-config").data["web.yml"]).toBe(web);
    expect(object("ConfigMap monitoring/prometheus-config").data["client.yml"]).toBe(
      "tls_config:\n  ca_file: /etc/tls/ca.crt\n",
    );
    expect(object("ConfigMap monitoring/kube-state-metrics").data).toEqual({ "web.yml": web });
    expect(object("ConfigMap monitoring-agents/node-exporter").data).toEqual({ "web.yml": web });
    expect(Object.keys(object("Secret monitoring/alertmanager-config").data)).toEqual(
      expect.arrayContaining(["web.yml", "client.yml", "cluster-tls.yml"]),
    );
    for (const name of ["Deployment monitoring/kube-state-metrics", "DaemonSet monitoring-agents/node-exporter"])
      expect(podOf(name).containers[0].volumeMounts).toContainEqual(
        expect.objectContaining({ name: "web", mountPath: "/etc/web" }),
      );
  });

  it("the kubelet asks by https exactly those that serve so", () => {
    const schemes = (objects: readonly KubeObject[]) =>
      objects.flatMap((one) => {
        const container = (one as any).spec?.template?.spec?.containers?.[0];
        if (one.metadata.namespace === "kube-system") return [];
        const probes = ["startupProbe", "readinessProbe", "livenessProbe"].map(
          (name) => container?.[name]?.httpGet?.scheme,
        );
        return probes.includes("HTTPS") ? [one.metadata.name] : [];
      });
    expect(schemes(secure).sort()).toEqual([
      "alertmanager",
      "grafana",
      "kube-state-metrics",
      "loki",
      "node-exporter",
      "prometheus",
    ]);
    expect(schemes(plain)).toEqual([]);
  });

  it("Prometheus tells Alertmanager by https", () => {
    const { alerting } = parse(object("ConfigMap monitoring/prometheus-config").data["prometheus.yml"]);
    expect(alerting.alertmanagers).toMatchObject([{ scheme: "https", tls_config: { ca_file: "/etc/tls/ca.crt" } }]);
  });

  it("Loki serves by its certificate, and the collectors check it", () => {
    const { server } = parse(object("ConfigMap monitoring/loki").data["config.yaml"]);
    expect(server.http_tls_config).toEqual({ cert_file: "/etc/tls/tls.crt", key_file: "/etc/tls/tls.key" });
    for (const [name, exporter, url] of [
      ["monitoring/otel-gateway", "otlphttp/loki", "https://loki:3100/otlp"],
      ["monitoring/otel-events", "otlphttp", "https://loki.monitoring.svc:3100/otlp"],
      ["monitoring-agents/otel-agent", "otlphttp", "https://loki.monitoring.svc:3100/otlp"],
    ] as const) {
      const { exporters } = parse(object(`ConfigMap ${name}`).data["config.yaml"]);
      expect(exporters[exporter]).toMatchObject({ endpoint: url, tls: { ca_file: "/etc/tls/ca.crt" } });
    }
  });

  it("the gateway takes traces by its certificate, and applications check it", () => {
    const { receivers, exporters } = parse(object("ConfigMap monitoring/otel-gateway").data["config.yaml"]);
    const tls = { cert_file: "/etc/tls/tls.crt", key_file: "/etc/tls/tls.key", reload_interval: "1m" };
    expect(receivers.otlp.protocols).toMatchObject({ grpc: { tls }, http: { tls } });
    expect(exporters.zipkin.endpoint).toBe("http://zipkin:9411/api/v2/spans");
    const [grpc] = object("Service monitoring/otel-gateway").spec.ports;
    expect(grpc).not.toHaveProperty("appProtocol");
    expect(podOf("Deployment apps/metricsdemo").containers[0].env).toEqual(
      expect.arrayContaining([
        { name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: "https://otel-gateway.monitoring.svc:4318" },
        { name: "OTEL_EXPORTER_OTLP_CERTIFICATE", value: "/etc/monitoring-authority/ca.crt" },
      ]),
    );
  });

  it("Grafana serves by its certificate, and checks the datasources that have one", () => {
    const { data } = object("ConfigMap monitoring/grafana-config");
    const text = Object.values(data as Record<string, string>);
    const ini = text.find((one) => one.includes("[server]")) ?? "";
    expect(ini).toContain("protocol = https\ncert_file = /etc/tls/tls.crt\ncert_key = /etc/tls/tls.key");
    const { datasources } = parse(text.find((one) => one.includes('"datasources"')) ?? "");
    const checked = datasources.map(({ uid, url, jsonData, secureJsonData }: any) => [
      uid,
      url,
      jsonData.tlsAuthWithCACert,
      secureJsonData?.tlsCACert,
    ]);
    const authority = [true, "$__file{/etc/tls/ca.crt}"];
    expect(checked).toEqual([
      ["prometheus", "https://prometheus:9090", ...authority],
      ["loki", "https://loki:3100", ...authority],
      ["zipkin", "http://zipkin:9411", undefined, undefined],
      ["alertmanager", "https://alertmanager:9093", ...authority],
    ]);
  });

  it("a sign-in proxy checks the part behind it", () => {
    const { data } = object("ConfigMap monitoring/prometheus-sign-in");
    expect(data["oauth2-proxy.cfg"]).toContain('upstreams = ["https://prometheus:9090"]');
    expect(podOf("Deployment monitoring/prometheus-sign-in").containers[0].env).toContainEqual({
      name: "SSL_CERT_DIR",
      value: "/etc/tls",
    });
  });
});
