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
    readonly cert_file?: string;
    readonly key_file?: string;
    readonly server_name?: string;
    readonly insecure_skip_verify?: true;
  };
  readonly kubernetes_sd_configs: readonly Discovery[];
  readonly static_configs?: readonly {
    readonly targets: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
  }[];
  readonly relabel_configs: readonly Relabelling[];
  readonly metric_relabel_configs?: readonly Relabelling[];
}

/** How targets are looked up at the API server. */
export interface Discovery {
  readonly role: "pod" | "endpointslice" | "node";
  readonly namespaces?: { readonly names: readonly string[] };
  readonly selectors?: readonly { readonly role: "pod"; readonly label: string; readonly field: string }[];
}

/** A rule on the labels of a target or of its series. */
export interface Relabelling {
  readonly action?: "keep" | "drop" | "labeldrop";
  readonly source_labels?: readonly string[];
  readonly regex?: string;
  readonly target_label?: string;
  readonly replacement?: string;
}

/** Labels taken over from discovery, so that a series says where it comes from. */
export const podLabels = {
  namespace: "__meta_kubernetes_namespace",
  pod: "__meta_kubernetes_pod_name",
  node: "__meta_kubernetes_pod_node_name",
};
/**
 * A job of the running pods with these labels, one target a pod: discovery gives one for each port that a container declares, and
 * those that become equal count once.
 */
export function podJob(
  name: string,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  port: number,
): ScrapeJob {
  const label = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
  return selectedJob(name, namespace, label, port);
}

/** @param label selector of the pods */
export function selectedJob(name: string, namespace: string, label: string, port: number): ScrapeJob {
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

/** Takes labels over from discovery: target label to source. */
export function labelled(sources: Readonly<Record<string, string>>): Relabelling[] {
  return Object.entries(sources).map(([target_label, source]) => ({ source_labels: [source], target_label }));
}

/** Keeps these families of a target's series, and no other. */
export function keep(families: readonly string[]): Relabelling {
  return { action: "keep", source_labels: ["__name__"], regex: oneOf(families) };
}

/** Leaves these families of a target's series out. */
export function leaveOut(families: readonly string[]): Relabelling {
  return { action: "drop", source_labels: ["__name__"], regex: oneOf(families) };
}

/** A pattern that any of these fits. */
export function oneOf(patterns: readonly string[]): string {
  return `(${patterns.join("|")})`;
}
