import { monitoringPorts } from "../connections/monitoring-parts.ts";
import type { DashboardFolder, DatasourceUid } from "./dashboards.ts";
import { grafanaRole, type SignInSettings } from "./sign-in.ts";
import { type PartTls, tlsFiles } from "./tls.ts";

/** Secrets that are made in the cluster: the first password of the user `admin`, and what the database encrypts by. */
export const grafanaAdminSecret = { name: "grafana-admin", key: "admin-password" } as const;
export const grafanaEncryptionSecret = { name: "grafana-encryption", key: "secret-key" } as const;

/** Folders of Grafana's container. */
export const grafanaPaths = {
  config: "/etc/grafana",
  secrets: "/etc/grafana-secrets",
  dashboards: "/etc/grafana-dashboards",
  data: "/var/lib/grafana",
} as const;
/** File of the secrets' folder with the sign-in's client secret. */
export const clientSecretFile = "client-secret";

/** Seconds after which a changed file is a changed dashboard. */
const dashboardSeconds = 15;
const orgId = 1;

/** What Grafana's configuration comes from. */
export interface GrafanaSettings {
  /** URL that people reach it by; undefined: by `kubectl port-forward`. */
  readonly url?: string | undefined;
  readonly anonymousViewers: boolean;
  readonly signIn?: SignInSettings | undefined;
  /** URLs of the datasources that the stack has. */
  readonly datasources: Readonly<Partial<Record<DatasourceUid, string>>>;
  /** Seconds between two scrapes: no rate is asked for over less than four of them. */
  readonly scrapeIntervalSeconds: number;
  readonly folders: readonly DashboardFolder[];
  /** By what it speaks TLS; undefined: not at all. */
  readonly tls?: PartTls | undefined;
}

type Section = Readonly<Record<string, string | number | boolean | undefined>>;

/** Files of `/etc/grafana`, by path. They hold no secret: those are read from files beside them. */
export function grafanaFiles(settings: GrafanaSettings): Record<string, string> {
  return {
    "grafana.ini": grafanaIni(settings),
    // JSON is YAML.
    "provisioning/datasources/datasources.yaml": `${JSON.stringify(datasources(settings), null, 2)}\n`,
    "provisioning/dashboards/dashboards.yaml": `${JSON.stringify(providers(settings), null, 2)}\n`,
  };
}

function grafanaIni({ url, anonymousViewers, signIn, tls }: GrafanaSettings): string {
  const secure = url?.startsWith("https://") ?? false;
  const fromFile = (name: string) => `$__file{${grafanaPaths.secrets}/${name}}`;
  const sections: Record<string, Section> = {
    paths: { data: grafanaPaths.data, provisioning: `${grafanaPaths.config}/provisioning` },
    server: {
      http_port: monitoringPorts.grafana,
      root_url: url && `${url}/`,
      ...(tls?.serves === true && {
        protocol: "https",
        cert_file: tlsFiles.certificate,
        cert_key: tlsFiles.key,
        // A renewed one is taken over without a restart.
        certs_watch_interval: "1m",
      }),
    },
    database: { type: "sqlite3", wal: true },
    security: {
      admin_user: "admin",
      admin_password: fromFile(grafanaAdminSecret.key),
      secret_key: fromFile(grafanaEncryptionSecret.key),
      cookie_secure: secure,
      cookie_samesite: "lax",
      strict_transport_security: secure,
      disable_gravatar: true,
    },
    users: { allow_sign_up: false, allow_org_create: false, auto_assign_org: true, auto_assign_org_role: "Viewer" },
    "auth.anonymous": { enabled: anonymousViewers, org_role: "Viewer", hide_version: true },
    ...(signIn && { "auth.generic_oauth": oauth(signIn, fromFile(clientSecretFile)) }),
    analytics: {
      reporting_enabled: false,
      check_for_updates: false,
      check_for_plugin_updates: false,
      feedback_links_enabled: false,
    },
    news: { news_feed_enabled: false },
    // What is not in the image would be fetched from outside.
    plugins: { preinstall_disabled: true, plugin_admin_enabled: false, public_key_retrieval_disabled: true },
    snapshots: { enabled: false, external_enabled: false },
    public_dashboards: { enabled: false },
    metrics: { enabled: true },
    log: { mode: "console" },
    "log.console": { format: "json" },
  };
  return Object.entries(sections)
    .map(([name, section]) => `[${name}]\n${lines(section)}\n`)
    .join("\n");
}

