import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Workload, type WorkloadArgs } from "../../components/workload/workload.ts";
import { record, type Recording } from "../recorder.ts";

const args: WorkloadArgs = { namespace: "apps", image: "registry.example.com/app:1", role: "web", port: 8080 };
const make = (more: Partial<WorkloadArgs> = {}, preview = false) =>
  record(() => void new Workload("shop", { ...args, ...more }), { preview });
const data = { data: { mountPath: "/data", storageGiB: 3, className: "fast" } };

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */
const inputs = (recording: Recording, name: string): any => recording.get(name).inputs;
const kindsOf = (recording: Recording) =>
  recording.resources
    .filter(({ type }) => type.startsWith("kubernetes:"))
    .map(({ type }) => type.split(":").at(-1))
    .sort();

describe("how many pods there are", () => {
  it("is the autoscaler's to say where there is one", async () => {
    const autoscale = { minReplicas: 3, maxReplicas: 9, memoryPercent: 80, scaleInSeconds: 60 };
    const recording = await make({ autoscale });
    expect(inputs(recording, "shop-deployment").spec).not.toHaveProperty("replicas");
    expect(inputs(recording, "shop-autoscaler").spec).toEqual({
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "shop" },
      minReplicas: 3,
      maxReplicas: 9,
      metrics: [
        { type: "Resource", resource: { name: "memory", target: { type: "Utilization", averageUtilization: 80 } } },
      ],
      behavior: { scaleDown: { stabilizationWindowSeconds: 60 } },
    });
    expect(recording.get("shop-autoscaler").dependencies).toContain(recording.get("shop-deployment").urn);
  });

  it("decides about the budget, which never waits for pods that serve nobody", async () => {
    expect(inputs(await make({ replicas: 3 }), "shop-budget").spec).toEqual({
      maxUnavailable: 1,
      selector: { matchLabels: { app: "shop" } },
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    });
    expect(inputs(await make({ replicas: 12 }), "shop-budget").spec.maxUnavailable).toBe("25%");
    for (const more of [
      { replicas: 1 },
      { autoscale: { minReplicas: 1, maxReplicas: 9 } },
      { kind: "DaemonSet" as const },
    ]) {
      expect((await make(more)).ofType(":PodDisruptionBudget")).toEqual([]);
    }
  });
});

describe("a Deployment with volumes", () => {
  it.each([true, false])(
    "has one pod, which the next one takes the place of, and keeps its claims (retain %s)",
    async (retain) => {
      const recording = await make({ volumes: data, retainVolumes: retain, storageClassName: "usual" });
      const { spec } = inputs(recording, "shop-deployment");
      expect(spec).toMatchObject({ replicas: 1, strategy: { type: "Recreate" } });
      expect(spec.strategy).not.toHaveProperty("rollingUpdate");
      const claim = recording.get("shop-volume-data");
      expect(claim.inputs).toMatchObject({
        metadata: { name: "shop-data", namespace: "apps", annotations: { "pulumi.com/skipAwait": "true" } },
        spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "3Gi" } }, storageClassName: "fast" },
      });
      expect(claim).toMatchObject({ protect: retain, retainOnDelete: retain });
      const pod = spec.template.spec;
      expect(pod.volumes).toContainEqual({ name: "volume-data", persistentVolumeClaim: { claimName: "shop-data" } });
      expect(pod.containers[0].volumeMounts).toContainEqual({ name: "volume-data", mountPath: "/data" });
      expect(pod.securityContext.fsGroupChangePolicy).toBe("OnRootMismatch");
    },
  );

  it("has them of the stack's class, where they name none", async () => {
    const volumes = { data: { mountPath: "/data", storageGiB: 3, retain: true } };
    const recording = await make({ volumes, retainVolumes: false, storageClassName: "usual" });
    expect(inputs(recording, "shop-volume-data").spec.storageClassName).toBe("usual");
    expect(recording.get("shop-volume-data").retainOnDelete).toBe(true);
    expect(inputs(await make({ volumes }), "shop-volume-data").spec).not.toHaveProperty("storageClassName");
  });
});

describe("a StatefulSet", () => {
  it.each([true, false])("has peers with names, volumes of their own, and a budget (preview %s)", async (preview) => {
    const recording = await make({ kind: "StatefulSet", volumes: data, replicas: 3 }, preview);
    expect(kindsOf(recording)).toEqual(["PodDisruptionBudget", "Service", "Service", "ServiceAccount", "StatefulSet"]);
    const { spec } = inputs(recording, "shop-stateful-set");
    expect(spec).toMatchObject({
      replicas: 3,
      serviceName: "shop-peers",
      podManagementPolicy: "Parallel",
      updateStrategy: { type: "RollingUpdate" },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      volumeClaimTemplates: [
        { metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"], storageClassName: "fast" } },
      ],
    });
    expect(spec.template.spec.containers[0].volumeMounts).toContainEqual({ name: "data", mountPath: "/data" });
    for (const one of spec.template.spec.topologySpreadConstraints) expect(one).not.toHaveProperty("matchLabelKeys");
    expect(inputs(recording, "shop-peers").spec).toMatchObject({
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: { app: "shop" },
    });
    expect(inputs(recording, "shop-peers").metadata.labels).not.toHaveProperty("apptype");
  });

  it("starts in order, deletes its data with it, and is headless when it is told so", async () => {
    const more = {
      kind: "StatefulSet",
      podManagement: "OrderedReady",
      headless: true,
      volumes: data,
      retainVolumes: false,
    } as const;
    const recording = await make(more);
    expect(inputs(recording, "shop-stateful-set").spec).toMatchObject({
      serviceName: "shop",
      podManagementPolicy: "OrderedReady",
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Retain" },
    });
    expect(recording.names()).not.toContain("kubernetes:core/v1:Service::shop-peers");
  });
});

describe("a DaemonSet", () => {
  it("has a pod on each node, replaced one node at a time", async () => {
    const recording = await make({ kind: "DaemonSet" });
    expect(kindsOf(recording)).toEqual(["DaemonSet", "Service", "ServiceAccount"]);
    const { spec } = inputs(recording, "shop-daemon-set");
    expect(spec.updateStrategy).toEqual({ type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } });
    expect(spec).not.toHaveProperty("replicas");
    expect(spec.template.spec).not.toHaveProperty("topologySpreadConstraints");
  });
});

