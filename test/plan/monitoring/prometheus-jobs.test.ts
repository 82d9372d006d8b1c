import { describe, expect, it } from "vitest";
import type { ScrapeJob } from "../../../components/plan/monitoring/scrape-job.ts";
import {
  expectedJobs,
  scrapeJobs,
  scrapedTypes,
  type ScrapeNeeds,
} from "../../../components/plan/monitoring/scrape-jobs.ts";
import { scrapeRights } from "../../../components/plan/monitoring/scrape-rights.ts";
import { allParts, namespaces, needs } from "./scrape-needs.ts";

const namesOf = (settings: ScrapeNeeds) => scrapeJobs(settings).map(({ job_name }) => job_name);
const jobOf = (settings: ScrapeNeeds, name: string): ScrapeJob => {
  const found = scrapeJobs(settings).find(({ job_name }) => job_name === name);
  if (found === undefined) throw new Error(`no job ${name}`);
  return found;
};
const lookUp = ["get", "list", "watch"];
const pods = { apiGroups: [""], resources: ["pods"], verbs: lookUp };
const services = [
  { apiGroups: [""], resources: ["services", "pods"], verbs: lookUp },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: lookUp },
];

/** Whether a series passes what a job does with series; of labels only those that are given are known. */
function isKept(job: ScrapeJob, series: Readonly<Record<string, string>>): boolean {
  return (job.metric_relabel_configs ?? []).every(({ action, source_labels = [], regex = "(.*)" }) => {
    if (action !== "keep" && action !== "drop") return true;
    const value = source_labels.map((label) => series[label] ?? "").join(";");
    return new RegExp(`^(?:${regex})$`).test(value) === (action === "keep");
  });
}

describe("what is scraped", () => {
  it("is every part that is there, and the cluster, on a cluster of the stack's own", () => {
    expect(namesOf(needs({ ingress: { controller: "traefik" } }, allParts))).toEqual([
      "prometheus",
      "alertmanager",
      "grafana",
      "loki",
      "otel-gateway",
      "zipkin",
      "kube-state-metrics",
      "kube-state-metrics-self",
      "otel-agent",
      "otel-events",
      "node-exporter",
      "traefik",
      "business-metrics",
      "kubelet",
      "cadvisor",
      "apiserver",
      "etcd",
      "kube-controller-manager",
      "kube-scheduler",
      "kube-proxy",
      "coredns",
    ]);
  });

  it("is the stack's own alone on a shared platform, by rights in its own namespaces", () => {
    const shared = needs({ platform: "shared" }, { loki: { enabled: true, cpuMillis: 0, memoryMiB: 0 } });
    expect(namesOf(shared)).toEqual(["prometheus", "loki", "business-metrics"]);
    expect(scrapeRights(scrapeJobs(shared))).toEqual({
      namespaces: { [namespaces.apps]: services, [namespaces.monitoring]: [pods] },
      cluster: [],
    });
  });

  it("leaves out what is on loopback: on another's cluster, or where nobody wants its metrics", () => {
    const unreachable = ["etcd", "kube-controller-manager", "kube-scheduler", "kube-proxy"];
    const own = needs();
    expect(namesOf(own)).toEqual(expect.arrayContaining(unreachable));
    for (const controlPlane of [
      { mode: "existing" } as const,
      { mode: "kubeadm", metrics: false, kubelet: {}, hosts: {} } as const,
    ]) {
      const names = namesOf(needs({ controlPlane }));
      expect(names.filter((name) => unreachable.includes(name))).toEqual([]);
      expect(names).toEqual(expect.arrayContaining(["kubelet", "cadvisor", "apiserver", "coredns"]));
    }
  });

  it("is no service where none wants it", () => {
    expect(namesOf(needs({ platform: "shared", services: {} }))).toEqual(["prometheus"]);
  });

  it("is expected to be there, but for a name server of another's cluster and the second port of one program", () => {
    const settings = needs({}, allParts);
    const all = [...new Set(namesOf(settings))].filter((name) => name !== "kube-state-metrics-self").sort();
    expect(expectedJobs(scrapeJobs(settings), settings)).toEqual(all);
    const other = needs({ controlPlane: { mode: "existing" } });
    expect(expectedJobs(scrapeJobs(other), other)).not.toContain("coredns");
  });
});

describe("the rights that scraping takes", () => {
  it("are pods where pods are looked up, services where slices are, nodes, and metrics", () => {
    expect(scrapeRights(scrapeJobs(needs({ ingress: { controller: "traefik" } }, allParts)))).toEqual({
      namespaces: {
        default: services,
        [namespaces.ingress]: [pods],
        "kube-system": [pods],
        [namespaces.apps]: services,
        [namespaces.monitoring]: [pods],
        [namespaces.agents]: [pods],
      },
      cluster: [
        { apiGroups: [""], resources: ["nodes"], verbs: lookUp },
        { apiGroups: [""], resources: ["nodes/metrics"], verbs: ["get"] },
        { nonResourceURLs: ["/metrics"], verbs: ["get"] },
      ],
    });
  });
});

