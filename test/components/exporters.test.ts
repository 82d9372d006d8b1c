import { describe, expect, it } from "vitest";
import { KubeStateMetrics, type KubeStateMetricsArgs } from "../../components/monitoring/kube-state-metrics.ts";
import { NodeExporter, type NodeExporterArgs } from "../../components/monitoring/node-exporter.ts";
import { record } from "../recorder.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */

describe("NodeExporter", () => {
  const args: NodeExporterArgs = { namespace: "agents", image: "node-exporter:v1" };
  const make = (more: Partial<NodeExporterArgs> = {}, preview = false) =>
    record(() => void new NodeExporter("node-exporter", { ...args, ...more }), { preview });
  const pod = async (more: Partial<NodeExporterArgs> = {}) =>
    ((await make(more)).get("node-exporter-daemonset").inputs as any).spec.template.spec;

  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    expect((await make({}, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apps/v1:DaemonSet::node-exporter-daemonset",
      "kubernetes:core/v1:ServiceAccount::node-exporter-account",
      "quorum:monitoring:NodeExporter::node-exporter",
    ]);
  });

  it("is on every node, and stays on one that is short of room", async () => {
    const { tolerations, priorityClassName, nodeSelector } = await pod();
    expect({ tolerations, priorityClassName, nodeSelector }).toEqual({
      tolerations: [{ operator: "Exists" }],
      priorityClassName: "system-node-critical",
      nodeSelector: { "kubernetes.io/os": "linux" },
    });
  });

  it("sees the host, and can change nothing of it", async () => {
    const { hostNetwork, hostPID, volumes, containers, securityContext } = await pod();
    expect({ hostNetwork, hostPID }).toEqual({ hostNetwork: true, hostPID: true });
    expect(volumes).toEqual([
      { name: "root", hostPath: { path: "/", type: "Directory" } },
      { name: "figures", hostPath: { path: "/var/lib/quorum/metrics", type: "DirectoryOrCreate" } },
    ]);
    expect(containers[0].volumeMounts).toEqual([
      { name: "root", mountPath: "/host/root", mountPropagation: "HostToContainer", readOnly: true },
      { name: "figures", mountPath: "/host/figures", readOnly: true },
    ]);
    expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65_534 });
    expect(containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      privileged: false,
      readOnlyRootFilesystem: true,
    });
  });

  it("answers on the node's address and on no other", async () => {
    const [container] = (await pod()).containers;
    expect(container.args[0]).toBe("--web.listen-address=[$(NODE_ADDRESS)]:9100");
    expect(container.env).toContainEqual({
      name: "NODE_ADDRESS",
      valueFrom: { fieldRef: { fieldPath: "status.hostIP" } },
    });
    expect(container.ports).toEqual([{ name: "metrics", containerPort: 9100, hostPort: 9100, protocol: "TCP" }]);
  });

  it("has no token", async () => {
    expect((await pod()).automountServiceAccountToken).toBe(false);
    expect((await make()).get("node-exporter-account").inputs["automountServiceAccountToken"]).toBe(false);
  });

  it("collects its garbage before it reaches its limit of memory", async () => {
    const [container] = (await pod({ memoryMiB: 100 })).containers;
    expect(container.env).toContainEqual({ name: "GOMEMLIMIT", value: "90MiB" });
    expect(container.resources.limits.memory).toBe("100Mi");
    expect(container.resources.requests).toEqual({ cpu: "20m", memory: "100Mi", "ephemeral-storage": "16Mi" });
  });
});

describe("KubeStateMetrics", () => {
  const args: KubeStateMetricsArgs = { namespace: "monitoring", image: "kube-state-metrics:v2" };
  const make = (more: Partial<KubeStateMetricsArgs> = {}, preview = false) =>
    record(() => void new KubeStateMetrics("kube-state-metrics", { ...args, ...more }), { preview });
  const deployment = async () => ((await make()).get("kube-state-metrics-deployment").inputs as any).spec;

  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    expect((await make({}, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apps/v1:Deployment::kube-state-metrics-deployment",
      "kubernetes:core/v1:Service::kube-state-metrics-service",
      "kubernetes:core/v1:ServiceAccount::kube-state-metrics-account",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole::kube-state-metrics-role",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding::kube-state-metrics-binding",
      "quorum:monitoring:KubeStateMetrics::kube-state-metrics",
    ]);
  });

  it("may list and watch just what it tells of", async () => {
    const { rules } = (await make()).get("kube-state-metrics-role").inputs as any;
    expect(rules).toEqual([
      {
        apiGroups: [""],
        resources: ["namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods", "resourcequotas"],
        verbs: ["list", "watch"],
      },
      { apiGroups: ["apps"], resources: ["daemonsets", "deployments", "statefulsets"], verbs: ["list", "watch"] },
      { apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: ["list", "watch"] },
      { apiGroups: ["batch"], resources: ["cronjobs", "jobs"], verbs: ["list", "watch"] },
      { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: ["list", "watch"] },
    ]);
    const told = (await deployment()).template.spec.containers[0].args[2] as string;
    expect(told.replace("--resources=", "").split(",").sort()).toEqual(
      rules.flatMap(({ resources }: { resources: string[] }) => resources).sort(),
    );
  });

  it("comes after its rights, which are its account's", async () => {
    const recording = await make();
    const binding = recording.get("kube-state-metrics-binding");
    expect(recording.get("kube-state-metrics-deployment").dependencies).toContain(binding.urn);
    expect(binding.inputs["subjects"]).toEqual([
      { kind: "ServiceAccount", name: "kube-state-metrics", namespace: "monitoring" },
    ]);
  });

  it("is never there twice", async () => {
    const { replicas, strategy } = await deployment();
    expect(replicas).toBe(1);
    expect(strategy.rollingUpdate).toEqual({ maxSurge: 0, maxUnavailable: 1 });
  });

  it("tells of the cluster and of itself at two ports of its Service", async () => {
    const { ports } = (await make()).get("kube-state-metrics-service").inputs["spec"] as any;
    expect(ports.map(({ name, port }: any) => [name, port])).toEqual([
      ["http", 8080],
      ["self", 8081],
    ]);
  });

  it("is not started again where the API server does not answer", async () => {
    const [container] = (await deployment()).template.spec.containers;
    expect(container.livenessProbe.httpGet.path).toBe("/healthz");
    expect(container.readinessProbe.httpGet).toEqual({ path: "/readyz", port: "self" });
  });

  it("is what Pod Security restricted admits, with a class if there is one", async () => {
    const pod = (await deployment()).template.spec;
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    expect(pod.containers[0].securityContext.readOnlyRootFilesystem).toBe(true);
    expect(pod).not.toHaveProperty("priorityClassName");
    const classed = (await make({ priorityClassName: "quorum-critical" })).get("kube-state-metrics-deployment");
    expect((classed.inputs as any).spec.template.spec.priorityClassName).toBe("quorum-critical");
  });
});
