import { callsApiServer } from "./api-server.ts";
import type { ClusterNetwork } from "./cluster-network.ts";
import { exposedParts, partsBehindSignIn } from "../monitoring/sign-in.ts";
import {
  alertmanager,
  coreDnsMetricsPort,
  eventCollector,
  gateway,
  grafana,
  kubeStateMetrics,
  logAgent,
  loki,
  monitoringPorts,
  nodeExporter,
  nodePorts,
  prometheus,
  scrapedParts,
  signInProxy,
  zipkin,
} from "./monitoring-parts.ts";
import {
  type Connection,
  type Endpoint,
  type Graph,
  nobody,
  outboundOf,
  type OutboundSettings,
  type Party,
  tcp,
} from "./parties.ts";

interface Present {
  readonly enabled: boolean;
}

interface Reached extends Present {
  readonly expose?: object | undefined;
  readonly ingress?: object | undefined;
}

/** What of the monitoring decides who talks to whom in it. */
export interface MonitoringConnections {
  readonly prometheus: Reached;
  readonly alertmanager: Reached & {
    readonly receivers: Readonly<Record<string, ReceiverCalls>>;
    readonly deadMansSwitch?: { readonly url?: unknown; readonly call?: string | undefined } | undefined;
    readonly outbound?: readonly OutboundSettings[] | undefined;
  };
  readonly grafana: Reached;
  readonly kubeStateMetrics: Present;
  readonly nodeExporter: Present;
  readonly loki: Reached;
  readonly zipkin: Reached & {
    readonly elasticsearch?: { readonly url: string; readonly outbound?: OutboundSettings | undefined } | undefined;
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
  readonly outbound?: OutboundSettings | undefined;
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
    collector.gateway.enabled ? gatewayGraph(monitoring) : nobody,
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
          ...[...new Set([...Object.values(nodePorts), ...(network.metricsPorts ?? [])])].map((port) =>
            tcp(prometheus, nodes, port, why),
          ),
          tcp(prometheus, { kind: "dns" }, coreDnsMetricsPort, why),
        ];
  // node-exporter has the host's network: it is reached as the nodes are.
  const scraped = scrapedParts(monitoring)
    .filter(({ party }) => party !== nodeExporter)
    .map(({ party, port }) => tcp(prometheus, party, port, why));
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
): OutboundSettings[] {
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
  const { port, protocol } = URL.parse(url) ?? { port: "", protocol: "https:" };
  if (port !== "") return Number(port);
  return protocol === "http:" ? 80 : 443;
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

function gatewayGraph(monitoring: MonitoringConnections): Graph {
  const why = `${key}.collector.gateway`;
  const sinks: readonly [Present, Party, number][] = [
    [monitoring.loki, loki, monitoringPorts.loki],
    [monitoring.zipkin, zipkin, monitoringPorts.zipkin],
  ];
  return {
    parties: [gateway],
    connections: sinks.flatMap(([{ enabled }, party, port]) => (enabled ? [tcp(gateway, party, port, why)] : [])),
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
  const parties = { prometheus, alertmanager, grafana, loki, zipkin };
  const proxied: readonly string[] = partsBehindSignIn(monitoring);
  const proxies: Party[] = [];
  const connections: Connection[] = [];
  for (const name of exposedParts) {
    const [party, port, { enabled, expose, ingress }] = [parties[name], monitoringPorts[name], monitoring[name]];
    if (!enabled) continue;
    if (expose !== undefined) connections.push(tcp(outside, party, port, `${key}.${name}.expose`));
    if (ingress === undefined) continue;
    const why = `${key}.${name}.ingress`;
    if (!proxied.includes(name)) {
      connections.push(tcp(controller, party, port, why));
      continue;
    }
    const proxy = signInProxy(name);
    proxies.push(proxy);
    connections.push(
      tcp(controller, proxy, monitoringPorts.signInProxy, why),
      tcp(proxy, party, port, why),
      ...signInCalls(proxy, monitoring),
    );
  }
  return { parties: proxies, connections };
}
