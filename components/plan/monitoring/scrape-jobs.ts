import {
  coreDnsMetricsPort,
  kubeStateMetrics,
  nodePorts,
  type ScrapedNeeds,
  scrapedParts,
  stateSelfJob,
} from "../connections/monitoring-parts.ts";
import { traefik } from "../connections/platform-parts.ts";
import type { Place } from "../connections/parties.ts";
import { controllerAdminPort } from "../workload/ingress.ts";
import {
  apiServerFamilies,
  apiServerLeftOutBuckets,
  containerFamilies,
  controllerManagerFamilies,
  etcdLeftOut,
  kubeletFamilies,
  kubeProxyFamilies,
  machineFamilies,
  podFamilies,
  schedulerFamilies,
} from "./kept-series.ts";
import { serverName, serves, type TlsServer, tlsFiles } from "./tls.ts";

/** What of a stack decides what is scraped. */
export interface ScrapeNeeds {
  readonly platform: "owned" | "shared";
  readonly namespaces: Readonly<Record<Place, string>>;
  readonly services: Readonly<Record<string, { readonly scrape: boolean; readonly type: string }>>;
  readonly ingress: { readonly controller: "traefik" | "existing" };
  readonly monitoring: ScrapedNeeds & {
    readonly tls?: object | undefined;
    readonly grafana: { readonly enabled: boolean; readonly ingress?: object | undefined };
    readonly metricsServer: { readonly kubeletInsecureTls: boolean };
  };
  readonly controlPlane:
    | { readonly mode: "existing" }
    | {
        readonly mode: "kubeadm";
        readonly metrics: boolean;
        readonly kubelet: Readonly<Record<string, unknown>>;
      };
}

/** A job of Prometheus, in the form of its configuration file. */
export interface ScrapeJob {
  readonly job_name: string;
  readonly metrics_path?: string;
  readonly scheme?: "https";
  readonly honor_labels?: true;
  readonly track_timestamps_staleness?: true;
  readonly authorization?: { readonly credentials_file: string };
  readonly tls_config?: {
    readonly ca_file?: string;
    readonly server_name?: string;
    readonly insecure_skip_verify?: true;
  };
  readonly kubernetes_sd_configs: readonly Discovery[];
  readonly relabel_configs: readonly Relabelling[];
  readonly metric_relabel_configs?: readonly Relabelling[];
}

/** How targets are looked up at the API server. */
export interface Discovery {
  readonly role: "pod" | "endpointslice" | "node";
  readonly namespaces?: { readonly names: readonly string[] };
  readonly selectors?: readonly { readonly role: "pod"; readonly label: string; readonly field: string }[];
}

interface Relabelling {
  readonly action?: "keep" | "drop" | "labeldrop";
  readonly source_labels?: readonly string[];
  readonly regex?: string;
  readonly target_label?: string;
  readonly replacement?: string;
}

const systemNamespace = "kube-system";
const apiServerNamespace = "default";
const account = "/var/run/secrets/kubernetes.io/serviceaccount";
const token = { authorization: { credentials_file: `${account}/token` } };
const clusterAuthority = { ca_file: `${account}/ca.crt` };
const nodeLabel = { source_labels: ["__meta_kubernetes_node_name"], target_label: "node" };

/** Labels taken over from discovery, so that a series says where it comes from. */
const podLabels = {
  namespace: "__meta_kubernetes_namespace",
  pod: "__meta_kubernetes_pod_name",
  node: "__meta_kubernetes_pod_node_name",
};
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
  const own = [...partJobs(needs), ...serviceJobs(needs)];
  if (needs.platform === "shared") return own;
  return [...own, ...nodeJobs(needs), ...apiServerJobs(), ...(isReachable(needs) ? controlPlaneJobs() : []), dnsJob()];
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

function serviceJobs({ namespaces, services }: ScrapeNeeds): ScrapeJob[] {
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
      ],
    },
  ];
}

/** The kubelets, and what they know of containers. Their certificates are the cluster's, unless the site says that they have none. */
function nodeJobs({ monitoring, controlPlane }: ScrapeNeeds): ScrapeJob[] {
  const unsigned =
    monitoring.metricsServer.kubeletInsecureTls ||
    (controlPlane.mode === "kubeadm" && controlPlane.kubelet["serverTLSBootstrap"] === false);
  const kubelet = {
    scheme: "https",
    ...token,
    tls_config: unsigned ? ({ insecure_skip_verify: true } as const) : clusterAuthority,
    kubernetes_sd_configs: [{ role: "node" }],
    relabel_configs: [nodeLabel],
  } as const;
  return [
    { job_name: "kubelet", ...kubelet, metric_relabel_configs: [keep(kubeletFamilies)] },
    {
      job_name: "cadvisor",
      ...kubelet,
      metrics_path: "/metrics/cadvisor",
      // It gives each sample its own time, after which a container that is gone would seem to live for 5 minutes more.
      track_timestamps_staleness: true,
      metric_relabel_configs: [
        keep([...containerFamilies, ...podFamilies, ...machineFamilies]),
        // Sums over pods and over parts of the system: what they are made of is there.
        { action: "drop", source_labels: ["__name__", "container"], regex: `${oneOf(containerFamilies)};` },
        { action: "drop", source_labels: ["__name__", "pod"], regex: `${oneOf(podFamilies)};` },
        // The last part of `id`.
        { action: "labeldrop", regex: "name" },
      ],
    },
  ];
}

