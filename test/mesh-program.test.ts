import { parse } from "yaml";
import { beforeAll, describe, expect, test } from "vitest";
import { planWaves } from "../engine/direct/waves.ts";
import { collectObjects, type KubeObject } from "../engine/direct/objects.ts";
import { runProgram } from "./program-objects.ts";
import type { Recording } from "./recorder.ts";
import { runnableSections } from "./stacks.ts";
import { wholeConfig } from "./whole-config.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- objects have no types of their own here */
const sections = {
  ...wholeConfig(runnableSections("dev")),
  services: {
    ...wholeConfig(runnableSections("dev"))["services"],
    old: { image: "app", role: "web", mesh: false },
  },
};
let recording: Recording;
let objects: KubeObject[];

beforeAll(async () => {
  recording = await runProgram(sections);
  objects = collectObjects(recording.resources, "dev").map(({ object }) => object);
});

const proxied = (template: any) => template.metadata.labels["sidecar.istio.io/inject"];

describe("a stack with a mesh", () => {
  test("makes the same resources at preview", async () => {
    const preview = await runProgram(sections, { preview: true });
    expect(preview.names().toSorted()).toEqual(recording.names().toSorted());
  });

  test("leaves pods of the services' namespace without a proxy that want none, or only speak to the platform", () => {
    const templates = objects
      .filter(
        ({ metadata, kind }) =>
          metadata.namespace === "apps" && /^(Deployment|StatefulSet|DaemonSet|Job|CronJob)$/.test(kind),
      )
      .map((object): [string, unknown] => {
        const spec = object["spec"] as any;
        return [object.metadata.name, proxied((spec.jobTemplate?.spec ?? spec).template)];
      });
    const without = templates.filter(([, inject]) => inject === "false").map(([name]) => name);
    expect(without).toContain("old");
    expect(without.some((name) => name.startsWith("generated-secrets"))).toBe(true);
    expect(without.some((name) => name.includes("volume-backup") || name.includes("backup"))).toBe(true);
    for (const [name, inject] of templates.filter(([name]) =>
      ["shop", "pay-v1-0", "pay-v2-0", "agent", "report"].includes(name),
    ))
      expect(inject, name).toBeUndefined();
  });

  test("protects pods before they are there: policies come no later than the pods that they are for", () => {
    const waves = planWaves(collectObjects(recording.resources, "dev"));
    const place = (kind: string, name: string) =>
      waves
        .flatMap((wave) => wave.objects)
        .findIndex(({ object }) => object.kind === kind && object.metadata.name === name);
    for (const [kind, name] of [
      ["PeerAuthentication", "default"],
      ["AuthorizationPolicy", "pay"],
      ["AuthorizationPolicy", "default-deny"],
      ["Sidecar", "pay"],
      ["ServiceEntry", "bank"],
    ] as const) {
      expect(place(kind, name), `${kind} ${name}`).toBeGreaterThanOrEqual(0);
      expect(place(kind, name), `${kind} ${name}`).toBeLessThan(place("Deployment", "pay-v1-0"));
    }
    expect(place("AuthorizationPolicy", "default-deny")).toBeGreaterThan(place("AuthorizationPolicy", "shop"));
  });

  test("has its series told by version", () => {
    const config = objects.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === "prometheus-config");
    const text = Object.values(config?.["data"] as Record<string, string>).find((one) =>
      one.includes("business-metrics"),
    );
    const { scrape_configs } = parse(text ?? "");
    const job = scrape_configs.find(({ job_name }: any) => job_name === "business-metrics");
    expect(job.relabel_configs).toContainEqual({
      source_labels: ["__meta_kubernetes_pod_label_version"],
      target_label: "version",
    });
  });
});
