import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import {
  alertmanagerTargets,
  prometheusConfig,
  type PrometheusSettings,
  retentionSize,
  scrapeRules,
} from "../../../components/plan/monitoring/prometheus.ts";
import { scrapeJobs } from "../../../components/plan/monitoring/scrape-jobs.ts";
import { binaryPath } from "../../../local/toolchain.ts";
import { temporaryFolder } from "../../engine/programs.ts";
import { objectsOf, runProgram } from "../../program-objects.ts";
import { runnableSections } from "../../stacks.ts";
import { allParts, needs } from "./scrape-needs.ts";

const settings = (more: Partial<PrometheusSettings> = {}): PrometheusSettings => ({
  jobs: [],
  scrapeIntervalSeconds: 5,
  samplesPerTarget: 1000,
  externalLabels: { cluster: "test", stack: "dev" },
  alertmanagers: [],
  ...more,
});
// Left out until the local run has built this part: building it takes minutes, and unit tests take seconds.
const promtool = binaryPath("prometheus", "promtool");

/** Has promtool read a configuration as a pod would: with the files of a service account, and rule files beside it. */
function check(config: string, rules: Readonly<Record<string, string>> = {}): void {
  const folder = temporaryFolder();
  const account = join(folder, "account");
  mkdirSync(account);
  for (const file of ["token", "ca.crt"]) writeFileSync(join(account, file), "");
  for (const [name, text] of Object.entries(rules)) writeFileSync(join(folder, name), text);
  const file = join(folder, "prometheus.yml");
  writeFileSync(file, config.replaceAll("/var/run/secrets/kubernetes.io/serviceaccount", account));
  execFileSync(promtool, ["check", "config", "--lint=all", "--lint-fatal", file], { stdio: "pipe" });
}

describe("Prometheus' configuration", () => {
  it("says how often, how much, and where it comes from", () => {
    expect(parse(prometheusConfig(settings()))).toEqual({
      global: {
        scrape_interval: "5s",
        evaluation_interval: "5s",
        sample_limit: 1000,
        target_limit: 5000,
        label_limit: 64,
        label_name_length_limit: 256,
        label_value_length_limit: 1024,
        external_labels: { cluster: "test", stack: "dev", replica: "${POD_NAME}" },
      },
      rule_files: ["*.rules.yml"],
      scrape_configs: [],
    });
  });

  it("takes no variable from a name", () => {
    const config = prometheusConfig(settings({ externalLabels: { cluster: "a$HOME" } }));
    expect(parse(config)).toMatchObject({ global: { external_labels: { cluster: "a$$HOME" } } });
  });

  it("tells every Alertmanager of alerts, those of a pair as the same alerts", () => {
    const alertmanagers = alertmanagerTargets(2, "watch");
    expect(alertmanagers).toEqual([
      "alertmanager-0.alertmanager-peers.watch.svc:9093",
      "alertmanager-1.alertmanager-peers.watch.svc:9093",
    ]);
    expect(parse(prometheusConfig(settings({ alertmanagers })))).toMatchObject({
      alerting: {
        alert_relabel_configs: [{ action: "labeldrop", regex: "replica" }],
        alertmanagers: [{ api_version: "v2", static_configs: [{ targets: alertmanagers }] }],
      },
    });
  });

  it.skipIf(!existsSync(promtool)).each([1, 5, 120])(
    "is accepted by promtool at an interval of %i s",
    (scrapeIntervalSeconds) => {
      const jobs = scrapeJobs(needs({ ingress: { controller: "traefik" } }, allParts));
      check(
        prometheusConfig(settings({ jobs, scrapeIntervalSeconds, alertmanagers: alertmanagerTargets(1, "watch") })),
      );
    },
  );

  it.skipIf(!existsSync(promtool))("is refused by promtool with a job that it does not know", () => {
    const jobs = [{ ...scrapeJobs(needs())[0]!, nonsense: true }];
    expect(() => check(prometheusConfig(settings({ jobs })))).toThrow(/nonsense/);
  });

  it.skipIf(!existsSync(promtool)).each(["dev", "prod"] as const)(
    "of the stack %s is accepted by promtool, with its rules",
    async (stack) => {
      const objects = objectsOf(await runProgram(runnableSections(stack), { stack }), stack);
      const data = (name: string) =>
        objects.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === name)?.["data"] as Record<
          string,
          string
        >;
      const rules = data("prometheus-rules");
      expect(Object.keys(rules)).toContain("configured-scrapes.rules.yml");
      check(data("prometheus-config")["prometheus.yml"] ?? "", rules);
    },
    60_000,
  );
});

it("records what the configuration says, for alerts to compare with", () => {
  const rules = scrapeRules({
    expectedSeries: 20_000,
    samplesPerTarget: 500,
    replicas: 1,
    alertmanagers: 2,
    expectedJobs: ["apiserver", "loki"],
  });
  expect(parse(rules)).toEqual({
    groups: [
      {
        name: "quorum-prometheus-configured",
        rules: [
          { record: "quorum:prometheus_expected_series", expr: "vector(20000)" },
          { record: "quorum:prometheus_samples_per_target", expr: "vector(500)" },
          { record: "quorum:prometheus_replicas", expr: "vector(1)" },
          { record: "quorum:alertmanager_members", expr: "vector(2)" },
          { record: "quorum:scrape_job_info", expr: "vector(1)", labels: { job: "apiserver" } },
          { record: "quorum:scrape_job_info", expr: "vector(1)", labels: { job: "loki" } },
        ],
      },
    ],
  });
});

it.each([
  [1, "819MB"],
  [10, "8192MB"],
  [50, "40960MB"],
])("leaves a fifth of %i GiB to the write-ahead log", (storageGiB, size) => {
  expect(retentionSize(storageGiB)).toBe(size);
});
