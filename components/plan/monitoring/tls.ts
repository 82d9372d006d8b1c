import {
  alertmanager,
  alertmanagerPeers,
  gateway,
  grafana,
  kubeStateMetrics,
  loki,
  nodeExporter,
} from "../connections/monitoring-parts.ts";
import type { Place } from "../connections/parties.ts";
import { partsBehindSignIn, type ProxiedNeeds } from "./sign-in.ts";

interface Present {
  readonly enabled: boolean;
}

/** What of a stack decides which certificates its monitoring has. */
export interface TlsNeeds {
  readonly monitoring: ProxiedNeeds & {
    readonly tls?: object | undefined;
    readonly grafana: Present & { readonly ingress?: object | undefined };
    readonly kubeStateMetrics: Present;
    readonly nodeExporter: Present;
    readonly loki: Present;
    readonly collector: { readonly agent: Present; readonly gateway: Present };
  };
  readonly namespaces: Readonly<Record<Place, string>>;
  readonly services: Readonly<Record<string, { readonly traces: boolean }>>;
}
type Monitoring = TlsNeeds["monitoring"];

/** Parts that serve with a certificate, and the names by which they are called. Zipkin has none: docs/monitoring.md says why. */
const servers = {
  prometheus: { place: "monitoring", service: "prometheus" },
  alertmanager: { place: "monitoring", service: alertmanager.app },
  grafana: { place: "monitoring", service: grafana.app },
  kubeStateMetrics: { place: "monitoring", service: kubeStateMetrics.app },
  loki: { place: "monitoring", service: loki.app },
  gateway: { place: "monitoring", service: gateway.app },
  nodeExporter: { place: "agents", service: nodeExporter.app },
} as const;
export type TlsServer = keyof typeof servers;
const serverNames = Object.keys(servers) as TlsServer[];

/** Parts that only call others. */
export type TlsClient = "logAgent" | "eventCollector" | "signInProxy";

/** The Secret by which a part speaks TLS with the others. */
export interface PartTls {
  readonly secretName: string;
  /** Whether it serves with the certificate in it; else it has the authority alone, to check the others by. */
  readonly serves: boolean;
}

/** Secret of a namespace whose pods only check others: of its certificate, nothing but the authority's is ever mounted. */
export const authoritySecret = "monitoring-authority";

/** Where a part finds its certificate, and the authority of all of them. */
export const tlsFolder = "/etc/tls";
export const tlsFiles = {
  certificate: `${tlsFolder}/tls.crt`,
  key: `${tlsFolder}/tls.key`,
  authority: `${tlsFolder}/ca.crt`,
} as const;

/** The configuration by which Prometheus' programs serve with their certificate, as they call the file. */
export const webConfigFile = "web.yml";
/** By what promtool and amtool in the same containers ask them, as the runbooks do. */
export const clientConfigFile = "client.yml";
export const clientConfig = `tls_config:\n  ca_file: ${tlsFiles.authority}\n`;
/** Where those find it that have no configuration beside it. */
export const webConfigFolder = "/etc/web";
export const webConfig = `tls_server_config:\n  cert_file: ${tlsFiles.certificate}\n  key_file: ${tlsFiles.key}\n`;

/** What a part has to speak TLS; undefined where the stack has no `tls`. */
export function partTls(
  name: TlsServer | TlsClient,
  monitoring: Pick<Monitoring, "tls" | "grafana">,
): PartTls | undefined {
  if (monitoring.tls === undefined) return undefined;
  return isServer(name) && serves(name, monitoring)
    ? { secretName: serverSecret(name), serves: true }
    : { secretName: authoritySecret, serves: false };
}

/** Whether a part is called by https. Ingress controllers speak plain HTTP with what is behind them. */
export function serves(name: TlsServer, { tls, grafana }: Pick<Monitoring, "tls" | "grafana">): boolean {
  return tls !== undefined && (name !== "grafana" || grafana.ingress === undefined);
}

/** The name in a part's certificate by which it is checked, whatever address it is called by. */
export function serverName(name: TlsServer, namespaces: TlsNeeds["namespaces"]): string {
  const { place, service } = servers[name];
  return `${service}.${namespaces[place]}.svc`;
}

/** A certificate that cert-manager is to make. */
export interface PlannedCertificate {
  readonly secretName: string;
  readonly place: Place;
  readonly dnsNames: readonly string[];
  readonly usages: readonly string[];
}

/** The certificates of a stack's monitoring; none without `tls`. */
export function planCertificates({ monitoring, namespaces, services }: TlsNeeds): PlannedCertificate[] {
  if (monitoring.tls === undefined) return [];
  const there = serverNames.filter((name) => isThere(name, monitoring) && serves(name, monitoring));
  const checking: readonly [Place, boolean][] = [
    ["apps", monitoring.collector.gateway.enabled && Object.values(services).some(({ traces }) => traces)],
    ["monitoring", onlyChecks(monitoring)],
    ["agents", monitoring.collector.agent.enabled],
  ];
  return [
    ...there.map((name) => ({
      secretName: serverSecret(name),
      place: servers[name].place,
      dnsNames: dnsNames(name, namespaces),
      // Members of Alertmanager's cluster are each other's clients.
      usages: [
        "digital signature",
        "key encipherment",
        "server auth",
        ...(name === "alertmanager" ? ["client auth"] : []),
      ],
    })),
    ...checking
      .filter(([, needed]) => needed)
      .map(([place]) => ({
        secretName: authoritySecret,
        place,
        dnsNames: [`${authoritySecret}.${namespaces[place]}.svc`],
        // Whoever had its key could pose as no part.
        usages: ["digital signature", "client auth"],
      })),
  ];
}

/** Secrets that are cert-manager's, for nothing else to have their names. */
export const tlsSecretNames: readonly string[] = [...serverNames.map(serverSecret), authoritySecret];

/** Whether a part that serves with a certificate is in the stack. */
export function isThere(name: TlsServer, monitoring: Monitoring): boolean {
  return name === "gateway" ? monitoring.collector.gateway.enabled : monitoring[name].enabled;
}

export function hasServer(monitoring: Monitoring): boolean {
  return serverNames.some((name) => isThere(name, monitoring));
}

/** Whether pods of the monitoring's namespace call others by https and serve nobody so. */
function onlyChecks(monitoring: Monitoring): boolean {
  return (
    monitoring.collector.agent.enabled ||
    (monitoring.grafana.enabled && !serves("grafana", monitoring)) ||
    partsBehindSignIn(monitoring).some((part) => part !== "zipkin")
  );
}

function dnsNames(name: TlsServer, namespaces: TlsNeeds["namespaces"]): string[] {
  const { place, service } = servers[name];
  const namespace = namespaces[place];
  return [
    service,
    `${service}.${namespace}`,
    `${service}.${namespace}.svc`,
    // Prometheus tells each member by its own name.
    ...(name === "alertmanager" ? [`*.${alertmanagerPeers}.${namespace}.svc`] : []),
    // By `kubectl port-forward`.
    "localhost",
  ];
}

/** Not `<service>-tls`, which is the Secret of the part's ingress. */
function serverSecret(name: TlsServer): string {
  return `${servers[name].service}-server-tls`;
}

/** Whether a name is that of a part that may serve with a certificate. */
export function isServer(name: string): name is TlsServer {
  return name in servers;
}
