import { agentResources } from "../platform/quota.ts";
import { type ClusterDomainParts, serviceHost } from "./names.ts";
import { cniAgent, egressGateway, gatewaySelector, ingressGateway, meshPorts } from "./mesh-parts.ts";
import { keptProxySeries } from "./proxy-series.ts";

/** What of a configuration Istio's charts are given. */
export interface IstioSettings {
  readonly build: "official" | "stock";
  readonly trustDomain: string;
  readonly istiod: { readonly replicas: number; readonly cpuMillis: number; readonly memoryMiB: number };
  readonly proxy: ProxyResources;
  readonly cni: { readonly binDir: string; readonly confDir: string };
}

interface ProxyResources {
  readonly cpuMillis: number;
  readonly cpuLimitMillis: number;
  readonly memoryMiB: number;
  readonly memoryLimitMiB: number;
}

/** References of Istio's images. */
export interface IstioImages {
  readonly istiod: string;
  readonly proxy: string;
  readonly cni: string;
}

/** Where spans of the proxies go: a collector's OTLP receiver, without TLS. */
export interface TraceSink extends ClusterDomainParts {
  readonly port: number;
}

type Values = Readonly<Record<string, unknown>>;

/** Names that Telemetry objects call the mesh's providers by. */
export const providers = { traces: "otlp", accessLog: "access-log" } as const;

/** User of the proxies and of istiod, in their images. */
const userId = 1337;
const seccomp = { seccompProfile: { type: "RuntimeDefault" } } as const;

/** One line a request, as text is searched for by its fields. Of the path, the query is left out: it may hold what is secret. */
const accessLogFields = {
  time: "%START_TIME%",
  method: "%REQ(:METHOD)%",
  host: "%REQ(:AUTHORITY)%",
  path: "%PATH(NQ)%",
  protocol: "%PROTOCOL%",
  status: "%RESPONSE_CODE%",
  flags: "%RESPONSE_FLAGS%",
  reason: "%RESPONSE_CODE_DETAILS%",
  millis: "%DURATION%",
  upstream: "%UPSTREAM_HOST%",
  cluster: "%UPSTREAM_CLUSTER%",
  peer: "%DOWNSTREAM_PEER_URI_SAN%",
  request_id: "%REQ(X-REQUEST-ID)%",
  traceparent: "%REQ(TRACEPARENT)%",
} as const;

/** The chart base: definitions of Istio's kinds, and what checks objects of them. */
export function baseValues(rootNamespace: string): Values {
  return { global: { istioNamespace: rootNamespace }, defaultRevision: "default" };
}

/**
 * The chart istiod.
 *
 * @param priorityClassName of istiod itself; undefined: none
 */
export function istiodValues(
  settings: IstioSettings,
  images: IstioImages,
  where: {
    readonly rootNamespace: string;
    readonly traces?: TraceSink | undefined;
    readonly priorityClassName?: string | undefined;
  },
): Values {
  const { build, istiod, proxy, trustDomain } = settings;
  const official = build === "official";
  return {
    image: images.istiod,
    autoscaleEnabled: false,
    replicaCount: istiod.replicas,
    // A new one is ready before an old one goes: proxies that lose theirs ask another.
    rollingMaxSurge: 1,
    rollingMaxUnavailable: 0,
    ...seccomp,
    resources: {
      requests: { cpu: `${istiod.cpuMillis}m`, memory: `${istiod.memoryMiB}Mi` },
      limits: { cpu: `${Math.max(1000, 2 * istiod.cpuMillis)}m`, memory: `${istiod.memoryMiB}Mi` },
    },
    topologySpreadConstraints: softSpread({ app: "istiod" }),
    env: {
      PILOT_ENABLE_WORKLOAD_ENTRY_AUTOREGISTRATION: "false",
      // Stock Envoy lacks these filters, and refuses a configuration that names them.
      ...(!official && { PILOT_ENABLE_ALPN_FILTER: "false", PILOT_ENABLE_METADATA_EXCHANGE: "false" }),
    },
    telemetry: { enabled: official },
    cni: { enabled: true },
    pdb: { minAvailable: 1 },
    global: {
      istioNamespace: where.rootNamespace,
      imagePullPolicy: "IfNotPresent",
      logAsJson: true,
      priorityClassName: where.priorityClassName ?? "",
      proxy: { image: images.proxy, resources: proxyResources(proxy), ...seccomp },
      proxy_init: { image: images.proxy },
    },
    meshConfig: {
      trustDomain,
      // Whatever nobody declared is refused, and not let out past the mesh.
      outboundTrafficPolicy: { mode: "REGISTRY_ONLY" },
      // Prometheus asks the program itself, through its proxy: merged series would be in plain text.
      enablePrometheusMerge: false,
      defaultConfig: { proxyStatsMatcher: keptProxySeries },
      extensionProviders: [
        {
          name: providers.accessLog,
          envoyFileAccessLog: { path: "/dev/stdout", logFormat: { labels: accessLogFields } },
        },
        ...(where.traces === undefined
          ? []
          : [
              {
                name: providers.traces,
                opentelemetry: { service: serviceHost(where.traces), port: where.traces.port },
              },
            ]),
      ],
    },
  };
}

