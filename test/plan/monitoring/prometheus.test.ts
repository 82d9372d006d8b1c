import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { prometheusConfig, retentionSize, scrapedTypes } from "../../components/plan/prometheus.ts";
import { binaryPath } from "../../local/toolchain.ts";

const seed = { namespace: "default", appTypes: ["business"], scrapeIntervalSeconds: 5 };

describe("Prometheus' configuration", () => {
  it("is the sample's, brought up to date", () => {
    expect(parse(prometheusConfig(seed))).toEqual({
      global: { scrape_interval: "5s", evaluation_interval: "5s" },
      rule_files: ["*.rules.yml"],
      scrape_configs: [
        { job_name: "prometheus", static_configs: [{ targets: ["localhost:9090"] }] },
        {
          job_name: "business-metrics",
          metrics_path: "/metrics",
          kubernetes_sd_configs: [{ role: "endpointslice", namespaces: { names: ["default"] } }],
          relabel_configs: [
            {
              action: "keep",
              regex: "default;business",
              source_labels: ["__meta_kubernetes_namespace", "__meta_kubernetes_service_label_apptype"],
            },
            { source_labels: ["__meta_kubernetes_namespace"], target_label: "namespace" },
            { source_labels: ["__meta_kubernetes_service_name"], target_label: "service" },
            { source_labels: ["__meta_kubernetes_pod_name"], target_label: "pod" },
            { source_labels: ["__meta_kubernetes_service_label_instancetype"], target_label: "instancetype" },
          ],
        },
      ],
    });
  });

  it("keeps every kind of service that wants to be scraped", () => {
    expect(prometheusConfig({ ...seed, appTypes: ["batch", "business"] })).toContain("regex: default;(batch|business)");
    const none = parse(prometheusConfig({ ...seed, appTypes: [] })) as { scrape_configs: { job_name: string }[] };
    expect(none.scrape_configs.map((job) => job.job_name)).toEqual(["prometheus"]);
  });

  // Left out until the local run has built this part: building it takes minutes, and unit tests take seconds.
  const promtool = binaryPath("prometheus", "promtool");
  it.skipIf(!existsSync(promtool)).each([1, 5, 120])(
    "is accepted by promtool at an interval of %i s",
    (scrapeIntervalSeconds) => {
      const folder = mkdtempSync(join(tmpdir(), "prometheus-"));
      const file = join(folder, "prometheus.yml");
      writeFileSync(file, prometheusConfig({ ...seed, scrapeIntervalSeconds }));
      try {
        execFileSync(promtool, ["check", "config", "--lint=all", "--lint-fatal", file], { stdio: "pipe" });
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});

it("scrapes the kinds of those services that want it", () => {
  const services = {
    a: { scrape: true, type: "business" },
    b: { scrape: true, type: "batch" },
    c: { scrape: true, type: "business" },
    d: { scrape: false, type: "internal" },
  };
  expect(scrapedTypes(services)).toEqual(["batch", "business"]);
});

it.each([
  [1, "819MB"],
  [10, "8192MB"],
  [50, "40960MB"],
])("leaves a fifth of %i GiB to the write-ahead log", (storageGiB, size) => {
  expect(retentionSize(storageGiB)).toBe(size);
});