describe("the Service", () => {
  it.each<[string, Partial<WorkloadArgs>, object]>([
    ["headless", { headless: true }, { clusterIP: "None", type: "ClusterIP" }],
    [
      "one pod for each client",
      { affinitySeconds: 600 },
      { sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } } },
    ],
    [
      "a balancer and an address of one's choice",
      { expose: { port: 80, loadBalancerClass: "metallb.io/metallb", address: "192.0.2.80" } },
      { type: "LoadBalancer", loadBalancerClass: "metallb.io/metallb", loadBalancerIP: "192.0.2.80" },
    ],
  ])("is %s", async (_, more, expected) => {
    expect(inputs(await make(more), "shop-service").spec).toMatchObject(expected);
  });
});

it("asks to go back by itself only when it is told so, and stops a roll-out in time", async () => {
  const deployment = inputs(await make({ rollback: true, progressSeconds: 90 }), "shop-deployment");
  expect(deployment.metadata.annotations).toEqual({ "quorum.dev/rollback": "true" });
  expect(deployment.spec.progressDeadlineSeconds).toBe(90);
  expect(inputs(await make(), "shop-deployment").metadata).not.toHaveProperty("annotations");
});

describe("whatever a service is like", () => {
  const label = (maxLength: number) =>
    fc.stringMatching(/^[a-z][a-z0-9-]*[a-z0-9]$/, { maxLength }).filter((text) => text.length <= maxLength);
  const service = fc.record(
    {
      kind: fc.constantFrom("Deployment", "StatefulSet", "DaemonSet"),
      replicas: fc.integer({ min: 1, max: 1000 }),
      volumes: fc.dictionary(label(30), fc.constant({ mountPath: "/data", storageGiB: 1 }), { maxKeys: 2 }),
      config: fc.constantFrom({}, { "a.txt": "x" }),
      // Few: the hash of secrets is slow by intent.
      secrets: fc.constantFrom({}, {}, {}, { env: { TOKEN: "x" }, files: { key: "y" } }),
      headless: fc.boolean(),
    },
    { requiredKeys: [] },
  );

  it("each selector matches the pods of its own service and no others, and no name is too long", async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(label(50), service, { minKeys: 2, maxKeys: 4 }), async (services) => {
        const recording = await record(() => {
          for (const [name, one] of Object.entries(services))
            new Workload(name, { ...args, ...(one as Partial<WorkloadArgs>) });
        });
        const objects = recording.resources
          .filter(({ type }) => type.startsWith("kubernetes:"))
          .map((one) => one.inputs as any);
        const templates = objects.flatMap(({ metadata, spec }) =>
          spec?.template ? [{ owner: metadata.name, spec, labels: spec.template.metadata.labels }] : [],
        );
        expect(templates).toHaveLength(Object.keys(services).length);
        const matched = (selector: object) =>
          templates
            .filter(({ labels }) => Object.entries(selector).every(([key, value]) => labels[key] === value))
            .map(({ owner }) => owner);
        for (const { kind, metadata, spec } of objects) {
          const own =
            kind === "Service" && !(metadata.name in services) ? metadata.name.replace(/-peers$/, "") : metadata.name;
          if (kind === "Service") expect(matched(spec.selector)).toEqual([own]);
          if (spec?.selector?.matchLabels) expect(matched(spec.selector.matchLabels)).toEqual([own]);
          expect(metadata.name.length).toBeLessThanOrEqual(kind === "Service" ? 63 : 253);
          // Each pod has the label controller-revision-hash, the name and a hash of ten characters.
          if (kind === "StatefulSet") expect(`${own}-${"x".repeat(10)}`.length).toBeLessThanOrEqual(63);
          for (const value of Object.values(metadata.labels)) expect(String(value).length).toBeLessThanOrEqual(63);
        }
        for (const { spec } of templates) {
          const pod = spec.template.spec;
          const mounts = pod.containers[0].volumeMounts.map(({ name }: any) => name);
          const volumes = [...pod.volumes, ...(spec.volumeClaimTemplates ?? []).map(({ metadata }: any) => metadata)];
          expect(mounts.sort()).toEqual(volumes.map(({ name }: any) => name).sort());
          for (const name of mounts) expect(name.length).toBeLessThanOrEqual(63);
        }
      }),
      { numRuns: 15 },
    );
  });
});
