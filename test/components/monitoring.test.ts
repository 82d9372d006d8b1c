import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { MetricsServer } from "../../components/monitoring/metrics-server.ts";
import { Prometheus, type PrometheusArgs } from "../../components/monitoring/prometheus.ts";
import { record } from "../recorder.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */

describe("Prometheus", () => {
  const args: PrometheusArgs = { namespace: "monitoring", image: "prometheus:v3", appsNamespace: "shop" };
  const make = (more: Partial<PrometheusArgs> = {}, preview = false) =>
    record(() => void new Prometheus("prometheus", { ...args, ...more }), { preview });
  const server = async (more: Partial<PrometheusArgs> = {}) =>
    (await make(more)).get("prometheus-server").inputs as any;

  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    expect((await make({}, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apps/v1:StatefulSet::prometheus-server",
      "kubernetes:core/v1:ConfigMap::prometheus-config",
      "kubernetes:core/v1:ConfigMap::prometheus-rules",
      "kubernetes:core/v1:Service::prometheus-peers",
      "kubernetes:core/v1:Service::prometheus-service",
      "kubernetes:core/v1:ServiceAccount::prometheus-account",
      "kubernetes:rbac.authorization.k8s.io/v1:Role::prometheus-role",
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding::prometheus-binding",
      "quorum:monitoring:Prometheus::prometheus",
    ]);
  });

  it("scrapes the given namespace at the given interval", async () => {
    const data = (await make({ scrapeIntervalSeconds: 5 })).get("prometheus-config").inputs["data"] as Record<
      string,
      string
    >;
    const config = parse(data["prometheus.yml"] ?? "");
    expect(config.global.scrape_interval).toBe("5s");
    expect(config.scrape_configs[1].relabel_configs[0].regex).toBe("shop;business");
  });

  it("may look up targets in that namespace and do nothing else anywhere", async () => {
    const recording = await make();
    expect(recording.get("prometheus-role").inputs).toMatchObject({
      metadata: { namespace: "shop" },
      rules: [
        { apiGroups: [""], resources: ["services", "pods"], verbs: ["get", "list", "watch"] },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
      ],
    });
    expect(recording.get("prometheus-binding").inputs).toMatchObject({
      metadata: { namespace: "shop" },
      subjects: [{ kind: "ServiceAccount", name: "prometheus", namespace: "monitoring" }],
    });
    expect(recording.names().join()).not.toContain("ClusterRole");
  });

  it("reads a changed configuration by itself; the endpoints that change it answer only when asked", async () => {
    const flags = (await server()).spec.template.spec.containers[0].args as string[];
    expect(flags).toEqual([
      "--config.file=/etc/prometheus/prometheus.yml",
      "--storage.tsdb.path=/prometheus",
      "--storage.tsdb.retention.time=15d",
      "--storage.tsdb.retention.size=8192MB",
      "--enable-feature=auto-reload-config",
      "--config.auto-reload-interval=15s",
    ]);
    const open = (await server({ lifecycle: true })).spec.template.spec.containers[0].args as string[];
    expect(open).toContain("--web.enable-lifecycle");
  });

  it("has its rule files beside its configuration, so that a further one needs no restart", async () => {
    const recording = await make({ rules: { jobs: "groups: []\n" } });
    expect(recording.get("prometheus-rules").inputs["data"]).toEqual({ "jobs.rules.yml": "groups: []\n" });
    const pod = (await server()).spec.template.spec;
    expect(pod.volumes).toEqual([
      {
        name: "config",
        projected: {
          sources: [{ configMap: { name: "prometheus-config" } }, { configMap: { name: "prometheus-rules" } }],
        },
      },
    ]);
  });

  it("keeps its series on a volume of its own", async () => {
    const { spec } = await server({ storageGiB: 50, storageClassName: "fast", replicas: 2 });
    expect(spec.replicas).toBe(2);
    expect(spec.volumeClaimTemplates[0].spec).toEqual({
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "50Gi" } },
      storageClassName: "fast",
    });
    expect(spec.template.spec.containers[0].volumeMounts).toContainEqual({ name: "data", mountPath: "/prometheus" });
    expect(spec.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: "Retain", whenScaled: "Retain" });
    expect((await server({ retainVolumes: false })).spec.persistentVolumeClaimRetentionPolicy.whenDeleted).toBe(
      "Delete",
    );
  });

  it("comes after its rights", async () => {
    const recording = await make();
    expect(recording.get("prometheus-server").dependencies).toContain(recording.get("prometheus-binding").urn);
  });

  it("is reached from outside only when asked, one reader by one replica", async () => {
    expect((await make()).get("prometheus-service").inputs["spec"]).toMatchObject({
      type: "ClusterIP",
      ports: [{ port: 9090 }],
    });
    expect((await make({ expose: { port: 80 } })).get("prometheus-service").inputs["spec"]).toMatchObject({
      type: "LoadBalancer",
      sessionAffinity: "ClientIP",
      ports: [{ port: 80, targetPort: "web" }],
    });
  });

  it("is what Pod Security restricted admits", async () => {
    const pod = (await server()).spec.template.spec;
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 65534,
      fsGroup: 65534,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(pod.containers[0].securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  });
});

describe("MetricsServer", () => {
  const make = (kubeletInsecureTls: boolean, preview = false) =>
    record(() => void new MetricsServer("metrics-server", { image: "metrics-server:v0", kubeletInsecureTls }), {
      preview,
    });
  const flags = async (insecure: boolean) =>
    ((await make(insecure)).get("metrics-server-deployment").inputs as any).spec.template.spec.containers[0]
      .args as string[];

  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    expect((await make(false, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apiregistration.k8s.io/v1:APIService::metrics-server-api",
      "kubernetes:apps/v1:Deployment::metrics-server-deployment",
      "kubernetes:core/v1:Service::metrics-server-service",
      "kubernetes:core/v1:ServiceAccount::metrics-server-account",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole::metrics-server-reader",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole::metrics-server-role",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding::metrics-server-binding",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding::metrics-server-delegator",
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding::metrics-server-auth-reader",
      "quorum:monitoring:MetricsServer::metrics-server",
    ]);
  });

  it("checks kubelets' certificates, unless the site has none", async () => {
    expect(await flags(false)).toContain("--kubelet-certificate-authority=/etc/kubelet-ca/ca.crt");
    expect(await flags(false)).not.toContain("--kubelet-insecure-tls");
    expect(await flags(true)).toContain("--kubelet-insecure-tls");
  });

  it("serves the resource metrics API", async () => {
    const recording = await make(false);
    expect(recording.get("metrics-server-api").inputs).toMatchObject({
      metadata: { name: "v1beta1.metrics.k8s.io" },
      spec: { service: { name: "metrics-server", namespace: "kube-system" } },
    });
    expect(recording.get("metrics-server-api").dependencies).toContain(recording.get("metrics-server-service").urn);
  });
});