function apiServerJobs(): ScrapeJob[] {
  return [
    {
      job_name: "apiserver",
      scheme: "https",
      ...token,
      // Every API server's certificate has this name; its address is not in each.
      tls_config: { ...clusterAuthority, server_name: "kubernetes" },
      kubernetes_sd_configs: [{ role: "endpointslice", namespaces: { names: [apiServerNamespace] } }],
      relabel_configs: [
        {
          action: "keep",
          regex: "kubernetes;https",
          source_labels: ["__meta_kubernetes_service_name", "__meta_kubernetes_endpointslice_port_name"],
        },
      ],
      metric_relabel_configs: [
        keep(apiServerFamilies),
        {
          action: "drop",
          source_labels: ["__name__", "le"],
          regex: `apiserver_request_sli_duration_seconds_bucket;${leftOutBuckets()}`,
        },
      ],
    },
  ];
}

/** Prometheus takes whole numbers over as 3.0. */
function leftOutBuckets(): string {
  return oneOf(
    apiServerLeftOutBuckets.map((bound) => `${bound.replace(".", "\\.")}${bound.includes(".") ? "" : "(\\.0)?"}`),
  );
}

/** What kubeadm has on loopback is reached only where `quorum:controlPlane.metrics` moved it, so on no cluster of another's making. */
function isReachable({ controlPlane }: ScrapeNeeds): boolean {
  return controlPlane.mode === "kubeadm" && controlPlane.metrics;
}

function controlPlaneJobs(): ScrapeJob[] {
  const secure = {
    scheme: "https",
    ...token,
    // Both make themselves a certificate when they start, in memory, for localhost: there is nothing to check it by. Whoever poses as
    // one of them, as root on a control-plane host, gets a token that reads metrics and pods.
    tls_config: { insecure_skip_verify: true },
  } as const;
  const member = (component: string, port: number) =>
    podJob(component, systemNamespace, { component, tier: "control-plane" }, port);
  return [
    { ...member("etcd", nodePorts.etcd), metric_relabel_configs: [leaveOut(etcdLeftOut)] },
    {
      ...member("kube-controller-manager", nodePorts.controllerManager),
      ...secure,
      metric_relabel_configs: [keep(controllerManagerFamilies)],
    },
    {
      ...member("kube-scheduler", nodePorts.scheduler),
      ...secure,
      metric_relabel_configs: [keep(schedulerFamilies)],
    },
    {
      ...podJob("kube-proxy", systemNamespace, { "k8s-app": "kube-proxy" }, nodePorts.kubeProxy),
      metric_relabel_configs: [keep(kubeProxyFamilies)],
    },
  ];
}

/** DNS of another make has the same label; only CoreDNS declares this port. */
function dnsJob(): ScrapeJob {
  const job = podJob("coredns", systemNamespace, { "k8s-app": "kube-dns" }, coreDnsMetricsPort);
  const declared: Relabelling = {
    action: "keep",
    source_labels: ["__meta_kubernetes_pod_container_port_number"],
    regex: String(coreDnsMetricsPort),
  };
  return { ...job, relabel_configs: [declared, ...job.relabel_configs] };
}

/**
 * A job of the running pods with these labels, one target a pod: discovery gives one for each port that a container declares, and
 * those that become equal count once.
 */
function podJob(name: string, namespace: string, labels: Readonly<Record<string, string>>, port: number): ScrapeJob {
  const label = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  return {
    job_name: name,
    kubernetes_sd_configs: [
      {
        role: "pod",
        namespaces: { names: [namespace] },
        selectors: [{ role: "pod", label, field: "status.phase=Running" }],
      },
    ],
    relabel_configs: [
      { source_labels: ["__meta_kubernetes_pod_ip"], target_label: "__address__", replacement: `$1:${port}` },
      ...labelled(podLabels),
    ],
  };
}

function labelled(sources: Readonly<Record<string, string>>): Relabelling[] {
  return Object.entries(sources).map(([target_label, source]) => ({ source_labels: [source], target_label }));
}

function keep(families: readonly string[]): Relabelling {
  return { action: "keep", source_labels: ["__name__"], regex: oneOf(families) };
}

function leaveOut(families: readonly string[]): Relabelling {
  return { action: "drop", source_labels: ["__name__"], regex: oneOf(families) };
}

function oneOf(patterns: readonly string[]): string {
  return `(${patterns.join("|")})`;
}
