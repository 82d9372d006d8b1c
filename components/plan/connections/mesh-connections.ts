import {
  cniAgent,
  egressGateway,
  hasEgressGateway,
  ingressGateway,
  isMeshed,
  istiod,
  kiali,
  meshPorts,
  type MeshMode,
} from "../mesh/mesh-parts.ts";
import { callsApiServer } from "./api-server.ts";
import type { ClusterNetwork } from "./cluster-network.ts";
import { type ExternalHosts, gatewayToExternal } from "./external-connections.ts";
import { gateway as collector, monitoringPorts, prometheus } from "./monitoring-parts.ts";
import { isMember } from "../mesh/traffic-settings.ts";
import { type Connection, type Endpoint, type Graph, nobody, type Party, service, tcp } from "./parties.ts";

/** Port of Kiali's pages and of its API. */
export const kialiPort = 20_001;

/** What of a mesh decides who talks to whom in it. */
interface MeshSettings extends MeshMode, ExternalHosts {
  readonly jwt?:
    { readonly jwksUri?: string | undefined; readonly subnets?: readonly string[] | undefined } | undefined;
  readonly kiali?: { readonly enabled: boolean; readonly expose?: object | undefined } | undefined;
}

/** What of a stack decides who talks to whom in its mesh's own parts. */
export interface MeshConnectionNeeds {
  readonly mesh?: MeshSettings | undefined;
  readonly services?: Readonly<Record<string, { readonly mesh?: boolean | undefined }>> | undefined;
  readonly namespaces?: { readonly mesh: string } | undefined;
  readonly ingress: {
    readonly controller: "traefik" | "istio" | "existing";
    readonly expose?: { readonly httpPort: number; readonly httpsPort: number } | undefined;
  };
  readonly monitoring: {
    readonly prometheus: { readonly enabled: boolean };
    readonly collector?: { readonly gateway: { readonly enabled: boolean } } | undefined;
    readonly tls?: unknown;
  };
}

const key = "quorum:mesh";
const outside: Endpoint = { kind: "outside" };

/**
 * What Istio's own parts may reach, and who may reach them. Of what is in the mesh, every proxy asks istiod for its certificate and
 * its configuration; what else it may reach is what its program may.
 */
export function meshPart(needs: MeshConnectionNeeds, network: ClusterNetwork): Graph {
  const { mesh, monitoring } = needs;
  if (!isMeshed(mesh)) return nobody;
  const control = controlOf(needs);
  const scraped = monitoring.prometheus.enabled;
  const proxies: Connection[] = [
    tcp({ kind: "everyone", place: "apps" }, control, meshPorts.xds, key),
    // It has a certificate of the mesh, by which it is let to what it scrapes.
    ...(scraped ? [tcp(prometheus, control, meshPorts.xds, key), ...scrapedProxies(needs)] : []),
  ];
  if (mesh.mode === "existing") return { parties: [], connections: proxies };
  const graphs = [
    { parties: [], connections: proxies },
    installedGraph(scraped, network),
    tokenGraph(mesh),
    hasEgressGateway(mesh) ? egressGraph(needs) : nobody,
    needs.ingress.controller === "istio" ? gatewayGraph(needs) : nobody,
    mesh.kiali?.enabled === true ? kialiGraph(needs, network) : nobody,
  ];
  return {
    parties: graphs.flatMap(({ parties }) => parties),
    connections: graphs.flatMap(({ connections }) => connections),
  };
}

/** The proxies of services, which give their series to Prometheus by mutual TLS. */
function scrapedProxies({ services = {} }: MeshConnectionNeeds): Connection[] {
  return Object.entries(services)
    .filter(([, one]) => isMember(one))
    .map(([name]) => tcp(prometheus, service(name), meshPorts.secureStats, key));
}

/** Pods of istiod, or where somebody else's are. */
function controlOf({ mesh, namespaces }: MeshConnectionNeeds): Endpoint {
  return mesh?.mode === "existing" ? { kind: "controller", namespace: namespaces?.mesh } : istiod;
}

function installedGraph(scraped: boolean, network: ClusterNetwork): Graph {
  const apiServers: Endpoint = { kind: "api-server", addresses: network.apiServers };
  return {
    parties: [istiod, cniAgent],
    connections: [
      ...callsApiServer(istiod, network, key),
      ...callsApiServer(cniAgent, network, key),
      tcp(apiServers, istiod, meshPorts.webhooks, key),
      ...(scraped ? [istiod, cniAgent].map((party) => tcp(prometheus, party, meshPorts.monitoring, key)) : []),
    ],
  };
}

function gatewayGraph({ ingress, monitoring }: MeshConnectionNeeds): Graph {
  const { httpPort, httpsPort } = ingress.expose ?? {};
  return {
    parties: [ingressGateway],
    connections: [
      ...[httpPort, httpsPort].flatMap((port) =>
        port === undefined ? [] : [tcp(outside, ingressGateway, port, "quorum:ingress.expose")],
      ),
      ...ofAnyGateway(ingressGateway, monitoring),
    ],
  };
}

/** What reaches the gateway is the callers' own matter; nobody else leaves for the hosts that they name. */
function egressGraph({ mesh, monitoring }: MeshConnectionNeeds): Graph {
  return {
    parties: [egressGateway],
    connections: [...ofAnyGateway(egressGateway, monitoring), ...gatewayToExternal(mesh ?? {})],
  };
}

/** Its certificate and configuration, its series, and its spans, which proxies send without TLS. */
function ofAnyGateway(own: Party, { collector: traces, prometheus: scraped, tls }: MeshConnectionNeeds["monitoring"]) {
  return [
    tcp(own, istiod, meshPorts.xds, key),
    ...(scraped.enabled ? [tcp(prometheus, own, meshPorts.proxyStats, key)] : []),
    ...(traces?.gateway.enabled === true && tls === undefined
      ? [tcp(own, collector, monitoringPorts.otlpGrpc, key)]
      : []),
  ];
}

/** An address, in the one form that a URL keeps it in. */
const ipv4 = /^\d{1,3}(\.\d{1,3}){3}$/;

/** istiod fetches the keys of who gives out tokens, and hands them to the gateway's pods. */
function tokenGraph({ jwt }: MeshSettings): Graph {
  if (jwt?.jwksUri === undefined) return nobody;
  const { hostname, port } = new URL(jwt.jwksUri);
  const ranges = ipv4.test(hostname) ? [`${hostname}/32`] : (jwt.subnets ?? ["0.0.0.0/0"]);
  const to = ranges.map((subnet): Endpoint => ({ kind: "subnet", subnet }));
  return {
    parties: [],
    connections: to.map((one) => tcp(istiod, one, port === "" ? 443 : Number(port), `${key}.jwt.jwksUri`)),
  };
}

function kialiGraph({ mesh, monitoring }: MeshConnectionNeeds, network: ClusterNetwork): Graph {
  const why = `${key}.kiali`;
  return {
    parties: [kiali],
    connections: [
      ...callsApiServer(kiali, network, why),
      tcp(kiali, istiod, meshPorts.monitoring, why),
      ...(monitoring.prometheus.enabled ? [tcp(kiali, prometheus, monitoringPorts.prometheus, why)] : []),
      ...(mesh?.kiali?.expose === undefined ? [] : [tcp(outside, kiali, kialiPort, `${why}.expose`)]),
    ],
  };
}
