import { describe, expect, it } from "vitest";
import { Workload, type WorkloadArgs } from "../../components/workload/workload.ts";
import { record } from "../recorder.ts";

const args: WorkloadArgs = {
  namespace: "apps",
  image: "registry.example.com/app:1",
  role: "svcb",
  port: 8080,
  env: { GREETING: "hello", LEVEL: "all" },
  resources: { cpuMillis: 100, memoryMiB: 128 },
};
const versions: NonNullable<WorkloadArgs["versions"]> = {
  "v0.1": {},
  "v0.2": {
    image: "registry.example.com/app:2",
    autoscale: { maxReplicas: 5 },
    env: { GREETING: "hi" },
    resources: { memoryMiB: 256 },
  },
};
const make = (more: Partial<WorkloadArgs> = {}, preview = false) =>
  record(() => void new Workload("svcb", { ...args, versions, ...more }), { preview });

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */
describe("a service with versions", () => {
  it.each([true, false])(
    "has the pods, the budget and the autoscaler of each, and one of the rest (preview %s)",
    async (preview) => {
      const names = (await make({}, preview)).names().slice(2);
      expect(names.toSorted()).toEqual([
        "kubernetes:apps/v1:Deployment::svcb-v0-1-deployment",
        "kubernetes:apps/v1:Deployment::svcb-v0-2-deployment",
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler::svcb-v0-2-autoscaler",
        "kubernetes:core/v1:Service::svcb-service",
        "kubernetes:core/v1:ServiceAccount::svcb-account",
        "kubernetes:policy/v1:PodDisruptionBudget::svcb-v0-1-budget",
        "kubernetes:policy/v1:PodDisruptionBudget::svcb-v0-2-budget",
      ]);
    },
  );

  it("tells the pods of each apart by the label version, and has all of them behind the Service", async () => {
    const recording = await make();
    for (const [version, slug] of [
      ["v0.1", "v0-1"],
      ["v0.2", "v0-2"],
    ]) {
      const { metadata, spec }: any = recording.get(`svcb-${slug}-deployment`).inputs;
      const own = { app: "svcb", version };
      expect(metadata).toMatchObject({ name: `svcb-${slug}`, labels: own });
      expect(spec.selector.matchLabels).toEqual(own);
      expect(spec.template.metadata.labels).toEqual({ ...own, instancetype: "svcb" });
      for (const { labelSelector } of spec.template.spec.topologySpreadConstraints)
        expect(labelSelector.matchLabels).toEqual(own);
      const budget: any = recording.get(`svcb-${slug}-budget`).inputs;
      expect([budget.metadata.name, budget.spec.selector.matchLabels]).toEqual([`svcb-${slug}`, own]);
    }
    const service: any = recording.get("svcb-service").inputs;
    expect([service.metadata.name, service.spec.selector]).toEqual(["svcb", { app: "svcb" }]);
  });

  it("has what a version says come over what the service says, and tells each process which it is", async () => {
    const recording = await make({ tracesEndpoint: "http://gateway:4318" });
    const container = (slug: string) => {
      const { spec }: any = recording.get(`svcb-${slug}-deployment`).inputs;
      return { ...spec.template.spec.containers[0], replicas: spec.replicas };
    };
    const env = (slug: string) =>
      Object.fromEntries(container(slug).env.map(({ name, value }: any) => [name, value])) as Record<string, string>;
    expect(env("v0-1")).toMatchObject({ VERSION: "v0.1", APP_NAME: "svcb", GREETING: "hello", LEVEL: "all" });
    expect(env("v0-2")).toMatchObject({ VERSION: "v0.2", APP_NAME: "svcb", GREETING: "hi", LEVEL: "all" });
    expect(env("v0-2")["OTEL_RESOURCE_ATTRIBUTES"]).toMatch(/,service\.version=v0\.2$/);
    expect([container("v0-1").image, container("v0-2").image]).toEqual([
      "registry.example.com/app:1",
      "registry.example.com/app:2",
    ]);
    expect([container("v0-1").replicas, container("v0-2").replicas]).toEqual([2, undefined]);
    expect(container("v0-2").resources.requests).toMatchObject({ cpu: "100m", memory: "256Mi" });
    const scaler: any = recording.get("svcb-v0-2-autoscaler").inputs;
    expect(scaler.spec).toMatchObject({ scaleTargetRef: { name: "svcb-v0-2" }, maxReplicas: 5 });
  });

  it("lets a number of pods of a version's own replace the service's autoscaler", async () => {
    const recording = await make({ autoscale: { maxReplicas: 9 }, versions: { a: { replicas: 3 }, b: {} } });
    expect((recording.get("svcb-a-deployment").inputs as any).spec.replicas).toBe(3);
    expect(recording.names().filter((name) => name.includes("Autoscaler"))).toEqual([
      "kubernetes:autoscaling/v2:HorizontalPodAutoscaler::svcb-b-autoscaler",
    ]);
  });

  it("scales by its own container beside a proxy, and by the whole pod without one", async () => {
    const measured = async (besideProxy: boolean) =>
      ((await make({ besideProxy })).get("svcb-v0-2-autoscaler").inputs as any).spec.metrics;
    const cpu = { name: "cpu", target: { type: "Utilization", averageUtilization: expect.any(Number) } };
    expect(await measured(true)).toEqual([
      { type: "ContainerResource", containerResource: { ...cpu, container: "svcb" } },
    ]);
    expect(await measured(false)).toEqual([{ type: "Resource", resource: cpu }]);
    // The container that is named is the pod's.
    const { spec }: any = (await make({ besideProxy: true })).get("svcb-v0-2-deployment").inputs;
    expect(spec.template.spec.containers[0].name).toBe("svcb");
  });

  it("keeps the objects of a version when another comes, goes or stands elsewhere in the list", async () => {
    const before = await make();
    const after = await make({ versions: { "v0.3": {}, "v0.2": versions["v0.2"] ?? {} } });
    const of = (recording: typeof before) =>
      ["deployment", "budget", "autoscaler"].map((role) => {
        const { urn, inputs } = recording.get(`svcb-v0-2-${role}`);
        return { urn, inputs };
      });
    expect(of(after)).toEqual(of(before));
  });

  it("has a Service for each version where routes name one, which nobody scrapes", async () => {
    const recording = await make({ versionServices: true, servicePort: 80, protocol: "http" });
    const { metadata, spec }: any = recording.get("svcb-v0-2-service").inputs;
    expect(metadata).toMatchObject({ name: "svcb-v0-2", labels: { app: "svcb", version: "v0.2" } });
    expect(metadata.labels).not.toHaveProperty("apptype");
    expect(spec).toEqual({
      type: "ClusterIP",
      selector: { app: "svcb", version: "v0.2" },
      ports: [{ name: "portapi", protocol: "TCP", appProtocol: "http", port: 80, targetPort: "portapi" }],
    });
  });
});

describe("a service without versions", () => {
  it("has nothing of a version about it", async () => {
    const recording = await record(() => void new Workload("svcb", args));
    expect(JSON.stringify(recording.resources.map(({ inputs }) => inputs))).not.toMatch(/version"|VERSION|appProtocol/);
    expect(recording.names()).toContain("kubernetes:apps/v1:Deployment::svcb-deployment");
  });
});
