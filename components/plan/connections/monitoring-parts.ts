import type { ClusterNetwork } from "./cluster-network.ts";
import { type Connection, type Endpoint, type Graph, nobody, part, type Party, tcp } from "./parties.ts";
import { callsApiServer } from "./api-server.ts";

/** Ports of the containers of the monitoring. */
export const monitoringPorts = {
  prometheus: 9090,
  alertmanager: 9093,
  /** Alertmanagers among themselves, TCP and UDP. */
  alertmanagerCluster: 9094,
  grafana: 3000,
  /** Series on objects of the cluster, and on itself. */
  kubeStateMetrics: 8080,
  kubeStateMetricsOwn: 8081,
  nodeExporter: 9100,
  loki: 3100,
  otlpGrpc: 4317,
  otlpHttp: 4318,
  /** A collector's series on itself, and its health. */
  collectorMetrics: 8888,
  collectorHealth: 13_133,
  zipkin: 9411,
  signInProxy: 4180,
} as const;

/** Ports of hosts that are scraped: kubelet, controller-manager, scheduler, etcd, kube-proxy and node-exporter. */
export const nodePorts = {
  kubelet: 10_250,
  controllerManager: 10_257,
  scheduler: 10_259,
  etcd: 2381,
  kubeProxy: 10_249,
  nodeExporter: monitoringPorts.nodeExporter,
} as const;

const coreDnsMetricsPort = 9153;

export const prometheus = part("monitoring", "prometheus-server", "prometheus");
export const alertmanager = part("monitoring", "alertmanager");
export const grafana = part("monitoring", "grafana");
export const kubeStateMetrics = part("monitoring", "kube-state-metrics");
export const loki = part("monitoring", "loki");
export const gateway = part("monitoring", "otel-gateway");
export const zipkin = part("monitoring", "zipkin");
/** Reads the cluster's events, once for all nodes. */
export const eventCollector = part("monitoring", "otel-events");
/** Reads logs on every node; node-exporter, beside it, has the host's network, of which no policy knows. */
export const logAgent = part("agents", "otel-agent");
export const nodeExporter = part("agents", "node-exporter");

/** The parts of the monitoring, which have a sign-in proxy in front of them where they have no sign-in of their own. */
export const proxiedParts = ["prometheus", "alertmanager", "zipkin"] as const;
export type ProxiedPart = (typeof proxiedParts)[number];

/** The sign-in proxy of a part. */
export function signInProxy(name: ProxiedPart): Party {
  return part("monitoring", `${name}-sign-in`);
}

interface Outbound {
  readonly subnet: string;
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
}

interface Reached {
  readonly enabled: boolean;
  readonly expose?: object | undefined;
  readonly ingress?: object | undefined;
}

interface Present {
  readonly enabled: boolean;
}

/** What of the monitoring decides who talks to whom in it. */
export interface MonitoringConnections {
  readonly prometheus: Reached;
  readonly alertmanager: Reached & {
    readonly receivers: Readonly<Record<string, ReceiverCalls>>;
    readonly deadMansSwitch?: { readonly url?: unknown; readonly call?: string | undefined } | undefined;
    readonly outbound?: readonly Outbound[] | undefined;
  };
  readonly grafana: Reached;
  readonly kubeStateMetrics: Present;
  readonly nodeExporter: Present;
  readonly loki: Reached;
  readonly zipkin: Reached & {
    readonly elasticsearch?: { readonly url: string; readonly outbound?: Outbound | undefined } | undefined;
  };
  readonly collector: { readonly agent: Present; readonly gateway: Present };
  readonly signIn?: SignInCalls | undefined;
}

interface ReceiverCalls {
  /** With a URL that is no plain text, as it is secret, `outbound` has to say where it leads. */
  readonly webhook?: { readonly url?: unknown; readonly call?: string | undefined } | undefined;
  readonly email?: { readonly smarthost: string } | undefined;
  readonly slack?: object | undefined;
  readonly pagerduty?: object | undefined;
}

interface SignInCalls {
  readonly issuerUrl: string;
  readonly tokenUrl?: string | undefined;
  readonly apiUrl?: string | undefined;
  readonly outbound?: Outbound | undefined;
}

/** What of a stack decides who talks to whom in its monitoring. */
export interface MonitoringNeeds {
  readonly monitoring: MonitoringConnections;
  readonly platform: "owned" | "shared";
}

const outside: Endpoint = { kind: "outside" };
const key = "quorum:monitoring";
const anywhere = "0.0.0.0/0";

/**
 * Everything that the parts of the monitoring may reach, and who may reach them; whom Prometheus scrapes among the services,
 * and which services send traces and take alerts, is the services' own matter.
 *
 * @param controller pods through which the outside reaches what has an ingress
 */
