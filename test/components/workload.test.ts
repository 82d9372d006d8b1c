import { describe, expect, it } from "vitest";
import { Workload, type WorkloadArgs } from "../../components/workload/workload.ts";
import { record } from "../recorder.ts";

const args: WorkloadArgs = {
  namespace: "apps",
  image: "registry.example.com/app:dev@sha256:0",
  role: "web",
  port: 8080,
};
const make = (more: Partial<WorkloadArgs> = {}, preview = false) =>
  record(() => void new Workload("shop", { ...args, ...more }), { preview });

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */
async function specs(more: Partial<WorkloadArgs> = {}) {
  const recording = await make(more);
  const deployment: any = recording.get("shop-deployment").inputs;
  const service: any = recording.get("shop-service").inputs;
  const pod = deployment.spec.template.spec;
  return { recording, deployment, service, template: deployment.spec.template, pod, container: pod.containers[0] };
}

describe("Workload", () => {
  it.each([true, false])("makes the same objects, all its own children (preview %s)", async (preview) => {
    const recording = await make({ config: { "a.txt": "x" } }, preview);
    expect(recording.names().slice(1)).toEqual(
      expect.arrayContaining([
        "quorum:workload:Workload::shop",
        "kubernetes:core/v1:ServiceAccount::shop-account",
        "kubernetes:core/v1:ConfigMap::shop-config",
        "kubernetes:core/v1:Service::shop-service",
        "kubernetes:apps/v1:Deployment::shop-deployment",
        "kubernetes:policy/v1:PodDisruptionBudget::shop-budget",
      ]),
    );
    expect(recording.names()).toHaveLength(7);
    for (const one of recording.resources.slice(2)) expect(one.parent).toMatch(/quorum:workload:Workload::shop$/);
  });

  it("has the sample's Service: labels, port name, selector", async () => {
    const { service, deployment } = await specs({ port: 80, expose: { port: 9376 } });
    expect(service.metadata.labels).toEqual({ app: "shop", apptype: "business", instancetype: "web" });
    expect(service.spec).toEqual({
      type: "LoadBalancer",
      selector: { app: "shop" },
      ports: [{ name: "portapi", protocol: "TCP", port: 9376, targetPort: "portapi" }],
    });
    expect(deployment.spec.selector.matchLabels).toEqual({ app: "shop" });
    expect(deployment.spec.template.metadata.labels).toMatchObject({ app: "shop" });
  });

  it.each<[string, Partial<WorkloadArgs>, Record<string, unknown>]>([
    ["inside, on the container's port", {}, { type: "ClusterIP", ports: [expect.objectContaining({ port: 8080 })] }],
    [
      "inside, on a port of its own",
      { servicePort: 80 },
      { type: "ClusterIP", ports: [expect.objectContaining({ port: 80 })] },
    ],
    ["outside", { expose: { port: 443 } }, { type: "LoadBalancer", ports: [expect.objectContaining({ port: 443 })] }],
  ])("is reached %s", async (_, more, expected) => {
    expect((await specs(more)).service.spec).toMatchObject(expected);
  });

  it("is not scraped when it does not want it", async () => {
    expect((await specs({ scrape: false })).service.metadata.labels).not.toHaveProperty("apptype");
    expect((await specs({ type: "batch" })).service.metadata.labels).toMatchObject({ apptype: "batch" });
  });

  it("loses no request through a roll-out: none is taken away before another is ready, and it serves on while it drains", async () => {
    const { deployment, pod, container } = await specs({ gracePeriodSeconds: 45 });
    expect(deployment.spec).toMatchObject({
      replicas: 2,
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    });
    expect(pod.terminationGracePeriodSeconds).toBe(45);
    const value = (name: string) => Number(container.env.find((one: any) => one.name === name).value);
    const stopping = container.lifecycle.preStop.sleep.seconds as number;
    expect(stopping + value("SHUTDOWN_DELAY_SECONDS") + value("SHUTDOWN_TIMEOUT_SECONDS")).toBeLessThan(45);
    expect(container.terminationMessagePolicy).toBe("FallbackToLogsOnError");
  });

  it("is probed on the sample's paths", async () => {
    const { container } = await specs();
    expect(container.startupProbe).toMatchObject({
      httpGet: { path: "/health", port: "portapi" },
      periodSeconds: 1,
      failureThreshold: 60,
    });
    expect(container.readinessProbe).toMatchObject({ httpGet: { path: "/health" }, periodSeconds: 5 });
    expect(container.livenessProbe).toMatchObject({
      httpGet: { path: "/api/job/alive/check" },
      periodSeconds: 5,
      timeoutSeconds: 1,
    });
    const own = await specs({
      probes: { readinessPath: "/r", livenessPath: "/l", periodSeconds: 9, timeoutSeconds: 2, startupSeconds: 7 },
    });
    expect(own.container.readinessProbe).toMatchObject({
      httpGet: { path: "/r" },
      periodSeconds: 9,
      timeoutSeconds: 2,
    });
    expect(own.container.livenessProbe).toMatchObject({ httpGet: { path: "/l" } });
    expect(own.container.startupProbe).toMatchObject({ failureThreshold: 7 });
  });

  it("is what Pod Security restricted admits, and more", async () => {
    const { pod, container, recording } = await specs();
    expect(pod.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: 10001,
      runAsGroup: 10001,
      fsGroup: 10001,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      privileged: false,
      readOnlyRootFilesystem: true,
    });
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(recording.get("shop-account").inputs["automountServiceAccountToken"]).toBe(false);
    expect(container.volumeMounts).toEqual([{ name: "tmp", mountPath: "/tmp" }]);
  });

  it("may listen below 1024 only when its port is there", async () => {
    const sysctl = { name: "net.ipv4.ip_unprivileged_port_start", value: "80" };
    expect((await specs({ port: 80 })).pod.securityContext.sysctls).toEqual([sysctl]);
    expect((await specs({ port: 1024 })).pod.securityContext).not.toHaveProperty("sysctls");
  });

  it("tells the process who it is", async () => {
    const env = (await specs({ env: { COLOUR: "red", ROLE: "other" } })).container.env;
    expect(env).toEqual([
      { name: "PORT", value: "8080" },
      { name: "ROLE", value: "other" },
      { name: "APP_NAME", value: "shop" },
      { name: "SHUTDOWN_DELAY_SECONDS", value: "5" },
      { name: "SHUTDOWN_TIMEOUT_SECONDS", value: "19" },
      { name: "COLOUR", value: "red" },
    ]);
  });

  it("tells the process where to send its traces, and where it runs, in an order that Kubernetes can fill in", async () => {
    const tracesEndpoint = "http://otel-gateway.watch.svc:4318";
    const names = (env: any[]) => env.map(({ name }) => name as string);
    const { env } = (await specs({ tracesEndpoint })).container;
    const value = (name: string) => env.find((one: any) => one.name === name)?.value;
    expect(value("OTEL_EXPORTER_OTLP_ENDPOINT")).toBe(tracesEndpoint);
    expect(value("OTEL_SERVICE_NAME")).toBe("shop");
    const attributes = value("OTEL_RESOURCE_ATTRIBUTES") as string;
    for (const [, variable = ""] of attributes.matchAll(/\$\((\w+)\)/g))
      expect(names(env).indexOf(variable)).toBeLessThan(names(env).indexOf("OTEL_RESOURCE_ATTRIBUTES"));
    expect(env).toContainEqual({ name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } });
    expect(names((await specs()).container.env).join()).not.toMatch(/OTEL|POD_NAME/);
  });

  it("lets a variable of one's own come before each of those", async () => {
    const own = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://elsewhere:4318", POD_NAME: "mine" };
    const { env } = (await specs({ tracesEndpoint: "http://otel-gateway.watch.svc:4318", env: own })).container;
    for (const [name, value] of Object.entries(own))
      expect(env.filter((one: any) => one.name === name)).toEqual([{ name, value }]);
    const names = env.map((one: any) => one.name as string);
    expect(names.indexOf("POD_NAME")).toBeLessThan(names.indexOf("OTEL_RESOURCE_ATTRIBUTES"));
  });

  it("sets resources aside and bounds them", async () => {
    expect((await specs({ resources: { cpuMillis: 700, memoryMiB: 64 } })).container.resources).toEqual({
      requests: { cpu: "700m", memory: "64Mi", "ephemeral-storage": "64Mi" },
      limits: { cpu: "1400m", memory: "64Mi", "ephemeral-storage": "256Mi" },
    });
    expect((await specs()).container.resources.limits.cpu).toBe("1");
    const { container, pod } = await specs({ resources: { cpuMillis: 50, cpuLimitMillis: 75, ephemeralMiB: 1000 } });
    expect(container.resources.limits).toMatchObject({ cpu: "75m", "ephemeral-storage": "1000Mi" });
    expect(container.resources.requests["ephemeral-storage"]).toBe("250Mi");
    expect(pod.volumes).toEqual([{ name: "tmp", emptyDir: { sizeLimit: "1000Mi" } }]);
  });

  it.each<[string, Partial<WorkloadArgs>, string[]]>([
    ["should, where no hosts are known", {}, ["ScheduleAnyway", "ScheduleAnyway"]],
    ["must, where there is room", { hosts: [{ zone: "a" }, { zone: "b" }] }, ["DoNotSchedule", "DoNotSchedule"]],
    ["need not", { placement: { spreadHosts: "off" } }, ["ScheduleAnyway"]],
  ])("spreads over hosts and zones: %s", async (_, more, expected) => {
    const constraints = (await specs(more)).pod.topologySpreadConstraints;
    expect(constraints.map((one: any) => one.whenUnsatisfiable)).toEqual(expected);
    for (const one of constraints) {
      expect(one).toMatchObject({
        maxSkew: 1,
        labelSelector: { matchLabels: { app: "shop" } },
        matchLabelKeys: ["pod-template-hash"],
        nodeTaintsPolicy: "Honor",
      });
    }
  });

  it("runs where it is told, with its priority", async () => {
    const tolerations = [{ key: "dedicated", value: "shop", effect: "NoSchedule" as const }, { key: "spot" }];
    const placement = {
      nodeSelector: { disk: "ssd" },
      tolerations,
      spreadHosts: "off" as const,
      spreadZones: "off" as const,
    };
    const { pod } = await specs({ placement, priorityClassName: "quorum-critical" });
    expect(pod).toMatchObject({
      priorityClassName: "quorum-critical",
      nodeSelector: { disk: "ssd" },
      tolerations: [
        { key: "dedicated", operator: "Equal", value: "shop", effect: "NoSchedule" },
        { key: "spot", operator: "Exists" },
      ],
    });
    expect(pod).not.toHaveProperty("topologySpreadConstraints");
    expect((await specs()).pod).not.toHaveProperty("priorityClassName");
  });

  it("rolls out when a file changes, under the same name", async () => {
    const first = await specs({ config: { "a.txt": "1" } });
    const second = await specs({ config: { "a.txt": "2" } });
    const hash = (one: typeof first) => one.template.metadata.annotations["quorum.dev/config-hash"] as string;
    expect(hash(first)).not.toBe(hash(second));
    expect(hash(first)).toBe(hash(await specs({ config: { "a.txt": "1" } })));
    expect(first.recording.get("shop-config").inputs).toMatchObject({
      metadata: { name: "shop-config" },
      data: { "a.txt": "1" },
    });
    expect(first.container.volumeMounts).toContainEqual({ name: "config", mountPath: "/etc/shop", readOnly: true });
    expect((await specs()).template.metadata).not.toHaveProperty("annotations");
  });
});
