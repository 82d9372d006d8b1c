import { beforeAll, describe, expect, it, vi } from "vitest";
import { runProgram } from "./program-objects.ts";
import type { Recording } from "./recorder.ts";
import { runnableSections, type Sections } from "./stacks.ts";

function run(
  stack: "dev" | "prod",
  preview: boolean,
  sections: Sections = runnableSections(stack),
): Promise<Recording> {
  return runProgram(sections, { stack, preview });
}

describe.each(["dev", "prod"] as const)("the stack %s", (stack) => {
  let up: Recording;
  let preview: Recording;
  beforeAll(async () => {
    up = await run(stack, false);
    preview = await run(stack, true);
  });

  it("is the same set of resources at preview and in up", () => {
    expect(preview.names().sort()).toEqual(up.names().sort());
  });

  const objects = () => up.resources.filter((resource) => resource.type.startsWith("kubernetes:"));

  it("labels every object", () => {
    for (const { inputs } of objects()) {
      expect(inputs["metadata"]).toMatchObject({
        labels: { "app.kubernetes.io/managed-by": "quorum", "quorum.dev/stack": stack },
      });
    }
  });

  it("makes every object through the cluster's own provider, under a name of its own", () => {
    const provider = up.get("cluster", "pulumi:providers:kubernetes");
    for (const one of objects()) {
      expect(one.provider).toBe(`${provider.urn}::id-cluster`);
      expect(one.inputs["metadata"]).toHaveProperty("name");
    }
    expect(provider.inputs).toMatchObject({
      enableConfigMapMutable: "true",
      enableSecretMutable: "true",
      enableServerSideApply: "true",
      enablePatchForce: "true",
      clusterIdentifier: `quorum-${stack}`,
      kubeconfig: "output of control-plane-kubeconfig",
    });
    expect(provider.secretPaths).toContainEqual(["kubeconfig"]);
  });

  it("refuses unrestricted pods in every namespace, but where volumes are made and where agents see the hosts", () => {
    const levels = up.ofType(":Namespace").map(({ inputs }) => {
      const { name, labels } = inputs["metadata"] as { name: string; labels: Record<string, string> };
      return [name, labels["pod-security.kubernetes.io/enforce"]];
    });
    expect(Object.fromEntries(levels)).toEqual({
      apps: "restricted",
      monitoring: "restricted",
      "monitoring-agents": "privileged",
      ...(stack === "dev" && { "cluster-ui": "restricted" }),
      "local-path-storage": "privileged",
    });
  });

  it("takes every image by tag from where the stack says, its own by digest", () => {
    const images = [...JSON.stringify(objects().map((one) => one.inputs)).matchAll(/"image":"([^"]+)"/g)].map(
      ([, image]) => image ?? "",
    );
    expect(images.length).toBeGreaterThan(3);
    for (const image of images) {
      expect(image).toMatch(/^[^/]+\/.+:[^:]+$/);
      if (stack === "dev") expect(image).toMatch(/^localhost:5000\//);
      if (image.includes("/quorum/")) expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
    }
  });

  it("makes volumes before what needs them", () => {
    const needs = up.get("prometheus-server").dependencies;
    expect(needs).toContain(up.get("local-path-class").urn);
  });
});

describe("the outputs", () => {
  it("of dev are the sample's addresses", async () => {
    const { outputs } = await run("dev", false);
    expect(outputs).toEqual({
      urls: {
        app: "http://localhost:9376",
        prometheus: "http://localhost:9090",
        alertmanager: "http://localhost:9093",
        grafana: "http://localhost:3000",
        zipkin: "http://localhost:9411",
        headlamp: "http://localhost:4466",
      },
      image: `localhost:5000/quorum/app:dev@sha256:${"a".repeat(64)}`,
      controlPlane: {
        mode: "kubeadm",
        endpoint: "10.210.0.11:6443",
        members: ["local-1"],
        quorum: 1,
        tolerance: 0,
        warnings: [],
      },
      skipped: [],
    });
  });

  it("list what is left out, which is then not made", async () => {
    const sections = runnableSections("dev");
    const images = { ...sections["images"], unavailable: ["metrics-server", "prometheus"] };
    const { outputs, ofType, resources } = await run("dev", false, { ...sections, images }).then((recording) => ({
      outputs: recording.outputs,
      ofType: (type: string) => recording.ofType(type),
      resources: recording.resources,
    }));
    expect(outputs["skipped"]).toEqual([
      { name: "prometheus", reason: "image prometheus is unavailable here" },
      { name: "metrics-server", reason: "image metrics-server is unavailable here" },
    ]);
    expect(outputs["urls"]).not.toHaveProperty("prometheus");
    expect(ofType("StatefulSet").map(({ name }) => name)).not.toContain("prometheus-server");
    expect(resources.some((one) => one.name.startsWith("metrics-server"))).toBe(false);
  });
});

