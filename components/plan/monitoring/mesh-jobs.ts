import type { Party, Place } from "../connections/parties.ts";
import {
  cniAgent,
  egressGateway,
  hasEgressGateway,
  ingressGateway,
  isMeshed,
  istiod,
  meshPorts,
  proxyStatsPath,
} from "../mesh/mesh-parts.ts";
import { cniFamilies, istiodFamilies, proxyFamilies } from "./kept-series.ts";
import { keep, podJob, type Relabelling, type ScrapeJob, selectedJob } from "./scrape-job.ts";

/** What of a stack decides what of its mesh is scraped. */
export interface MeshJobNeeds {
  readonly namespaces: Readonly<Record<Place, string>>;
  readonly ingress: { readonly controller: "traefik" | "istio" | "existing" };
  readonly mesh?: MeshOfJobs | undefined;
}

type MeshOfJobs = NonNullable<Parameters<typeof hasEgressGateway>[0]>;

/** Where the proxy beside Prometheus puts the certificate by which it is let to what it scrapes. */
export const meshCertificates = "/etc/istio-certs";
/**
 * Pods of the mesh take nothing but mutual TLS. Their certificates name accounts, not addresses or hosts, and Prometheus cannot check
 * that: who poses as a pod can tell it false figures, and learns nothing.
 */
export const meshTls = {
  tls_config: {
    cert_file: `${meshCertificates}/cert-chain.pem`,
    key_file: `${meshCertificates}/key.pem`,
    insecure_skip_verify: true,
  },
} as const;
/** Label that the mesh gives to each pod with a proxy. */
const meshedLabel = "security.istio.io/tlsMode=istio";
/** Leaves out what discovery finds besides a Service's own ports: those of the proxy. */
export const declaredPorts: Relabelling = {
  action: "keep",
  source_labels: ["__meta_kubernetes_endpointslice_port_name"],
  regex: ".+",
};
/** Calls pods of the mesh by TLS, and others of the same job without. */
export const securePods: Relabelling = {
  source_labels: ["__meta_kubernetes_pod_label_security_istio_io_tlsMode"],
  regex: "istio",
  target_label: "__scheme__",
  replacement: "https",
};

/** The proxies of services, those of Jobs being gone before their figures mean anything, and what Istio's own parts tell. */
export function meshJobs({ ingress, mesh, namespaces }: MeshJobNeeds): ScrapeJob[] {
  if (!isMeshed(mesh)) return [];
  const selector = `${meshedLabel},!batch.kubernetes.io/job-name`;
  const proxies: ScrapeJob = {
    ...selectedJob("istio-proxy", namespaces.apps, selector, meshPorts.secureStats),
    metrics_path: proxyStatsPath,
    scheme: "https",
    ...meshTls,
    metric_relabel_configs: [keep(proxyFamilies)],
  };
  if (mesh.mode === "existing") return [proxies];
  const gatewayJob = ({ app, place }: Party): ScrapeJob => ({
    ...podJob(app, namespaces[place], { app }, meshPorts.proxyStats),
    metrics_path: proxyStatsPath,
    metric_relabel_configs: [keep(proxyFamilies)],
  });
  return [
    proxies,
    {
      ...podJob(istiod.app, namespaces.mesh, { app: istiod.app }, meshPorts.monitoring),
      metric_relabel_configs: [keep(istiodFamilies)],
    },
    {
      ...podJob(cniAgent.app, namespaces.meshAgents, { app: cniAgent.app }, meshPorts.monitoring),
      metric_relabel_configs: [keep(cniFamilies)],
    },
    ...(ingress.controller === "istio" ? [ingressGateway] : []).map(gatewayJob),
    ...(hasEgressGateway(mesh) ? [egressGateway] : []).map(gatewayJob),
  ];
}