describe("a target", () => {
  it("is a running pod with the part's own label, at the part's port", () => {
    expect(jobOf(needs({}, allParts), "loki")).toEqual({
      job_name: "loki",
      kubernetes_sd_configs: [
        {
          role: "pod",
          namespaces: { names: ["watch"] },
          selectors: [{ role: "pod", label: "app=loki", field: "status.phase=Running" }],
        },
      ],
      relabel_configs: [
        { source_labels: ["__meta_kubernetes_pod_ip"], target_label: "__address__", replacement: "$1:3100" },
        { source_labels: ["__meta_kubernetes_namespace"], target_label: "namespace" },
        { source_labels: ["__meta_kubernetes_pod_name"], target_label: "pod" },
        { source_labels: ["__meta_kubernetes_pod_node_name"], target_label: "node" },
      ],
    });
  });

  it("of the services is found by the sample's label", () => {
    expect(jobOf(needs(), "business-metrics")).toEqual({
      job_name: "business-metrics",
      metrics_path: "/metrics",
      kubernetes_sd_configs: [{ role: "endpointslice", namespaces: { names: ["shop"] } }],
      relabel_configs: [
        {
          action: "keep",
          regex: "shop;business",
          source_labels: ["__meta_kubernetes_namespace", "__meta_kubernetes_service_label_apptype"],
        },
        { source_labels: ["__meta_kubernetes_namespace"], target_label: "namespace" },
        { source_labels: ["__meta_kubernetes_pod_name"], target_label: "pod" },
        { source_labels: ["__meta_kubernetes_pod_node_name"], target_label: "node" },
        { source_labels: ["__meta_kubernetes_service_name"], target_label: "service" },
        { source_labels: ["__meta_kubernetes_service_label_instancetype"], target_label: "instancetype" },
      ],
    });
    const { web } = needs().services;
    const two = needs({ services: { web: web!, nightly: { ...web!, type: "batch" } } });
    expect(jobOf(two, "business-metrics").relabel_configs[0]?.regex).toBe("shop;(batch|business)");
  });

  it.each([
    ["etcd", "component=etcd,tier=control-plane", "$1:2381"],
    ["kube-controller-manager", "component=kube-controller-manager,tier=control-plane", "$1:10257"],
    ["kube-scheduler", "component=kube-scheduler,tier=control-plane", "$1:10259"],
    ["kube-proxy", "k8s-app=kube-proxy", "$1:10249"],
    ["coredns", "k8s-app=kube-dns", "$1:9153"],
  ])("of %s is a pod of the cluster", (name, label, replacement) => {
    const job = jobOf(needs(), name);
    expect(job.kubernetes_sd_configs).toEqual([
      {
        role: "pod",
        namespaces: { names: ["kube-system"] },
        selectors: [{ role: "pod", label, field: "status.phase=Running" }],
      },
    ]);
    expect(job.relabel_configs).toContainEqual({
      source_labels: ["__meta_kubernetes_pod_ip"],
      target_label: "__address__",
      replacement,
    });
  });

  it("that is the API server or a kubelet is checked by the cluster's authority", () => {
    const authority = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
    const of = (name: string, settings = needs()) => jobOf(settings, name).tls_config;
    expect(of("apiserver")).toEqual({ ca_file: authority, server_name: "kubernetes" });
    for (const name of ["kubelet", "cadvisor"]) {
      expect(of(name)).toEqual({ ca_file: authority });
      const unsigned = { insecure_skip_verify: true };
      expect(of(name, needs({}, { metricsServer: { kubeletInsecureTls: true } }))).toEqual(unsigned);
      const selfSigned = { mode: "kubeadm", metrics: true, kubelet: { serverTLSBootstrap: false }, hosts: {} } as const;
      expect(of(name, needs({ controlPlane: selfSigned }))).toEqual(unsigned);
    }
  });

  it("that makes its own certificate is the only other one that is not checked", () => {
    const unchecked = scrapeJobs(needs({ ingress: { controller: "traefik" } }, allParts)).filter(
      ({ tls_config }) => tls_config?.insecure_skip_verify,
    );
    expect(unchecked.map(({ job_name }) => job_name)).toEqual(["kube-controller-manager", "kube-scheduler"]);
  });

  it("is shown no token over plain HTTP", () => {
    for (const job of scrapeJobs(needs({ ingress: { controller: "traefik" } }, allParts)))
      expect(job.authorization === undefined || job.scheme === "https", job.job_name).toBe(true);
  });
});

