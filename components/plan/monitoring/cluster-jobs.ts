import { coreDnsMetricsPort, nodePorts } from "../connections/monitoring-parts.ts";
import { balancerJob, type ControlPlaneLayout, type ControlPlaneTarget, eventsJob } from "../control-plane/targets.ts";
import {
  apiServerFamilies,
  apiServerLeftOutBuckets,
  balancerFamilies,
  containerFamilies,
  controllerManagerFamilies,
  etcdLeftOut,
  kubeletFamilies,
  kubeProxyFamilies,
  machineFamilies,
  podFamilies,
  schedulerFamilies,
} from "./kept-series.ts";
import { keep, leaveOut, oneOf, podJob, type Relabelling, type ScrapeJob } from "./scrape-job.ts";

/** What decides how the cluster itself is scraped. */
export interface ClusterNeeds {
  readonly monitoring: { readonly metricsServer: { readonly kubeletInsecureTls: boolean } };
  readonly controlPlane:
    | { readonly mode: "existing" }
    | {
        readonly mode: "kubeadm";
        readonly metrics: boolean;
        readonly kubelet: Readonly<Record<string, unknown>>;
        readonly layout?: ControlPlaneLayout | undefined;
      };
}

const systemNamespace = "kube-system";
const apiServerNamespace = "default";
const account = "/var/run/secrets/kubernetes.io/serviceaccount";
const token = { authorization: { credentials_file: `${account}/token` } };
const clusterAuthority = { ca_file: `${account}/ca.crt` };
const nodeLabel = { source_labels: ["__meta_kubernetes_node_name"], target_label: "node" };

/** What is scraped of a cluster of the stack's own: its nodes, its API servers, its DNS, and the rest of its control plane where it can be reached. */
export function clusterJobs(needs: ClusterNeeds): ScrapeJob[] {
  const { controlPlane } = needs;
  const targets = controlPlane.mode === "kubeadm" ? (controlPlane.layout?.targets ?? {}) : {};
  const jobs = [
    ...nodeJobs(needs),
    ...apiServerJobs(),
    ...(isReachable(needs) ? [...controlPlaneJobs(), ...eventsJobs(targets), ...balancerJobs(targets)] : []),
    dnsJob(),
  ];
  return jobs.map((job) => atTargets(job, targets[job.job_name]));
}

/** Of a cluster of their own, under a name of its own: pooled with the others its members would be counted for their quorum. */
function eventsJobs(targets: ControlPlaneLayout["targets"]): ScrapeJob[] {
  const [first] = targets[eventsJob] ?? [];
  if (first === undefined) return [];
  return [
    {
      job_name: eventsJob,
      kubernetes_sd_configs: [],
      relabel_configs: [],
      metric_relabel_configs: [leaveOut(etcdLeftOut)],
    },
  ];
}

/** HAProxy before the API servers, at each host that has one: a host that is gone stays a target. */
function balancerJobs(targets: ControlPlaneLayout["targets"]): ScrapeJob[] {
  if (targets[balancerJob] === undefined) return [];
  return [
    {
      job_name: balancerJob,
      kubernetes_sd_configs: [],
      relabel_configs: [],
      metric_relabel_configs: [keep(balancerFamilies)],
    },
  ];
}

/**
 * The same job at targets that are known: no label of a pod tells them apart, or no pod is there. One whose host is gone stays a
 * target, and counts as lost.
 */
function atTargets(job: ScrapeJob, targets: readonly ControlPlaneTarget[] | undefined): ScrapeJob {
  if (targets === undefined) return job;
  return {
    ...job,
    kubernetes_sd_configs: [],
    static_configs: targets.map(({ address, node, pod }) => ({
      targets: [address],
      labels: { namespace: systemNamespace, pod, node },
    })),
    relabel_configs: [],
  };
}

/** The kubelets, and what they know of containers. Their certificates are the cluster's, unless the site says that they have none. */
function nodeJobs({ monitoring, controlPlane }: ClusterNeeds): ScrapeJob[] {
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
function isReachable({ controlPlane }: ClusterNeeds): boolean {
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
