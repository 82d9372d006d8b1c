import { stringify } from "yaml";
import { alertmanager, alertmanagerPeers, monitoringPorts } from "../connections/monitoring-parts.ts";
import type { ScrapeJob } from "./scrape-job.ts";
import { tlsFiles } from "./tls.ts";

/** What Prometheus watches, how often, and whom it tells. */
export interface PrometheusSettings {
  readonly jobs: readonly ScrapeJob[];
  readonly scrapeIntervalSeconds: number;
  /** Samples that one target may give in a scrape; one with more is not taken at all. */
  readonly samplesPerTarget: number;
  /** Added to what leaves it, alerts above all: which cluster and which stack they are about. */
  readonly externalLabels: Readonly<Record<string, string>>;
  /** host:port of each Alertmanager. */
  readonly alertmanagers: readonly string[];
  /** Whether those are called by https. */
  readonly tls?: boolean;
}

/** How the names of rule files end, which lie beside the configuration. */
export const ruleFileEnding = ".rules.yml";
/** Port of Prometheus' own API and pages. */
export const prometheusPort = monitoringPorts.prometheus;
/** Variable with the name of the server's own pod. */
export const podNameVariable = "POD_NAME";
/** Part of a volume that blocks may fill; the rest is for the write-ahead log, which size retention does not count. */
export const blockShare = 0.8;
const mebibytesPerGibibyte = 1024;

/**
 * What one job and one target may bring, whatever a broken program writes into its labels: more fails the scrape, and an alert tells
 * of it.
 */
const limits = { target_limit: 5000, label_limit: 64, label_name_length_limit: 256, label_value_length_limit: 1024 };

/** Prometheus' configuration file. */
export function prometheusConfig(settings: PrometheusSettings): string {
  const interval = `${settings.scrapeIntervalSeconds}s`;
  const { alertmanagers, externalLabels } = settings;
  return stringify(
    {
      global: {
        scrape_interval: interval,
        evaluation_interval: interval,
        sample_limit: settings.samplesPerTarget,
        ...limits,
        external_labels: { ...literals(externalLabels), replica: `\${${podNameVariable}}` },
      },
      // By pattern, so that a further file is read as a changed one is: without a restart.
      rule_files: [`*${ruleFileEnding}`],
      ...(alertmanagers.length === 0
        ? {}
        : {
            alerting: {
              // Without it, an alert of each replica would be another alert.
              alert_relabel_configs: [{ action: "labeldrop", regex: "replica" }],
              alertmanagers: [
                {
                  api_version: "v2",
                  ...(settings.tls === true && { scheme: "https", tls_config: { ca_file: tlsFiles.authority } }),
                  static_configs: [{ targets: alertmanagers }],
                },
              ],
            },
          }),
      scrape_configs: settings.jobs,
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
}

/** Where each member of Alertmanager answers; a Service would give an alert to one of them, and lose it with that one. */
export function alertmanagerTargets(replicas: number, namespace: string): string[] {
  return Array.from(
    { length: replicas },
    (_, index) => `${alertmanager.app}-${index}.${alertmanagerPeers}.${namespace}.svc:${monitoringPorts.alertmanager}`,
  );
}

/** Recording rules that hold what the configuration says of Prometheus itself, for alerts to be joined with: a rule file. */
export function scrapeRules(settings: {
  readonly expectedSeries: number;
  readonly samplesPerTarget: number;
  /** Servers of Prometheus, and members of Alertmanager: 0 where the stack has none. */
  readonly replicas: number;
  readonly alertmanagers: number;
  /** Jobs of which a target must be there. */
  readonly expectedJobs: readonly string[];
  /** Address that one of the hosts must have, where node-exporter tells of their addresses. */
  readonly balancerAddress?: string | undefined;
}): string {
  const constant = (record: string, value: number, labels?: Readonly<Record<string, string>>) => ({
    record,
    expr: `vector(${value})`,
    ...(labels && { labels }),
  });
  return stringify({
    groups: [
      {
        name: "quorum-prometheus-configured",
        rules: [
          constant("quorum:prometheus_expected_series", settings.expectedSeries),
          constant("quorum:prometheus_samples_per_target", settings.samplesPerTarget),
          constant("quorum:prometheus_replicas", settings.replicas),
          ...(settings.alertmanagers === 0 ? [] : [constant("quorum:alertmanager_members", settings.alertmanagers)]),
          ...settings.expectedJobs.map((job) => constant("quorum:scrape_job_info", 1, { job })),
          ...(settings.balancerAddress === undefined
            ? []
            : [constant("quorum:balancer_address_info", 1, { address: settings.balancerAddress })]),
        ],
      },
    ],
  });
}

/** Value of Prometheus' size retention for a volume. */
export function retentionSize(storageGiB: number): string {
  return `${Math.floor(storageGiB * mebibytesPerGibibyte * blockShare)}MB`;
}

/** Prometheus puts variables of its environment into these labels. */
function literals(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([label, text]) => [label, text.replaceAll("$", "$$$$")]));
}
