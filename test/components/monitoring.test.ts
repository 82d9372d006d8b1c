import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { MetricsServer } from "../../components/monitoring/metrics-server.ts";
import { Prometheus, type PrometheusArgs } from "../../components/monitoring/prometheus.ts";
import { scrapeJobs } from "../../components/plan/monitoring/scrape-jobs.ts";
import { namespaces, needs } from "../plan/monitoring/scrape-needs.ts";
import { record } from "../recorder.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */

describe("Prometheus", () => {
  const jobs = scrapeJobs(needs({ platform: "shared" }));
  const args: PrometheusArgs = {
    namespace: "watch",
    image: "prometheus:v3",
    jobs,
    places: {
      apps: { name: namespaces.apps, namespace: "shop-made" },
      monitoring: { name: namespaces.monitoring, namespace: "watch-made" },
    },
  };
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
      "kubernetes:rbac.authorization.k8s.io/v1:Role::prometheus-role-apps",
      "kubernetes:rbac.authorization.k8s.io/v1:Role::prometheus-role-monitoring",
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding::prometheus-binding-apps",
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding::prometheus-binding-monitoring",
      "quorum:monitoring:Prometheus::prometheus",
    ]);
  });

  it("runs its jobs at the given interval, under the limits and labels that it is given", async () => {
    const recording = await make({
      scrapeIntervalSeconds: 5,
      samplesPerTarget: 700,
      externalLabels: { stack: "test" },
      alertmanagers: ["alertmanager-0:9093"],
    });
    const data = recording.get("prometheus-config").inputs["data"] as Record<string, string>;
    expect(parse(data["prometheus.yml"] ?? "")).toMatchObject({
      global: { scrape_interval: "5s", sample_limit: 700, external_labels: { stack: "test", replica: "${POD_NAME}" } },
      alerting: { alertmanagers: [{ static_configs: [{ targets: ["alertmanager-0:9093"] }] }] },
      scrape_configs: jobs,
    });
    const [container] = (await server()).spec.template.spec.containers;
    expect(container.env).toEqual([{ name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }]);
  });

  it("may look up targets in the namespaces of its jobs and do nothing else anywhere", async () => {
    const recording = await make();
    expect(recording.get("prometheus-role-apps").inputs).toMatchObject({
      metadata: { name: "prometheus", namespace: "shop-made" },
      rules: [
        { apiGroups: [""], resources: ["services", "pods"], verbs: ["get", "list", "watch"] },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
      ],
    });
    expect(recording.get("prometheus-binding-monitoring").inputs).toMatchObject({
      metadata: { namespace: "watch-made" },
      subjects: [{ kind: "ServiceAccount", name: "prometheus", namespace: "watch" }],
    });
    expect(recording.names().join()).not.toContain("ClusterRole");
  });

  it("takes over the rights that it had when it looked at the services alone", async () => {
    const recording = await make();
    expect(recording.get("prometheus-role-apps").aliases).toContain("prometheus-role");
    expect(recording.get("prometheus-binding-apps").aliases).toContain("prometheus-binding");
    expect(recording.get("prometheus-role-monitoring").aliases).not.toContain("prometheus-role");
  });

  it("may read metrics of the whole cluster where that is the stack's, under names that are nobody else's", async () => {
    const recording = await make({ jobs: scrapeJobs(needs()) });
    expect(recording.get("prometheus-role-kube-system").inputs["metadata"]).toMatchObject({
      name: "quorum-prometheus",
      namespace: "kube-system",
    });
    expect(recording.get("prometheus-cluster-role").inputs).toMatchObject({
      metadata: { name: "quorum-prometheus" },
      rules: [{ resources: ["nodes"] }, { resources: ["nodes/metrics"] }, { nonResourceURLs: ["/metrics"] }],
    });
    expect(recording.get("prometheus-cluster-binding").inputs).toMatchObject({
      roleRef: { kind: "ClusterRole", name: "quorum-prometheus" },
      subjects: [{ kind: "ServiceAccount", name: "prometheus", namespace: "watch" }],
    });
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
    const recording = await make({ jobs: scrapeJobs(needs()) });
    const { dependencies } = recording.get("prometheus-server");
    for (const name of ["prometheus-binding-apps", "prometheus-binding-kube-system", "prometheus-cluster-binding"])
      expect(dependencies).toContain(recording.get(name).urn);
  });

  it("is reached from inside at its own port, and from outside only when asked, one reader by one replica", async () => {
    const inside = { type: "ClusterIP", sessionAffinity: "ClientIP", ports: [{ port: 9090, targetPort: "web" }] };
    const alone = await make();
    expect(alone.get("prometheus-service").inputs["spec"]).toMatchObject(inside);
    expect(alone.ofType(":Service")).toHaveLength(2);
    const exposed = await make({ expose: { port: 80 } });
    expect(exposed.get("prometheus-service").inputs["spec"]).toMatchObject(inside);
    expect(exposed.get("prometheus-public").inputs).toMatchObject({
      metadata: { name: "prometheus-public" },
      spec: { type: "LoadBalancer", sessionAffinity: "ClientIP", ports: [{ port: 80, targetPort: "web" }] },
    });
  });

  it("keeps one of a pair while a host is drained, and has no budget where it is alone", async () => {
    const pair = await make({ replicas: 2 });
    expect(pair.get("prometheus-budget").inputs["spec"]).toEqual({
      maxUnavailable: 1,
      selector: { matchLabels: { app: "prometheus-server" } },
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    });
    expect((await make()).ofType("PodDisruptionBudget")).toEqual([]);
  });

  it.each<[string, Partial<PrometheusArgs>, string, string]>([
    ["where there is a host for each", { hosts: [{}, {}] }, "DoNotSchedule", "ScheduleAnyway"],
    ["where there is a zone for each", { hosts: [{ zone: "a" }, { zone: "b" }] }, "DoNotSchedule", "DoNotSchedule"],
    ["as far as it goes, where there may not be", {}, "ScheduleAnyway", "ScheduleAnyway"],
  ])("keeps a pair apart %s", async (_, more, byHost, byZone) => {
    const pod = (await server({ replicas: 2, ...more })).spec.template.spec;
    const rules = pod.topologySpreadConstraints.map((one: any) => [one.topologyKey, one.whenUnsatisfiable]);
    expect(Object.fromEntries(rules)).toEqual({
      "kubernetes.io/hostname": byHost,
      "topology.kubernetes.io/zone": byZone,
    });
  });

  it("is what Pod Security restricted admits", async () => {
    const pod = (await server({ priorityClassName: "high" })).spec.template.spec;
    expect(pod.priorityClassName).toBe("high");
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