/** The chart cni. */
export function cniValues({ cni }: IstioSettings, images: IstioImages, rootNamespace: string): Values {
  const { cpuMillis, memoryMiB } = agentResources;
  return {
    image: images.cni,
    pullPolicy: "IfNotPresent",
    cniBinDir: cni.binDir,
    cniConfDir: cni.confDir,
    podLabels: { app: cniAgent.app },
    useAppArmorAnnotation: false,
    excludeNamespaces: ["kube-system", rootNamespace],
    ...seccomp,
    resources: {
      requests: { cpu: `${cpuMillis}m`, memory: `${memoryMiB}Mi` },
      limits: { cpu: "1", memory: `${memoryMiB}Mi` },
    },
    global: { logAsJson: true },
  };
}

/** What the outside reaches the ingress gateway by. */
export interface GatewayExposure {
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly loadBalancerClass?: string | undefined;
  readonly address?: string | undefined;
}

/** The chart gateway, for the one through which the outside comes in. */
export function ingressGatewayValues(
  gateway: { readonly cpuMillis: number; readonly memoryMiB: number },
  expose: GatewayExposure,
  options: { readonly replicas: number; readonly priorityClassName?: string | undefined },
): Values {
  const port = (name: string, number: number) => ({ name, port: number, targetPort: number, protocol: "TCP" });
  return {
    ...gatewayPods(ingressGateway.app, gateway, options),
    labels: { app: ingressGateway.app, ...gatewaySelector(ingressGateway) },
    service: {
      type: "LoadBalancer",
      // A balancer outside the cluster may get its address only after the stack is up: nothing waits for it.
      annotations: { "pulumi.com/skipAwait": "true" },
      ports: [port("http2", expose.httpPort), port("https", expose.httpsPort)],
      ...(expose.loadBalancerClass !== undefined && { loadBalancerClass: expose.loadBalancerClass }),
      ...(expose.address !== undefined && { loadBalancerIP: expose.address }),
    },
  };
}

/** The chart gateway, for the one through which calls leave the mesh. It holds no certificates of its own, so it reads no Secrets. */
export function egressGatewayValues(
  gateway: { readonly cpuMillis: number; readonly memoryMiB: number },
  options: { readonly replicas: number; readonly priorityClassName?: string | undefined },
): Values {
  // The names tell proxies what is spoken there: requests of any kind come in by HTTP/2.
  const port = (name: string, number: number) => ({ name, port: number, targetPort: number, protocol: "TCP" });
  return {
    ...gatewayPods(egressGateway.app, gateway, options),
    labels: { app: egressGateway.app, ...gatewaySelector(egressGateway) },
    rbac: { enabled: false },
    service: {
      type: "ClusterIP",
      ports: [port("http2-requests", meshPorts.egressRequests), port("tls-streams", meshPorts.egressStreams)],
    },
  };
}

/** What pods of any gateway have in common. */
function gatewayPods(
  name: string,
  { cpuMillis, memoryMiB }: { readonly cpuMillis: number; readonly memoryMiB: number },
  { replicas, priorityClassName }: { readonly replicas: number; readonly priorityClassName?: string | undefined },
): Values {
  return {
    name,
    replicaCount: replicas,
    autoscaling: { enabled: false },
    strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    podDisruptionBudget: { minAvailable: 1 },
    imagePullPolicy: "IfNotPresent",
    resources: {
      requests: { cpu: `${cpuMillis}m`, memory: `${memoryMiB}Mi` },
      limits: { cpu: `${Math.max(1000, 2 * cpuMillis)}m`, memory: `${memoryMiB}Mi` },
    },
    securityContext: {
      ...seccomp,
      runAsNonRoot: true,
      runAsUser: userId,
      runAsGroup: userId,
      // Ports below 1024, for a process without rights.
      sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: "0" }],
    },
    topologySpreadConstraints: softSpread({ app: name }),
    ...(priorityClassName !== undefined && { priorityClassName }),
  };
}

function proxyResources({ cpuMillis, cpuLimitMillis, memoryMiB, memoryLimitMiB }: ProxyResources): Values {
  return {
    requests: { cpu: `${cpuMillis}m`, memory: `${memoryMiB}Mi` },
    limits: { cpu: `${cpuLimitMillis}m`, memory: `${memoryLimitMiB}Mi` },
  };
}

function softSpread(labels: Readonly<Record<string, string>>): Values[] {
  return ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: labels },
  }));
}