describe("the monitoring of a stack on another's cluster", () => {
  const { images } = runnableSections("dev");
  const part = { enabled: true };
  const sections = {
    platform: "shared",
    images,
    services: {},
    storage: { provisioner: "existing", className: "standard" },
    monitoring: { prometheus: part, alertmanager: part, grafana: part, loki: part, zipkin: part },
    controlPlane: { mode: "existing", context: "another" },
  } as unknown as Sections;

  it.each([true, false])("makes nothing outside its own namespaces (preview %s)", async (preview) => {
    const recording = await run("dev", preview, sections);
    const objects = recording.resources.filter(({ type }) => type.startsWith("kubernetes:"));
    const outside = objects.filter(({ inputs }) => {
      const { namespace } = inputs["metadata"] as { namespace?: string };
      return namespace === undefined || !["apps", "monitoring"].includes(namespace);
    });
    expect(outside.map(({ type, name }) => `${type.split(":").at(-1) ?? ""} ${name}`).sort()).toEqual([
      "Namespace namespaces-apps",
      "Namespace namespaces-monitoring",
    ]);
  });

  it("names no class of priority, which nobody may have made", async () => {
    const recording = await run("dev", false, sections);
    const names = ["StatefulSet", "Deployment"].flatMap((type) => recording.ofType(`:${type}`));
    expect(names.map(({ name }) => name).sort()).toEqual([
      "alertmanager-server",
      "grafana-server",
      "loki-server",
      "otel-gateway-deployment",
      "prometheus-server",
      "zipkin-deployment",
    ]);
    for (const { inputs } of names) expect(JSON.stringify(inputs)).not.toContain("priorityClassName");
  });
});

describe("services of every kind", () => {
  const app = { image: "app", role: "web" };
  const services = {
    two: app,
    one: { ...app, replicas: 1, priority: "batch" },
    many: { ...app, autoscale: { maxReplicas: 5 } },
    data: { ...app, kind: "StatefulSet", volumes: { data: { mountPath: "/data", storageGiB: 1 } } },
    each: { ...app, kind: "DaemonSet" },
    other: { image: "busybox", role: "web", replicas: 1, volumes: { data: { mountPath: "/data", storageGiB: 1 } } },
  };
  const podOf = (recording: Recording, name: string) =>
    (recording.get(name).inputs as { spec: { template: { spec: Record<string, unknown> } } }).spec.template.spec;

  it.each([true, false])(
    "have what belongs to them, and a warning where there is one pod (preview %s)",
    async (preview) => {
      const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
      const recording = await run("dev", preview, { ...runnableSections("dev"), services, jobs: {} });
      const warnings = warn.mock.calls.flat().join("\n");
      warn.mockRestore();
      const names = recording.names().map((name) => name.replace(/^.*::/, ""));
      expect(names.filter((name) => /-budget$/.test(name)).sort()).toEqual([
        "data-budget",
        "many-budget",
        "two-budget",
      ]);
      expect(names).toEqual(
        expect.arrayContaining([
          "many-autoscaler",
          "data-stateful-set",
          "data-peers",
          "each-daemon-set",
          "other-volume-data",
        ]),
      );
      expect(warnings).toMatch(/quorum:services\.one has one pod[^]*quorum:services\.other has one pod/);
      expect(warnings).not.toMatch(/services\.(two|many|data|each)/);
      expect(podOf(recording, "one-deployment")).toMatchObject({ priorityClassName: "quorum-batch" });
      expect(podOf(recording, "two-deployment")).toMatchObject({ priorityClassName: "quorum-standard" });
      expect(podOf(recording, "other-deployment")["containers"]).toMatchObject([
        { image: expect.stringMatching(/^localhost:5000\/library\/busybox:/) },
      ]);
      expect(recording.get("other-volume-data").inputs["spec"]).toMatchObject({ storageClassName: "local-path" });
    },
  );

  it("are kept apart where the stack knows that there is room", async () => {
    const rules = async (stack: "dev" | "prod") => {
      const pod = podOf(await run(stack, false), "metricsdemo-deployment");
      return (pod["topologySpreadConstraints"] as { whenUnsatisfiable: string }[]).map((one) => one.whenUnsatisfiable);
    };
    expect(await rules("dev")).toEqual(["ScheduleAnyway", "ScheduleAnyway"]);
    expect(await rules("prod")).toEqual(["DoNotSchedule", "DoNotSchedule"]);
  });
});

describe("an existing cluster", () => {
  it("gets no control plane, storage or metrics of ours", async () => {
    const sections = { ...runnableSections("dev"), controlPlane: { mode: "existing", context: "kind-kind" } };
    const recording = await run("dev", false, sections);
    expect(recording.ofType("command:remote:Command")).toEqual([]);
    expect(recording.ofType("StorageClass")).toEqual([]);
    expect(recording.ofType("APIService")).toEqual([]);
    expect(recording.get("cluster", "pulumi:providers:kubernetes").inputs).toMatchObject({ context: "kind-kind" });
  });
});

it("refuses a bad configuration before anything is registered", async () => {
  const sections = { ...runnableSections("dev"), services: { shop: { role: "web", replicaz: 2 } } };
  await expect(run("dev", false, sections)).rejects.toThrow(
    /quorum:services\.shop\.image is missing[^]*did you mean replicas\?/,
  );
});

it.each([false, true])("no service depends on what is of other services (mesh %s)", async (mesh) => {
  const dependencies = async (count: number) => {
    const services = Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`s${index}`, { image: "app", role: "web", replicas: 1 }]),
    );
    const sections = { ...runnableSections("dev"), services, jobs: {}, ...(mesh && { mesh: { mode: "install" } }) };
    return (await run("dev", false, sections)).get("s0-deployment").dependencies.length;
  };
  // Else a stack's time and memory grow with the square of its services.
  expect(await dependencies(8)).toBe(await dependencies(2));
});