function lines(section: Section): string {
  return Object.entries(section)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key} = ${value}`]))
    .join("\n");
}

function oauth(signIn: SignInSettings, clientSecret: string): Section {
  return {
    enabled: true,
    name: "Single sign-on",
    allow_sign_up: true,
    client_id: signIn.clientId,
    client_secret: clientSecret,
    scopes: signIn.scopes.join(" "),
    auth_url: signIn.authUrl,
    token_url: signIn.tokenUrl,
    api_url: signIn.apiUrl,
    use_pkce: true,
    role_attribute_path: grafanaRole(signIn),
    // Whoever has none of the roles stays outside.
    role_attribute_strict: signIn.groups.length > 0,
    tls_client_ca: signIn.caCertificate && `${grafanaPaths.config}/ca.crt`,
  };
}

function datasources({ datasources: urls, scrapeIntervalSeconds }: GrafanaSettings): object {
  const has = (uid: DatasourceUid) => urls[uid] !== undefined;
  const all: Record<DatasourceUid, { readonly name: string; readonly jsonData: object }> = {
    prometheus: {
      name: "Prometheus",
      jsonData: {
        httpMethod: "POST",
        prometheusType: "Prometheus",
        timeInterval: `${scrapeIntervalSeconds}s`,
        ...(has("alertmanager") && { alertmanagerUid: "alertmanager" }),
      },
    },
    loki: { name: "Loki", jsonData: { maxLines: 1000, ...(has("zipkin") && { derivedFields: tracesOfLogs }) } },
    zipkin: { name: "Zipkin", jsonData: { nodeGraph: { enabled: true }, ...(has("loki") && logsOfTraces) } },
    alertmanager: {
      name: "Alertmanager",
      jsonData: { implementation: "prometheus", handleGrafanaManagedAlerts: false },
    },
  };
  return {
    apiVersion: 1,
    // One that is no longer here is taken away.
    prune: true,
    datasources: Object.entries(all)
      .filter(([uid]) => has(uid as DatasourceUid))
      .map(([uid, { name, jsonData }]) => ({
        name,
        uid,
        type: uid,
        orgId,
        access: "proxy",
        url: urls[uid as DatasourceUid],
        isDefault: uid === "prometheus",
        editable: false,
        ...(urls[uid as DatasourceUid]?.startsWith("https://") === true
          ? {
              jsonData: { ...jsonData, tlsAuthWithCACert: true },
              secureJsonData: { tlsCACert: `$__file{${tlsFiles.authority}}` },
            }
          : { jsonData }),
      })),
  };
}

/** From a log line to its trace, by the id that the collector found in the line. */
const tracesOfLogs = [
  {
    name: "Trace",
    matcherType: "label",
    matcherRegex: "trace_id",
    datasourceUid: "zipkin",
    url: "$${__value.raw}",
    urlDisplayLabel: "Show trace",
  },
];

/** From a trace to all lines with its id, some minutes around it. */
const logsOfTraces = {
  tracesToLogsV2: {
    datasourceUid: "loki",
    spanStartTimeShift: "-10m",
    spanEndTimeShift: "10m",
    customQuery: true,
    query: '{source=~".+"} | trace_id="$${__trace.traceId}"',
  },
};

function providers({ folders }: GrafanaSettings): object {
  return {
    apiVersion: 1,
    providers: folders.map(({ folder, title }) => ({
      name: folder,
      orgId,
      folder: title,
      folderUid: folder,
      type: "file",
      disableDeletion: false,
      allowUiUpdates: false,
      updateIntervalSeconds: dashboardSeconds,
      options: { path: `${grafanaPaths.dashboards}/${folder}` },
    })),
  };
}
