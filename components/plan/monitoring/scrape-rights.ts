import type { ScrapeJob } from "./scrape-job.ts";

/** A rule of a Role or ClusterRole. */
export interface RightsRule {
  readonly apiGroups?: string[];
  readonly resources?: string[];
  readonly nonResourceURLs?: string[];
  readonly verbs: string[];
}

/** What scraping needs leave for. */
export interface ScrapeRights {
  /** In each namespace that targets are looked up in, by its name. */
  readonly namespaces: Readonly<Record<string, readonly RightsRule[]>>;
  /** In the whole cluster; empty where only namespaces are looked at. */
  readonly cluster: readonly RightsRule[];
}

const lookUp = ["get", "list", "watch"];

/** The least that these jobs need: derived from them, so that neither has what the other lacks. */
export function scrapeRights(jobs: readonly ScrapeJob[]): ScrapeRights {
  const discoveries = jobs.flatMap((job) => job.kubernetes_sd_configs);
  const names = [...new Set(discoveries.flatMap(({ namespaces }) => namespaces?.names ?? []))].sort();
  const namespaces = names.map((name): [string, RightsRule[]] => {
    const here = discoveries.filter((one) => one.namespaces?.names.includes(name));
    // Slices name the pods behind a service; what is known of these, and of the service, is looked up beside.
    if (here.some(({ role }) => role === "endpointslice"))
      return [
        name,
        [
          { apiGroups: [""], resources: ["services", "pods"], verbs: lookUp },
          { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: lookUp },
        ],
      ];
    return [name, [{ apiGroups: [""], resources: ["pods"], verbs: lookUp }]];
  });
  return { namespaces: Object.fromEntries(namespaces), cluster: clusterRules(jobs) };
}

function clusterRules(jobs: readonly ScrapeJob[]): RightsRule[] {
  const asked = jobs.filter(({ authorization }) => authorization !== undefined);
  const [ofNodes, ofPrograms] = [
    asked.filter((job) => isOfNodes(job)),
    asked.filter((job) => !isOfNodes(job)),
  ] as const;
  return [
    ...(ofNodes.length === 0
      ? []
      : [
          { apiGroups: [""], resources: ["nodes"], verbs: lookUp },
          // What kubelets ask the API server about whoever wants their metrics.
          { apiGroups: [""], resources: ["nodes/metrics"], verbs: ["get"] },
        ]),
    ...(ofPrograms.length === 0 ? [] : [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }]),
  ];
}

function isOfNodes({ kubernetes_sd_configs: discoveries }: ScrapeJob): boolean {
  return discoveries.some(({ role }) => role === "node");
}