export function monitoringPart(
  { monitoring, platform }: MonitoringNeeds,
  network: ClusterNetwork,
  controller: Endpoint,
): Graph {
  const { collector } = monitoring;
  const graphs = [
    monitoring.prometheus.enabled ? prometheusGraph(monitoring, platform, network) : nobody,
    monitoring.alertmanager.enabled ? alertmanagerGraph(monitoring) : nobody,
    monitoring.grafana.enabled ? grafanaGraph(monitoring) : nobody,
    monitoring.kubeStateMetrics.enabled
      ? {
          parties: [kubeStateMetrics],
          connections: callsApiServer(kubeStateMetrics, network, `${key}.kubeStateMetrics`),
        }
      : nobody,
    monitoring.nodeExporter.enabled ? { parties: [nodeExporter], connections: [] } : nobody,
    monitoring.loki.enabled ? { parties: [loki], connections: [] } : nobody,
    collector.gateway.enabled ? gatewayGraph(monitoring, network) : nobody,
    collector.agent.enabled ? agentGraph(monitoring, network) : nobody,
    monitoring.zipkin.enabled ? zipkinGraph(monitoring) : nobody,
    peopleGraph(monitoring, controller),
  ];
  return {
    parties: graphs.flatMap(({ parties }) => parties),
    connections: graphs.flatMap(({ connections }) => connections),
  };
}

function prometheusGraph(
  monitoring: MonitoringConnections,
  platform: "owned" | "shared",
  network: ClusterNetwork,
): Graph {
  const why = `${key}.prometheus`;
  const nodes: Endpoint = { kind: "nodes", addresses: network.nodes };
  const cluster =
    platform === "shared"
      ? []
      : [
          ...Object.values(nodePorts).map((port) => tcp(prometheus, nodes, port, why)),
          tcp(prometheus, { kind: "dns" }, coreDnsMetricsPort, why),
        ];
  const own: readonly [boolean, Party, readonly number[]][] = [
    [true, prometheus, [monitoringPorts.prometheus]],
    [monitoring.alertmanager.enabled, alertmanager, [monitoringPorts.alertmanager]],
    [monitoring.grafana.enabled, grafana, [monitoringPorts.grafana]],
    [
      monitoring.kubeStateMetrics.enabled,
      kubeStateMetrics,
      [monitoringPorts.kubeStateMetrics, monitoringPorts.kubeStateMetricsOwn],
    ],
    [monitoring.loki.enabled, loki, [monitoringPorts.loki]],
    [monitoring.collector.gateway.enabled, gateway, [monitoringPorts.collectorMetrics]],
    [monitoring.collector.agent.enabled, logAgent, [monitoringPorts.collectorMetrics]],
    [monitoring.collector.agent.enabled, eventCollector, [monitoringPorts.collectorMetrics]],
    [monitoring.zipkin.enabled, zipkin, [monitoringPorts.zipkin]],
  ];
  const scraped = own.flatMap(([there, party, ports]) =>
    there ? ports.map((port) => tcp(prometheus, party, port, why)) : [],
  );
  return { parties: [prometheus], connections: [...callsApiServer(prometheus, network, why), ...cluster, ...scraped] };
}

function alertmanagerGraph({ alertmanager: settings }: MonitoringConnections): Graph {
  const why = `${key}.alertmanager`;
  const port = monitoringPorts.alertmanagerCluster;
  const peers = (["TCP", "UDP"] as const).map((protocol): Connection => ({
    from: alertmanager,
    to: alertmanager,
    port,
    protocol,
    why: `${why}.replicas`,
  }));
  return {
    parties: [alertmanager],
    connections: [...peers, ...outboundOf(alertmanager, settings.outbound ?? receiverPorts(settings), why)],
  };
}

/** Where receivers outside of the stack are is not known, only at which ports. */
export function receiverPorts(
  settings: Pick<MonitoringConnections["alertmanager"], "receivers" | "deadMansSwitch">,
): Outbound[] {
  const urls = [
    settings.deadMansSwitch?.url,
    ...Object.values(settings.receivers).flatMap(({ webhook, slack, pagerduty }) => [
      webhook?.url,
      ...(slack || pagerduty ? ["https://"] : []),
    ]),
  ].filter((url) => typeof url === "string");
  const mail = Object.values(settings.receivers).flatMap(({ email }) => (email ? [smtpPort(email.smarthost)] : []));
  return [...new Set([...urls.map(portOf), ...mail])]
    .sort((a, b) => a - b)
    .map((port) => ({ subnet: anywhere, port, protocol: "TCP" }));
}

function smtpPort(smarthost: string): number {
  return Number(smarthost.slice(smarthost.lastIndexOf(":") + 1));
}

