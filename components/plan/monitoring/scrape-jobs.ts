import {
  kubeStateMetrics,
  nodeExporter,
  type ScrapedNeeds,
  scrapedParts,
  stateSelfJob,
} from "../connections/monitoring-parts.ts";
import { traefik } from "../connections/platform-parts.ts";
import type { Place } from "../connections/parties.ts";
import { isMeshed, type MeshMode } from "../mesh/mesh-parts.ts";
import { controllerAdminPort } from "../workload/ingress.ts";
import { clusterJobs, type ClusterNeeds } from "./cluster-jobs.ts";
import { declaredPorts, meshJobs, meshTls, securePods } from "./mesh-jobs.ts";
import { labelled, podJob, podLabels, type Relabelling, type ScrapeJob } from "./scrape-job.ts";
import { serverName, serves, type TlsServer, tlsFiles } from "./tls.ts";

/** What of a stack decides what is scraped. */
export interface ScrapeNeeds {
  readonly platform: "owned" | "shared";
  readonly namespaces: Readonly<Record<Place, string>>;
  readonly services: Readonly<
    Record<string, { readonly scrape: boolean; readonly type: string; readonly versions?: object | undefined }>
  >;
  readonly ingress: { readonly controller: "traefik" | "istio" | "existing" };
  readonly mesh?: MeshMode | undefined;
  readonly monitoring: ClusterNeeds["monitoring"] &
    ScrapedNeeds & {
      readonly tls?: object | undefined;
      readonly grafana: { readonly enabled: boolean; readonly ingress?: object | undefined };
    };
  readonly controlPlane: ClusterNeeds["controlPlane"];
}

const serviceLabels = {
  ...podLabels,
  service: "__meta_kubernetes_service_name",
  instancetype: "__meta_kubernetes_service_label_instancetype",
};

/**
 * Everything that a stack's Prometheus scrapes: the services that want it and the parts of the stack itself; where the cluster is
 * the stack's own, the cluster too, as far as it can be reached. Nobody reaches into another's cluster: on a shared one only the
 * stack's own namespaces are looked at.
 */
export function scrapeJobs(needs: ScrapeNeeds): ScrapeJob[] {
  const own = [...partJobs(needs), ...serviceJobs(needs), ...meshJobs(needs)];
  if (needs.platform === "shared") return own;
  return [...own, ...clusterJobs(needs)];
}

/**
 * Jobs of which at least one target must be there, by name. CoreDNS is found on every cluster that has it, but another's cluster may
 * have something else.
 */
export function expectedJobs(jobs: readonly ScrapeJob[], needs: Pick<ScrapeNeeds, "controlPlane">): string[] {
  const names = jobs.map(({ job_name }) => job_name).filter((name) => name !== stateSelfJob);
  return names.filter((name) => name !== "coredns" || needs.controlPlane.mode === "kubeadm").sort();
}

/** Values of apptype to scrape: those of the services that want it. */
export function scrapedTypes(
  services: Readonly<Record<string, { readonly scrape: boolean; readonly type: string }>>,
): string[] {
  const wanted = Object.values(services).filter((service) => service.scrape);
  return [...new Set(wanted.map((service) => service.type))].sort();
}

/** Parts whose series are not at /metrics. */
const paths: Readonly<Record<string, string>> = { zipkin: "/prometheus" };
/** Each pod's interface has an address that is good on its link alone: series that come and go with pods, and say nothing. */
const noLinkAddresses: Relabelling = {
  action: "drop",
  source_labels: ["__name__", "scope"],
  regex: "node_network_address_info;link-local",
};
/** By whose certificate the targets of a job are checked, where they serve with one. */
const servers: Readonly<Record<string, TlsServer>> = {
  prometheus: "prometheus",
  alertmanager: "alertmanager",
  grafana: "grafana",
  loki: "loki",
  "kube-state-metrics": "kubeStateMetrics",
  [stateSelfJob]: "kubeStateMetrics",
  "node-exporter": "nodeExporter",
};

function partJobs(needs: ScrapeNeeds): ScrapeJob[] {
  const { monitoring, namespaces, ingress } = needs;
  const own = scrapedParts(monitoring).map(({ job, party, port }) => {
    const server = servers[job];
    const path = paths[job];
    return withoutTeller({
      ...podJob(job, namespaces[party.place], { app: party.app }, port),
      ...(server && secure(server, needs)),
      ...(path !== undefined && { metrics_path: path }),
      ...(job === nodeExporter.app && { metric_relabel_configs: [noLinkAddresses] }),
    });
  });
  return [
    ...own,
    ...(ingress.controller === "traefik"
      ? [podJob(traefik.app, namespaces.ingress, { app: traefik.app }, controllerAdminPort)]
      : []),
  ];
}

/** Targets are called by their pods' addresses, which no certificate has: each is checked by its part's name. */
function secure(
  part: TlsServer,
  { monitoring, namespaces }: ScrapeNeeds,
): Pick<ScrapeJob, "scheme" | "tls_config"> | undefined {
  if (!serves(part, monitoring)) return undefined;
  return {
    scheme: "https",
    tls_config: { ca_file: tlsFiles.authority, server_name: serverName(part, namespaces) },
  };
}

/**
 * Of kube-state-metrics, labels of the pod that tells would be false on what it tells of other pods, and would begin each series
 * anew with a new pod. What it tells of itself has the same job, and `endpoint` self.
 */
function withoutTeller(job: ScrapeJob): ScrapeJob {
  if (job.job_name === kubeStateMetrics.app)
    return { ...job, honor_labels: true, relabel_configs: job.relabel_configs.filter(isAddress) };
  if (job.job_name !== stateSelfJob) return job;
  return {
    ...job,
    relabel_configs: [
      ...job.relabel_configs,
      { target_label: "job", replacement: kubeStateMetrics.app },
      { target_label: "endpoint", replacement: "self" },
    ],
  };
}

function isAddress({ target_label }: Relabelling): boolean {
  return target_label === "__address__";
}

const versionLabel = { version: "__meta_kubernetes_pod_label_version" };

function serviceJobs({ mesh, namespaces, services }: ScrapeNeeds): ScrapeJob[] {
  const types = scrapedTypes(services);
  // A job that keeps no kind of service would keep those without one.
  if (types.length === 0) return [];
  const kinds = types.length === 1 ? (types[0] ?? "") : `(${types.join("|")})`;
  return [
    {
      job_name: "business-metrics",
      metrics_path: "/metrics",
      kubernetes_sd_configs: [{ role: "endpointslice", namespaces: { names: [namespaces.apps] } }],
      relabel_configs: [
        {
          action: "keep",
          regex: `${namespaces.apps};${kinds}`,
          source_labels: ["__meta_kubernetes_namespace", "__meta_kubernetes_service_label_apptype"],
        },
        ...labelled(serviceLabels),
        // Where services have versions side by side, each tells how it does.
        ...(Object.values(services).some(({ versions }) => versions !== undefined) ? labelled(versionLabel) : []),
        ...(isMeshed(mesh) ? [declaredPorts, securePods] : []),
      ],
      ...(isMeshed(mesh) && meshTls),
    },
  ];
}
