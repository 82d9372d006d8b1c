import { stringify } from "yaml";

/** What Prometheus watches, and how often. */
export interface ScrapeSettings {
  /** Namespace of the services that are scraped. */
  readonly namespace: string;
  /** Values of the Service label apptype that are scraped. */
  readonly appTypes: readonly string[];
  readonly scrapeIntervalSeconds: number;
}

/** How the names of rule files end, which lie beside the configuration. */
export const ruleFileEnding = ".rules.yml";
/** Port of Prometheus' own API and pages. */
export const prometheusPort = 9090;
/** Part of a volume that blocks may fill; the rest is for the write-ahead log, which size retention does not count. */
const blockShare = 0.8;
const mebibytesPerGibibyte = 1024;

/** Labels taken over from discovery, so that a series says where it comes from. */
const targetLabels = {
  namespace: "__meta_kubernetes_namespace",
  service: "__meta_kubernetes_service_name",
  pod: "__meta_kubernetes_pod_name",
  instancetype: "__meta_kubernetes_service_label_instancetype",
};

/** Prometheus' configuration file. */
export function prometheusConfig(settings: ScrapeSettings): string {
  const own = { job_name: "prometheus", static_configs: [{ targets: [`localhost:${prometheusPort}`] }] };
  const interval = `${settings.scrapeIntervalSeconds}s`;
  return stringify({
    global: { scrape_interval: interval, evaluation_interval: interval },
    // By pattern, so that a further file is read as a changed one is: without a restart.
    rule_files: [`*${ruleFileEnding}`],
    // A job that keeps no kind of service would keep those without one.
    scrape_configs: settings.appTypes.length === 0 ? [own] : [own, businessJob(settings)],
  });
}

function businessJob({ namespace, appTypes }: ScrapeSettings) {
  return {
    job_name: "business-metrics",
    metrics_path: "/metrics",
    kubernetes_sd_configs: [{ role: "endpointslice", namespaces: { names: [namespace] } }],
    relabel_configs: [
      {
        action: "keep",
        regex: `${namespace};${oneOf(appTypes)}`,
        source_labels: ["__meta_kubernetes_namespace", "__meta_kubernetes_service_label_apptype"],
      },
      ...Object.entries(targetLabels).map(([target_label, source]) => ({ source_labels: [source], target_label })),
    ],
  };
}

/** Values of apptype to scrape: those of the services that want it. */
export function scrapedTypes(
  services: Readonly<Record<string, { readonly scrape: boolean; readonly type: string }>>,
): string[] {
  const wanted = Object.values(services).filter((service) => service.scrape);
  return [...new Set(wanted.map((service) => service.type))].sort();
}

/** Value of Prometheus' size retention for a volume. */
export function retentionSize(storageGiB: number): string {
  return `${Math.floor(storageGiB * mebibytesPerGibibyte * blockShare)}MB`;
}

function oneOf(types: readonly string[]): string {
  return types.length === 1 ? (types[0] ?? "") : `(${types.join("|")})`;
}
