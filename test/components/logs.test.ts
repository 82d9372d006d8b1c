import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { EventCollector } from "../../components/monitoring/event-collector.ts";
import { LogAgent } from "../../components/monitoring/log-agent.ts";
import type { LogCollectorArgs } from "../../components/monitoring/log-collector.ts";
import { Loki, type LokiArgs } from "../../components/monitoring/loki.ts";
import { record } from "../recorder.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */

describe("Loki", () => {
  const args: LokiArgs = { namespace: "watch", image: "loki:3" };
  const make = (more: Partial<LokiArgs> = {}, preview = false) =>
    record(() => void new Loki("loki", { ...args, ...more }), { preview });
  const server = async (more: Partial<LokiArgs> = {}) => (await make(more)).get("loki-server").inputs as any;

  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    expect((await make({}, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apps/v1:StatefulSet::loki-server",
      "kubernetes:core/v1:ConfigMap::loki-config",
      "kubernetes:core/v1:Service::loki-headless",
      "kubernetes:core/v1:Service::loki-service",
      "kubernetes:core/v1:ServiceAccount::loki-account",
      "quorum:monitoring:Loki::loki",
    ]);
  });

  it("keeps its lines on a volume for the given days, and the volume for as long as is said", async () => {
    const recording = await make({ retentionDays: 3, storageGiB: 7, storageClassName: "fast", retainVolume: false });
    const data = recording.get("loki-config").inputs["data"] as Record<string, string>;
    expect(parse(data["config.yaml"] ?? "")).toMatchObject({
      limits_config: { retention_period: "72h" },
      compactor: { retention_enabled: true },
      analytics: { reporting_enabled: false },
    });
    const { spec } = recording.get("loki-server").inputs as any;
    expect(spec.persistentVolumeClaimRetentionPolicy.whenDeleted).toBe("Delete");
    expect(spec.volumeClaimTemplates[0].spec).toEqual({
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "7Gi" } },
      storageClassName: "fast",
    });
    expect((await server()).spec.persistentVolumeClaimRetentionPolicy.whenDeleted).toBe("Retain");
  });

  it("starts anew when its configuration changes", async () => {
    const hash = async (more: Partial<LokiArgs>) =>
      (await server(more)).spec.template.metadata.annotations["quorum.dev/config-hash"] as string;
    expect(await hash({ retentionDays: 3 })).not.toBe(await hash({ retentionDays: 4 }));
    expect(await hash({ retentionDays: 3 })).toBe(await hash({ retentionDays: 3, storageGiB: 20 }));
  });

  it("writes nowhere but to its volume, as nobody in particular", async () => {
    const pod = (await server()).spec.template.spec;
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 10_001, fsGroup: 10_001 },
    });
    expect(pod.containers[0].securityContext).toMatchObject({ readOnlyRootFilesystem: true });
    expect(pod.containers[0].volumeMounts).toEqual([
      { name: "config", mountPath: "/etc/loki", readOnly: true },
      { name: "data", mountPath: "/loki" },
    ]);
  });

  it("is reached from outside only where asked, by a Service beside that of the callers inside", async () => {
    const recording = await make({ expose: { port: 80 } });
    expect((recording.get("loki-service").inputs as any).spec).toMatchObject({
      type: "ClusterIP",
      ports: [{ port: 3100 }],
    });
    expect(recording.get("loki-public").inputs as any).toMatchObject({
      metadata: { name: "loki-public" },
      spec: { type: "LoadBalancer", ports: [{ port: 80, targetPort: "http" }] },
    });
  });
});

const collectorArgs: LogCollectorArgs = {
  namespace: "nodes",
  image: "otel:0.145.0",
  lokiNamespace: "watch",
  redact: ["cust-[0-9]+"],
};
const configOf = (inputs: any) => parse(inputs.data["config.yaml"] as string);

describe("the log agent", () => {
  const make = () => record(() => void new LogAgent("otel-agent", collectorArgs));

  it("reads the host's logs and may change nothing but a folder of its own", async () => {
    const { spec } = (await make()).get("otel-agent-daemonset").inputs as any;
    const pod = spec.template.spec;
    expect(pod.tolerations).toEqual([{ operator: "Exists" }]);
    expect(pod.hostNetwork).toBeUndefined();
    const mounts = pod.containers[0].volumeMounts as { name: string; readOnly?: boolean }[];
    expect(mounts.filter(({ readOnly }) => readOnly !== true).map(({ name }) => name)).toEqual(["state"]);
    expect(pod.volumes.filter((volume: any) => volume.hostPath).map((volume: any) => volume.hostPath.path)).toEqual([
      "/var/log",
      "/var/lib/quorum/otel-agent",
    ]);
    expect(pod.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"], add: ["DAC_READ_SEARCH"] },
      privileged: false,
      readOnlyRootFilesystem: true,
    });
  });

  it("may look at pods, for their labels, and at nothing else", async () => {
    const recording = await make();
    expect((recording.get("otel-agent-role").inputs as any).rules).toEqual([
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
    ]);
    expect((recording.get("otel-agent-binding").inputs as any).subjects).toEqual([
      { kind: "ServiceAccount", name: "otel-agent", namespace: "nodes" },
    ]);
  });

  it("sends to Loki in its namespace, without what the stack says is secret", async () => {
    const config = configOf((await make()).get("otel-agent-config").inputs);
    expect(config.exporters.otlphttp.endpoint).toBe("http://loki.watch.svc:3100/otlp");
    for (const name of ["transform/pods", "transform/node"])
      expect(JSON.stringify(config.processors[name])).toContain("cust-[0-9]+");
  });
});

describe("the collector of events", () => {
  const make = () => record(() => void new EventCollector("otel-events", { ...collectorArgs, namespace: "watch" }));

  it("is one pod, never two, so that no event is there twice", async () => {
    expect(((await make()).get("otel-events-deployment").inputs as any).spec).toMatchObject({
      replicas: 1,
      strategy: { type: "Recreate" },
    });
  });

  it("may look at events and at nothing else, and sees nothing of the host", async () => {
    const recording = await make();
    expect((recording.get("otel-events-role").inputs as any).rules).toEqual([
      { apiGroups: [""], resources: ["events"], verbs: ["get", "list", "watch"] },
    ]);
    const pod = (recording.get("otel-events-deployment").inputs as any).spec.template.spec;
    expect(pod.volumes).toEqual([{ name: "config", configMap: { name: "otel-events" } }]);
    expect(pod.securityContext.runAsNonRoot).toBe(true);
  });

  it("takes the stack's secrets out of events too", async () => {
    const config = configOf((await make()).get("otel-events-config").inputs);
    expect(JSON.stringify(config.processors["transform/events"])).toContain("cust-[0-9]+");
  });
});
