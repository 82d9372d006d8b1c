import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Chart } from "../../components/platform/chart.ts";
import { binaryPath, ensurePart } from "../../local/toolchain.ts";
import { record } from "../recorder.ts";

const chart = join(import.meta.dirname, "../fixtures/chart");
const helm = binaryPath("helm", "helm");
const make = (values: Record<string, unknown>, preview = false) =>
  record(() => void new Chart("example", { helm, chart, namespace: "tools", values }), { preview });

beforeAll(async () => void (await ensurePart("helm", () => undefined)), 600_000);

describe("a chart", () => {
  it.each([true, false])("is its objects, one by one (preview %s)", async (preview) => {
    expect((await make({ password: "p" }, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition::example-customresourcedefinition-widgets.example.com",
      "kubernetes:apps/v1:Deployment::example-deployment-example",
      "kubernetes:core/v1:ConfigMap::example-configmap-other-elsewhere",
      "kubernetes:core/v1:Secret::example-secret-example-password",
      "kubernetes:example.com/v1:Widget::example-widget-example",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole::example-clusterrole-example",
      "quorum:platform:Chart::example",
    ]);
  });

  it("lies in the namespace it is given, save what has one of its own or none", async () => {
    const recording = await make({ password: "p" });
    const place = (name: string) => (recording.get(name).inputs["metadata"] as { namespace?: string }).namespace;
    expect(place("example-deployment-example")).toBe("tools");
    expect(place("example-configmap-other-elsewhere")).toBe("other");
    expect(place("example-clusterrole-example")).toBeUndefined();
    // Its definition, which is in the chart, says so.
    expect(place("example-widget-example")).toBeUndefined();
  });

  it("has no fields without a value, which the API server would leave out", async () => {
    const { inputs } = (await make({ password: "p" })).get("example-deployment-example");
    expect(inputs["spec"]).toEqual({ replicas: 1, template: { spec: { containers: [{ name: "example" }] } } });
  });

  it("comes after its definitions", async () => {
    const recording = await make({ password: "p" });
    const definition = recording.get("example-customresourcedefinition-widgets.example.com").urn;
    expect(recording.get("example-widget-example").dependencies).toContain(definition);
  });

  it("keeps what its Secrets hold secret", async () => {
    const secret = (await make({ password: "hush" })).get("example-secret-example-password");
    expect(secret.inputs["data"]).toEqual({ password: Buffer.from("hush").toString("base64") });
    expect(secret.secretPaths).toContainEqual(["data"]);
  });

  it("is refused with what only Helm could do, or when it is another one each time", async () => {
    await expect(make({ password: "p", hook: true })).rejects.toThrow(
      /has hooks, which only Helm itself runs: Job migrate \(pre-upgrade, pre-install\)/,
    );
    await expect(make({ random: true })).rejects.toThrow(/renders Secret example-password anew each time/);
  });

  it("whose objects are kept is rendered once, and is the same ones then", async () => {
    const keptIn = mkdtempSync(join(tmpdir(), "charts-"));
    try {
      const kept = (password: string) =>
        record(() => void new Chart("example", { helm, chart, namespace: "tools", values: { password }, keptIn }));
      const rendered = await kept("p");
      expect(readdirSync(keptIn)).toHaveLength(1);
      const again = await kept("p");
      expect(again.resources).toEqual(rendered.resources);
      expect(readdirSync(keptIn)).toHaveLength(1);
      await kept("other");
      expect(readdirSync(keptIn)).toHaveLength(2);
    } finally {
      rmSync(keptIn, { recursive: true });
    }
  });

  it("comes after what it is told to, all of it", async () => {
    const recording = await record(() => {
      const before = new Chart("before", { helm, chart, namespace: "other", values: { password: "p" } });
      new Chart("example", { helm, chart, namespace: "tools", values: { password: "p" }, after: [before] });
    });
    const first = recording.get("before-deployment-before").urn;
    const others = recording.resources.filter(({ name }) => name.startsWith("example-"));
    expect(others.length).toBeGreaterThan(4);
    for (const { dependencies } of others) expect(dependencies).toContain(first);
  });

  it("that is not there is refused by name", async () => {
    const absent = record(() => new Chart("x", { helm, chart: "/nowhere/at-all", namespace: "tools", values: {} }));
    await expect(absent).rejects.toThrow(/chart \/nowhere\/at-all of x cannot be rendered/);
  });
});
