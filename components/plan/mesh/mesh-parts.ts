import { part, type Party } from "../connections/parties.ts";

/** Ports that Istio's own programs listen on. @see https://istio.io/latest/docs/ops/deployment/application-requirements/ */
export const meshPorts = {
  /** istiod: certificates and configuration of the proxies, by mutual TLS. */
  xds: 15_012,
  /** istiod: the API servers' webhooks. */
  webhooks: 15_017,
  /** istiod and the agents on the nodes: series on themselves. */
  monitoring: 15_014,
  /** A proxy's own series, in plain text. No redirection covers it, so nobody else is let to it. */
  proxyStats: 15_090,
  /** The same, behind the proxy's own mutual TLS. */
  secureStats: 15_091,
  /** The egress gateway: requests that it can read, and all else, each by mutual TLS. */
  egressRequests: 15_444,
  egressStreams: 15_443,
} as const;

/** Where a proxy gives its series. */
export const proxyStatsPath = "/stats/prometheus";

export const istiod = part("mesh", "istiod");
export const kiali = part("monitoring", "kiali");
/** Sets up the redirection of each pod, on each node. */
export const cniAgent = part("meshAgents", "istio-cni-node", "istio-cni");
export const ingressGateway = part("ingress", "istio-ingress");
export const egressGateway = part("mesh", "istio-egress");
/** Label by which Gateway objects choose their pods. */
export const gatewaySelector = (gateway: Party) => ({ istio: gateway.app });

/** Name of the Gateway object of the ingress gateway. */
export const edgeGatewayName = "quorum";

/** What of a configuration says whether there is a mesh, and whose. */
export interface MeshMode {
  readonly mode: "install" | "existing" | "off";
  readonly revision?: string | undefined;
}

/** Whether the stack's services are in a mesh. */
export function isMeshed<Mesh extends MeshMode>(
  mesh: Mesh | undefined,
): mesh is Mesh & { readonly mode: "install" | "existing" } {
  return mesh !== undefined && mesh.mode !== "off";
}

/** Port at which the egress gateway takes calls of a host outside, by what is spoken there. */
export function egressPortOf(protocol: string | undefined): number {
  const readable = protocol === "http" || protocol === "http2" || protocol === "grpc";
  return readable ? meshPorts.egressRequests : meshPorts.egressStreams;
}

/** Whether the stack makes an egress gateway: where a host outside is reached through it. */
export function hasEgressGateway(
  mesh:
    | (MeshMode & {
        readonly external?: Readonly<Record<string, { readonly gateway?: boolean | undefined }>> | undefined;
      })
    | undefined,
): boolean {
  return mesh?.mode === "install" && Object.values(mesh.external ?? {}).some(({ gateway }) => gateway);
}

/** Labels of a namespace whose pods get a proxy, or of a pod that gets one by itself. */
export function injectionLabels(mesh: MeshMode | undefined): Record<string, string> {
  if (!isMeshed(mesh)) return {};
  return mesh.revision === undefined ? { "istio-injection": "enabled" } : { "istio.io/rev": mesh.revision };
}

/** Labels of a pod that gets a proxy although its namespace is not in the mesh. */
export function podInjectionLabels(mesh: MeshMode | undefined): Record<string, string> {
  if (!isMeshed(mesh)) return {};
  return {
    "sidecar.istio.io/inject": "true",
    ...(mesh.revision !== undefined && { "istio.io/rev": mesh.revision }),
  };
}
