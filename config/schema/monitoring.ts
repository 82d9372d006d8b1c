import { partDefaults as usual } from "../../components/plan/monitoring/part-defaults.ts";
import { expose, ingressAddress, outbound } from "./services.ts";
import { choice, dnsName, flag, integer, label, list, mapping, named, text } from "./shapes.ts";

const cpuMillis = ({ cpuMillis: given }: { readonly cpuMillis: number }) => integer(1, 256_000, given).default(given);
const memoryMiB = (least: number, { memoryMiB: given }: { readonly memoryMiB: number }) =>
  integer(least, 4_194_304, given).default(given);
const storageGiB = ({ storageGiB: given }: { readonly storageGiB: number }) => integer(1, 65_536, given).default(given);
/** Whether a part of the stack is there. @default true where the stack owns its cluster, false on a shared one */
const enabled = flag().optional();
const secret = text("a secret", "one made by `pulumi config set --secret --path`", /^\S[^\n]*$/, 65_536);
const httpUrl = text("an http or https URL", "https://alerts.example.com/hook", /^https?:\/\/\S+$|^unset:/, 2048);
const file = text("a file of this project", "rules/shop.yaml", /^(?!\/)(?!.*\.\.)[\w./*-]+$/, 255);

/** How people reach a part: by a port of its own, or through the ingress controller, where those without a sign-in of their own ask for one. */
const reached = { expose: expose.optional(), ingress: ingressAddress.optional() };

const prometheus = mapping({
  enabled: flag().default(true),
  /** Servers, each with a volume and all the series of its own. */
  replicas: integer(1, 5, 2).default(usual.prometheus.replicas),
  retentionDays: integer(1, 3650, 15).default(usual.prometheus.retentionDays),
  storageGiB: storageGiB(usual.prometheus),
  /** At most 2 minutes: Prometheus takes a series without a sample for 5 as gone, and one scrape may fail. */
  scrapeIntervalSeconds: integer(1, 120, 15).default(usual.prometheus.scrapeIntervalSeconds),
  /** Series that are planned for: storage and memory are checked against it, and an alert tells when there are more. @default estimated from what the stack runs */
  expectedSeries: integer(1000, 1_000_000_000, 50_000).optional(),
  /** Samples that one target may give in a scrape; a target with more is not taken at all, and an alert tells of it. */
  samplesPerTarget: integer(100, 10_000_000, 20_000).default(usual.prometheus.samplesPerTarget),
  /** Rule files of your own, beside those of data/rules. */
  rules: list(file, "rule files").default([]),
  ...reached,
  cpuMillis: cpuMillis(usual.prometheus),
  /** Checked against the series: enough by default for five hosts and 100 pods of services. */
  memoryMiB: memoryMiB(128, usual.prometheus),
  /** Whether POST /-/reload and /-/quit answer; a changed configuration is read without it too. */
  lifecycle: flag().default(false),
});

/** Exactly one of its keys says what it is. */
const receiver = mapping({
  webhook: mapping({
    url: httpUrl.optional(),
    /** `service/path` of this stack, in place of a URL. */
    call: text("service/path of this stack", "pager/alerts", /^[a-z][a-z0-9-]*\/\S*$/).optional(),
    /** Sent as `Authorization: Bearer`. */
    bearerToken: secret.optional(),
  }).optional(),
  email: mapping({
    to: text("an address", "oncall@example.com", /^[^\s@]+@[^\s@]+$/),
    from: text("an address", "alerts@example.com", /^[^\s@]+@[^\s@]+$/),
    smarthost: text("host:port", "smtp.example.com:587", /^[a-z0-9.-]+:\d{1,5}$/i),
    username: text("a user name", "alerts").optional(),
    password: secret.optional(),
  }).optional(),
  slack: mapping({
    /** Incoming webhook. */
    apiUrl: httpUrl,
    channel: text("a channel", "#alerts", /^[#@]\S+$/),
  }).optional(),
  pagerduty: mapping({
    /** Integration key of Events API v2. */
    routingKey: secret,
  }).optional(),
  /** Severities that it is told of. @default all */
  severities: list(choice(["critical", "warning", "info"]), "severities").optional(),
});

const alertmanager = mapping({
  enabled,
  /** Members of its cluster: they agree on what was sent. */
  replicas: integer(1, 5, 2).default(usual.alertmanager.replicas),
  storageGiB: storageGiB(usual.alertmanager),
  receivers: named(label("a receiver's name", "oncall"), receiver, "receivers, by name").default({}),
  /** Whether nobody need be told: for a cluster to try things on. Otherwise an owned cluster that is not local must have a receiver. */
  unattended: flag().default(false),
  /** Told of an alert that always fires: when it is no longer told, the monitoring itself is down. Exactly one of its keys. */
  deadMansSwitch: mapping({
    url: httpUrl.optional(),
    call: text("service/path of this stack", "pager/heartbeat", /^[a-z][a-z0-9-]*\/\S*$/).optional(),
    intervalSeconds: integer(10, 86_400, 60).default(60),
  }).optional(),
  /** Time for which alerts of one group are gathered before the first message. */
  groupWaitSeconds: integer(0, 3600, 30).default(usual.alertmanager.groupWaitSeconds),
  /** Least time between two messages on a group that changed. */
  groupIntervalSeconds: integer(1, 86_400, 300).default(usual.alertmanager.groupIntervalSeconds),
  /** Time after which a message on what still fires is sent again. */
  repeatHours: integer(1, 720, 12).default(usual.alertmanager.repeatHours),
  /** Where docs/runbooks is published, for the links in messages: put before a runbook's path. @default the path alone */
  runbooksUrl: httpUrl.optional(),
  /** What outside the cluster it may call. @default every address, at the ports of the receivers */
  outbound: list(outbound, "subnets and ports").optional(),
  ...reached,
  cpuMillis: cpuMillis(usual.alertmanager),
  memoryMiB: memoryMiB(32, usual.alertmanager),
});

const grafana = mapping({
  enabled,
  storageGiB: storageGiB(usual.grafana),
  /** Dashboards of your own, as Grafana exports them, beside those of data/dashboards. */
  dashboards: list(file, "dashboard files").default([]),
  /** Whether who is not signed in may look. */
  anonymousViewers: flag().default(false),
  ...reached,
  cpuMillis: cpuMillis(usual.grafana),
  /** What Grafana recommends at least. */
  memoryMiB: memoryMiB(64, usual.grafana),
});

const loki = mapping({
  enabled,
  retentionDays: integer(1, 3650, 14).default(usual.loki.retentionDays),
  /** Must hold the lines of all days: Loki takes nothing away before, and a full volume stops it. */
  storageGiB: storageGiB(usual.loki),
  /** Lines that are planned for, in MiB a day as they are written: the volume is checked against it. @default estimated from what the stack runs */
  expectedMiBPerDay: integer(1, 100_000_000, 2000).optional(),
  /** It has no page for people, who read logs in Grafana, and no sign-in for programs: so there is no ingress. */
  expose: expose.optional(),
  cpuMillis: cpuMillis(usual.loki),
  memoryMiB: memoryMiB(128, usual.loki),
});

const collector = mapping({
  /** What takes traces and logs from applications. */
  gateway: mapping({
    replicas: integer(1, 20, 2).default(usual.gateway.replicas),
    cpuMillis: cpuMillis(usual.gateway),
    memoryMiB: memoryMiB(64, usual.gateway),
  }).prefault({}),
  /** What reads the logs of each node's pods and of the node itself, and, once, the cluster's events; not on a shared platform. */
  agent: mapping({
    enabled,
    cpuMillis: cpuMillis(usual.logCollector),
    memoryMiB: memoryMiB(64, usual.logCollector),
  }).prefault({}),
  /** Regular expressions (RE2) of what is taken out of logs and traces, beside those that are always: tokens, passwords, keys, card numbers. */
  redact: list(text("a regular expression", "cust-[0-9]{8}"), "regular expressions").default([]),
  /** Part of the traces that is kept, in percent. */
  samplePercent: integer(0, 100, 100).default(usual.gateway.samplePercent),
});

const zipkin = mapping({
  enabled,
  /** Spans are kept in memory, the oldest dropped first, unless Elasticsearch keeps them. At about 3 KiB each. */
  maxSpans: integer(1000, 100_000_000, 50_000).default(usual.zipkin.maxSpans),
  elasticsearch: mapping({
    url: httpUrl,
    username: text("a user name", "zipkin").optional(),
    password: secret.optional(),
    outbound: outbound.optional(),
  }).optional(),
  ...reached,
  cpuMillis: cpuMillis(usual.zipkin),
  memoryMiB: memoryMiB(384, usual.zipkin),
});

/** Goes into files of several forms as it is: nothing that has a meaning of its own in one of them. */
const plainUrl = (example: string) =>
  text("an https URL without quotes, #, ; and $", example, /^https?:\/\/[^\s"'`#;$\\]+$/, 2048);
const group = text("a group of your identity provider", "team-shop", /^[^\s"'`#;$\\]+$/, 256);

/** Sign-in by OpenID Connect: Grafana's own, and a proxy in front of each part that has none and an ingress. */
const signIn = mapping({
  issuerUrl: plainUrl("https://id.example.com"),
  clientId: text("a client's id, without spaces, quotes, #, ; and $", "quorum", /^[^\s"'`#;$\\]+$/, 256),
  clientSecret: secret,
  /** The provider's authorization_endpoint, token_endpoint and userinfo_endpoint, which Grafana does not look up by itself. */
  authUrl: plainUrl("https://id.example.com/authorize").optional(),
  tokenUrl: plainUrl("https://id.example.com/token").optional(),
  apiUrl: plainUrl("https://id.example.com/userinfo").optional(),
  /** What is asked of the provider. Some tell groups only when they are asked for the scope `groups`. */
  scopes: list(text("a scope", "openid", /^[\w.:/-]+$/, 256), "scopes").default(["openid", "profile", "email"]),
  /** Groups that may look, by the claim `groups`. @default everybody who can sign in */
  groups: list(group, "group names").default([]),
  /** Groups that administer Grafana, and may look. */
  admins: list(group, "group names").default([]),
  /** Authority of the provider's certificate, in PEM form. @default those that the images bring */
  caCertificate: text(
    "a certificate in PEM form",
    "-----BEGIN CERTIFICATE-----…",
    /^-----BEGIN CERTIFICATE-----\n[\s\S]*-----END CERTIFICATE-----\s*$/,
    65_536,
  ).optional(),
  /** Pods of each proxy. */
  replicas: integer(1, 10, 2).default(1),
  outbound: outbound.optional(),
});

export const monitoringSchema = mapping({
  prometheus: prometheus.prefault({}),
  alertmanager: alertmanager.prefault({}),
  grafana: grafana.prefault({}),
  kubeStateMetrics: mapping({
    enabled,
    cpuMillis: cpuMillis(usual.kubeStateMetrics),
    memoryMiB: memoryMiB(32, usual.kubeStateMetrics),
  }).prefault({}),
  nodeExporter: mapping({
    enabled,
    cpuMillis: cpuMillis(usual.nodeExporter),
    memoryMiB: memoryMiB(16, usual.nodeExporter),
  }).prefault({}),
  metricsServer: mapping({
    /** @default true on a control plane of ours, false on another */
    enabled: flag().optional(),
    /** Whether kubelet certificates go unchecked: only where kubelets have none that the cluster signed. */
    kubeletInsecureTls: flag().default(false),
  }).prefault({}),
  loki: loki.prefault({}),
  collector: collector.prefault({}),
  zipkin: zipkin.prefault({}),
  signIn: signIn.optional(),
  /** Certificates by which the parts speak TLS with each other, made by cert-manager, which the cluster must have. */
  tls: mapping({ issuer: text("the name of a ClusterIssuer", "cluster-ca", dnsName, 253) }).optional(),
});
