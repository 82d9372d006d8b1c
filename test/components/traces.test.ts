import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { TraceGateway, type TraceGatewayArgs } from "../../components/monitoring/trace-gateway.ts";
import { Zipkin, type ZipkinArgs } from "../../components/monitoring/zipkin.ts";
import { record } from "../recorder.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */

const isRestricted = (pod: any) => {
  expect(pod.automountServiceAccountToken).toBe(false);
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
  for (const { securityContext, resources } of pod.containers) {
    expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } });
    for (const kind of ["requests", "limits"])
      expect(Object.keys(resources[kind]).sort()).toEqual(["cpu", "ephemeral-storage", "memory"]);
  }
};

describe("TraceGateway", () => {
  const args: TraceGatewayArgs = { namespace: "watch", image: "collector:1", zipkin: true, loki: true };
  const make = (more: Partial<TraceGatewayArgs> = {}, preview = false) =>
    record(() => void new TraceGateway("otel-gateway", { ...args, ...more }), { preview });
  const deployment = async (more: Partial<TraceGatewayArgs> = {}) =>
    (await make(more)).get("otel-gateway-deployment").inputs as any;

  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    expect((await make({}, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apps/v1:Deployment::otel-gateway-deployment",
      "kubernetes:core/v1:ConfigMap::otel-gateway-config",
      "kubernetes:core/v1:Service::otel-gateway-service",
      "kubernetes:core/v1:ServiceAccount::otel-gateway-account",
      "quorum:monitoring:TraceGateway::otel-gateway",
    ]);
  });

  it("is what Pod Security restricted admits, without a token, and within its memory", async () => {
    const pod = (await deployment({ memoryMiB: 200 })).spec.template.spec;
    isRestricted(pod);
    expect(pod.containers[0].env).toEqual([{ name: "GOMEMLIMIT", value: "160MiB" }]);
    expect(pod.containers[0].resources.limits.memory).toBe("200Mi");
  });

  it("has its configuration where the program looks for it, and begins anew with another", async () => {
    const recording = await make({ samplePercent: 10, redact: ["cust-[0-9]+"] });
    const text = (recording.get("otel-gateway-config").inputs as any).data["config.yaml"] as string;
    expect(parse(text).processors.probabilistic_sampler).toEqual({ sampling_percentage: 10 });
    expect(text).toContain("cust-[0-9]+");
    const [container] = (await deployment()).spec.template.spec.containers;
    expect(container.args).toEqual(["--config", "/etc/otelcol-contrib/config.yaml"]);
    expect(container.volumeMounts).toEqual([{ name: "config", mountPath: "/etc/otelcol-contrib", readOnly: true }]);
    const hash = async (more: Partial<TraceGatewayArgs>) =>
      (await deployment(more)).spec.template.metadata.annotations["quorum.dev/config-hash"];
    expect(await hash({})).toBe(await hash({ replicas: 3 }));
    expect(await hash({})).not.toBe(await hash({ samplePercent: 10 }));
  });

  it("has a budget where there are several, which keep to different hosts", async () => {
    const recording = await make({ replicas: 2 });
    expect(recording.get("otel-gateway-budget").inputs["spec"]).toMatchObject({
      maxUnavailable: 1,
      selector: { matchLabels: { app: "otel-gateway" } },
    });
    const { spec } = await deployment({ replicas: 2 });
    expect(spec.replicas).toBe(2);
    expect(spec.template.spec.topologySpreadConstraints.map((one: any) => one.topologyKey)).toEqual([
      "kubernetes.io/hostname",
      "topology.kubernetes.io/zone",
    ]);
  });

  it("is reached by both of OTLP's ways, and from outside by none", async () => {
    expect((await make()).get("otel-gateway-service").inputs).toMatchObject({
      metadata: { name: "otel-gateway", namespace: "watch" },
      spec: { type: "ClusterIP", ports: [{ port: 4317 }, { port: 4318 }] },
    });
  });
});

describe("Zipkin", () => {
  const args: ZipkinArgs = { namespace: "watch", image: "zipkin:3" };
  const elasticsearch = { url: "https://es.example.com", username: "zipkin", password: pulumi.secret("s3cr3t") };
  const make = (more: Partial<ZipkinArgs> = {}, preview = false) =>
    record(() => void new Zipkin("zipkin", { ...args, ...more }), { preview });
  const deployment = async (more: Partial<ZipkinArgs> = {}) =>
    (await make(more)).get("zipkin-deployment").inputs as any;

  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    const more = { expose: { port: 9411 }, elasticsearch };
    expect((await make(more, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apps/v1:Deployment::zipkin-deployment",
      "kubernetes:core/v1:Secret::zipkin-elasticsearch",
      "kubernetes:core/v1:Service::zipkin-public",
      "kubernetes:core/v1:Service::zipkin-service",
      "kubernetes:core/v1:ServiceAccount::zipkin-account",
      "quorum:monitoring:Zipkin::zipkin",
    ]);
  });

  it("is what Pod Security restricted admits, without a token", async () => {
    isRestricted((await deployment()).spec.template.spec);
  });

  it("is never there twice while it keeps spans in memory, and never away while Elasticsearch keeps them", async () => {
    expect((await deployment()).spec.strategy).toEqual({ type: "Recreate" });
    expect((await deployment({ elasticsearch })).spec.strategy.rollingUpdate).toEqual({
      maxSurge: 1,
      maxUnavailable: 0,
    });
  });

  it("gets the password from a Secret, and another pod with another one", async () => {
    const recording = await make({ elasticsearch });
    expect(recording.get("zipkin-elasticsearch").inputs).toMatchObject({
      metadata: { name: "zipkin-elasticsearch", namespace: "watch" },
      stringData: { password: "s3cr3t" },
    });
    const { template } = (recording.get("zipkin-deployment").inputs as any).spec;
    expect(template.spec.containers[0].env).toContainEqual({
      name: "ES_PASSWORD",
      valueFrom: { secretKeyRef: { name: "zipkin-elasticsearch", key: "password" } },
    });
    expect(JSON.stringify(template)).not.toContain("s3cr3t");
    const other = await deployment({ elasticsearch: { ...elasticsearch, password: pulumi.secret("other") } });
    expect(other.spec.template.metadata.annotations).not.toEqual(template.metadata.annotations);
  });

  it("is reached inside by one name and port, and outside only when asked", async () => {
    const inside = { type: "ClusterIP", ports: [{ name: "http", port: 9411, protocol: "TCP", targetPort: "http" }] };
    const recording = await make({ expose: { port: 80 } });
    expect(recording.get("zipkin-service").inputs).toMatchObject({ metadata: { name: "zipkin" }, spec: inside });
    expect(recording.get("zipkin-public").inputs).toMatchObject({
      metadata: { name: "zipkin-public", annotations: { "pulumi.com/skipAwait": "true" } },
      spec: { type: "LoadBalancer", ports: [{ port: 80, targetPort: "http" }] },
    });
    expect((await make()).names().join()).not.toContain("zipkin-public");
  });
});