describe("kube-state-metrics", () => {
  it("keeps the labels of what it tells of, and adds none of its own pod's", () => {
    const job = jobOf(needs({}, allParts), "kube-state-metrics");
    expect(job.honor_labels).toBe(true);
    expect(job.relabel_configs.map(({ target_label }) => target_label)).toEqual(["__address__"]);
  });

  it("tells of itself under the same job, at an endpoint of its own", () => {
    const job = jobOf(needs({}, allParts), "kube-state-metrics-self");
    expect(job.honor_labels).toBeUndefined();
    expect(job.relabel_configs).toEqual(
      expect.arrayContaining([
        { target_label: "job", replacement: "kube-state-metrics" },
        { target_label: "endpoint", replacement: "self" },
      ]),
    );
  });
});

describe("the series that are kept", () => {
  const settings = needs();

  it.each<[string, Record<string, string>, boolean]>([
    ["apiserver", { __name__: "apiserver_request_total" }, true],
    ["apiserver", { __name__: "apiserver_request_sli_duration_seconds_bucket", le: "1.0" }, true],
    ["apiserver", { __name__: "apiserver_request_sli_duration_seconds_bucket", le: "1" }, true],
    ["apiserver", { __name__: "apiserver_request_sli_duration_seconds_bucket", le: "+Inf" }, true],
    ["apiserver", { __name__: "apiserver_request_sli_duration_seconds_bucket", le: "3.0" }, false],
    ["apiserver", { __name__: "apiserver_request_sli_duration_seconds_bucket", le: "0.6" }, false],
    ["apiserver", { __name__: "apiserver_request_duration_seconds_bucket", le: "1" }, false],
    ["apiserver", { __name__: "etcd_request_duration_seconds_bucket", le: "1" }, false],
    ["kubelet", { __name__: "kubelet_volume_stats_used_bytes" }, true],
    ["kubelet", { __name__: "kubernetes_feature_enabled" }, false],
    ["cadvisor", { __name__: "container_cpu_usage_seconds_total", container: "web", pod: "web-0" }, true],
    ["cadvisor", { __name__: "container_cpu_usage_seconds_total", pod: "web-0" }, false],
    ["cadvisor", { __name__: "container_network_receive_bytes_total", pod: "web-0" }, true],
    ["cadvisor", { __name__: "container_network_receive_bytes_total" }, false],
    ["cadvisor", { __name__: "machine_cpu_cores" }, true],
    ["cadvisor", { __name__: "container_memory_failures_total", container: "web", pod: "web-0" }, false],
    ["etcd", { __name__: "etcd_disk_wal_fsync_duration_seconds_bucket" }, true],
    ["etcd", { __name__: "etcd_debugging_mvcc_keys_total" }, true],
    ["etcd", { __name__: "etcd_debugging_snap_save_total_duration_seconds_bucket" }, false],
    ["kube-controller-manager", { __name__: "workqueue_depth" }, true],
    ["kube-controller-manager", { __name__: "informer_processing_latency_seconds_bucket" }, false],
    ["kube-scheduler", { __name__: "scheduler_pending_pods" }, true],
    ["kube-scheduler", { __name__: "scheduler_plugin_execution_duration_seconds_bucket" }, false],
    ["kube-proxy", { __name__: "kubeproxy_network_programming_duration_seconds_bucket" }, true],
    ["kube-proxy", { __name__: "go_sched_latencies_seconds_bucket" }, false],
  ])("of %s: %o %s", (name, series, kept) => {
    expect(isKept(jobOf(settings, name), series)).toBe(kept);
  });
});

it("scrapes the kinds of those services that want it", () => {
  const wanted = {
    a: { scrape: true, type: "business" },
    b: { scrape: true, type: "batch" },
    c: { scrape: true, type: "business" },
    d: { scrape: false, type: "internal" },
  };
  expect(scrapedTypes(wanted)).toEqual(["batch", "business"]);
});

describe("the balancer before the API servers", () => {
  const layout = (targets: object) =>
    needs({ controlPlane: { ...needs().controlPlane, layout: { targets, apiPorts: [] } } as never }, allParts);
  const jobOf = (settings: ReturnType<typeof needs>, name: string) =>
    scrapeJobs(settings).find(({ job_name }) => job_name === name);

  it("is scraped at each host by its address, and a host that is gone stays a target", () => {
    const haproxy = [{ address: "192.0.2.1:8405", node: "a", pod: "haproxy-a" }];
    expect(jobOf(layout({ haproxy }), "haproxy")?.static_configs).toEqual([
      { targets: ["192.0.2.1:8405"], labels: { namespace: "kube-system", pod: "haproxy-a", node: "a" } },
    ]);
    expect(jobOf(layout({}), "haproxy")).toBeUndefined();
  });

  it("has an address that node-exporter tells of; those of pods' links are left out", () => {
    const [rule] = jobOf(layout({}), "node-exporter")?.metric_relabel_configs ?? [];
    expect(rule).toEqual({
      action: "drop",
      source_labels: ["__name__", "scope"],
      regex: "node_network_address_info;link-local",
    });
  });
});