/** Port of a URL. What a render has in place of a secret one counts as https. */
export function portOf(url: string): number {
  const port = /^https?:\/\/[^/:]+:(\d+)/.exec(url)?.[1];
  if (port !== undefined) return Number(port);
  return url.startsWith("http://") ? 80 : 443;
}

function grafanaGraph(monitoring: MonitoringConnections): Graph {
  const why = `${key}.grafana`;
  const sources: readonly [Present, Party, number][] = [
    [monitoring.prometheus, prometheus, monitoringPorts.prometheus],
    [monitoring.alertmanager, alertmanager, monitoringPorts.alertmanager],
    [monitoring.loki, loki, monitoringPorts.loki],
    [monitoring.zipkin, zipkin, monitoringPorts.zipkin],
  ];
  return {
    parties: [grafana],
    connections: [
      ...sources.flatMap(([{ enabled }, party, port]) => (enabled ? [tcp(grafana, party, port, why)] : [])),
      ...signInCalls(grafana, monitoring),
    ],
  };
}

function signInCalls(from: Party, { signIn }: MonitoringConnections): Connection[] {
  if (signIn === undefined) return [];
  const { issuerUrl, tokenUrl, apiUrl, outbound } = signIn;
  const ports = new Set([issuerUrl, tokenUrl, apiUrl].filter((url) => url !== undefined).map(portOf));
  const provider = [...ports].map((port) => ({ subnet: anywhere, port, protocol: "TCP" as const }));
  return outboundOf(from, outbound === undefined ? provider : [outbound], `${key}.signIn`);
}

function gatewayGraph(monitoring: MonitoringConnections, network: ClusterNetwork): Graph {
  const why = `${key}.collector.gateway`;
  const sinks: readonly [Present, Party, number][] = [
    [monitoring.loki, loki, monitoringPorts.loki],
    [monitoring.zipkin, zipkin, monitoringPorts.zipkin],
  ];
  return {
    parties: [gateway],
    connections: [
      ...callsApiServer(gateway, network, why),
      ...sinks.flatMap(([{ enabled }, party, port]) => (enabled ? [tcp(gateway, party, port, why)] : [])),
    ],
  };
}

function agentGraph({ loki: store }: MonitoringConnections, network: ClusterNetwork): Graph {
  const why = `${key}.collector.agent`;
  const readers = [logAgent, eventCollector];
  return {
    parties: readers,
    connections: readers.flatMap((reader) => [
      ...callsApiServer(reader, network, why),
      ...(store.enabled ? [tcp(reader, loki, monitoringPorts.loki, why)] : []),
    ]),
  };
}

function zipkinGraph({ zipkin: settings }: MonitoringConnections): Graph {
  const { elasticsearch } = settings;
  if (elasticsearch === undefined) return { parties: [zipkin], connections: [] };
  const { url, outbound = { subnet: anywhere, port: portOf(url), protocol: "TCP" as const } } = elasticsearch;
  return { parties: [zipkin], connections: outboundOf(zipkin, [outbound], `${key}.zipkin.elasticsearch`) };
}

/** How people reach the parts that have pages or an API for them. */
function peopleGraph(monitoring: MonitoringConnections, controller: Endpoint): Graph {
  const parts: readonly [Reached, Party, number, ProxiedPart | undefined, string][] = [
    [monitoring.prometheus, prometheus, monitoringPorts.prometheus, "prometheus", "prometheus"],
    [monitoring.alertmanager, alertmanager, monitoringPorts.alertmanager, "alertmanager", "alertmanager"],
    [monitoring.grafana, grafana, monitoringPorts.grafana, undefined, "grafana"],
    [monitoring.loki, loki, monitoringPorts.loki, undefined, "loki"],
    [monitoring.zipkin, zipkin, monitoringPorts.zipkin, "zipkin", "zipkin"],
  ];
  const parties: Party[] = [];
  const connections: Connection[] = [];
  for (const [{ enabled, expose, ingress }, party, port, proxied, name] of parts) {
    if (!enabled) continue;
    if (expose !== undefined) connections.push(tcp(outside, party, port, `${key}.${name}.expose`));
    if (ingress === undefined) continue;
    const why = `${key}.${name}.ingress`;
    if (proxied === undefined || monitoring.signIn === undefined) {
      connections.push(tcp(controller, party, port, why));
      continue;
    }
    const proxy = signInProxy(proxied);
    parties.push(proxy);
    connections.push(
      tcp(controller, proxy, monitoringPorts.signInProxy, why),
      tcp(proxy, party, port, why),
      ...signInCalls(proxy, monitoring),
    );
  }
  return { parties, connections };
}

function outboundOf(from: Party, outbound: readonly Outbound[], why: string): Connection[] {
  return outbound.map(({ subnet, port, protocol }) => ({ from, to: { kind: "subnet", subnet }, port, protocol, why }));
}
