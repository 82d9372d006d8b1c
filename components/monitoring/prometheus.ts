import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import {
  podNameVariable,
  prometheusConfig,
  prometheusPort,
  retentionSize,
  ruleFileEnding,
} from "../plan/monitoring/prometheus.ts";
import type { ScrapeJob } from "../plan/monitoring/scrape-job.ts";
import { meshCertificates } from "../plan/monitoring/mesh-jobs.ts";
import { clientConfig, clientConfigFile, type PartTls, webConfig, webConfigFile } from "../plan/monitoring/tls.ts";
import { planSpread, type PodHost } from "../plan/workload/spread.ts";
import { containerResources } from "../platform/container-resources.ts";
import { dataVolume } from "../platform/data-volume.ts";
import type { ExposureArgs } from "../platform/exposure.ts";
import { podBudget } from "../platform/pod-budget.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";
import { publicService } from "./public-service.ts";
import { scrapeGrants } from "./scrape-grants.ts";
import { probeScheme, tlsVolume } from "./tls-files.ts";

export interface PrometheusArgs {
  readonly namespace: pulumi.Input<string>;
  readonly image: pulumi.Input<string>;
  /** What is scraped; its rights to look targets up follow from it. */
  readonly jobs: readonly ScrapeJob[];
  /** Namespaces of the stack that targets are looked up in, by purpose: their names in `jobs`, and as they are known once there. */
  readonly places?: Readonly<Record<string, { readonly name: string; readonly namespace: pulumi.Input<string> }>>;
  /** Labels of all that leaves it: which cluster and which stack it is about. @default none */
  readonly externalLabels?: Readonly<Record<string, string>>;
  /** host:port of each Alertmanager that is told of alerts. @default none */
  readonly alertmanagers?: readonly string[];
  /** Servers, each with a volume and all the series of its own. @default 1 */
  readonly replicas?: number;
  /** Hosts that take pods. @default not known */
  readonly hosts?: readonly PodHost[] | undefined;
  readonly priorityClassName?: pulumi.Input<string> | undefined;
  /** Days that series are kept, if the volume holds them. @default 15 (Prometheus' own) */
  readonly retentionDays?: number;
  /** Size of each server's volume. A change replaces the StatefulSet; volumes that exist keep their size. @default 10 */
  readonly storageGiB?: number;
  /** StorageClass of the volumes. @default the cluster's default class */
  readonly storageClassName?: pulumi.Input<string> | undefined;
  /** Whether volumes outlive the StatefulSet. @default true */
  readonly retainVolumes?: boolean;
  /** Seconds between two scrapes of a target, 1 to 120. @default 15 */
  readonly scrapeIntervalSeconds?: number;
  /** Samples that one target may give in a scrape; one with more is not taken at all. @default 20000 */
  readonly samplesPerTarget?: number;
  /** Rule files by name: recording rules and alerts. A change is read without a restart. @default none */
  readonly rules?: Readonly<Record<string, string>>;
  /** How it is reached from outside the cluster; undefined: not at all. */
  readonly expose?: ExposureArgs | undefined;
  /** Where people reach it: links in alerts lead there. @default the pod's name, which leads nowhere */
  readonly externalUrl?: string | undefined;
  /** Whether POST /-/reload and /-/quit answer. A changed configuration is read without it. @default false */
  readonly lifecycle?: boolean;
  /** Thousandths of a core that are set aside. @default 100 */
  readonly cpuMillis?: number;
  /** Memory that is set aside, and at which the server is killed. @default 1024 (of five hosts and 100 pods of services) */
  readonly memoryMiB?: number;
  /** By what it speaks TLS with the other parts. @default plain HTTP */
  readonly tls?: PartTls | undefined;
  /**
   * Labels by which the pods get a proxy of the mesh beside them. It takes none of their traffic; it keeps a certificate of the mesh
   * up to date, by which Prometheus scrapes what refuses plain text. @default none
   */
  readonly proxyLabels?: Readonly<Record<string, string>> | undefined;
}

/** User `nobody` of the official image. */
const userId = 65_534;
const selector = { app: "prometheus-server" };
/** Where the proxy writes its certificate, in its own container. */
const proxyCertificates = "/etc/istio-output-certs";
/** Seconds that the replay of a long write-ahead log may take. */
const startupSeconds = 600;
const startupPeriodSeconds = 2;

/**
 * Prometheus with its own volume, and with no more rights than its jobs need: to look targets up in the namespaces that they name,
 * and to read metrics of what asks who wants them.
 *
 * Replicas know nothing of each other: each scrapes everything, so that either can be lost.
 */
export class Prometheus extends pulumi.ComponentResource {
  /** Reached inside the cluster, at Prometheus' own port. */
  readonly service: k8s.core.v1.Service;
  readonly statefulSet: k8s.apps.v1.StatefulSet;

  constructor(name: string, args: PrometheusArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:Prometheus", name, {}, opts);
    this.statefulSet = this.serveSeries(name, args);
    this.service = this.answer(name, args);
    if (withDefaults(args).replicas > 1)
      podBudget(`${name}-budget`, { name, namespace: args.namespace, labels: selector }, { parent: this });
    this.registerOutputs({});
  }

  private serveSeries(name: string, args: PrometheusArgs): k8s.apps.v1.StatefulSet {
    const { namespace, replicas, storageGiB } = withDefaults(args);
    const parent = { parent: this };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata: { name, namespace, labels: selector }, automountServiceAccountToken: false },
      parent,
    );
    const { jobs, places = {} } = args;
    const grants = scrapeGrants(
      name,
      { jobs, places, namespace, account: account.metadata.name, labels: selector },
      parent,
    );
    const config = new k8s.core.v1.ConfigMap(
      `${name}-config`,
      {
        metadata: { name: `${name}-config`, namespace, labels: selector },
        data: {
          "prometheus.yml": configuration(args),
          ...(args.tls && { [webConfigFile]: webConfig, [clientConfigFile]: clientConfig }),
        },
      },
      parent,
    );
    const rules = new k8s.core.v1.ConfigMap(
      `${name}-rules`,
      { metadata: { name: `${name}-rules`, namespace, labels: selector }, data: ruleFiles(args.rules ?? {}) },
      parent,
    );
    const peers = new k8s.core.v1.Service(
      `${name}-peers`,
      {
        metadata: { name: `${name}-peers`, namespace, labels: selector },
        spec: { clusterIP: "None", selector, ports: [{ name: "web", port: prometheusPort, targetPort: "web" }] },
      },
      parent,
    );
    return new k8s.apps.v1.StatefulSet(
      `${name}-server`,
      {
        metadata: { name, namespace, labels: selector },
        spec: {
          replicas,
          serviceName: peers.metadata.name,
          podManagementPolicy: "Parallel",
          selector: { matchLabels: selector },
          template: {
            metadata: podMetadata(args),
            spec: podSpec(args, account.metadata.name, [config.metadata.name, rules.metadata.name]),
          },
          ...dataVolume({ ...args, labels: selector, storageGiB, retain: args.retainVolumes }),
        },
      },
      { parent: this, dependsOn: grants },
    );
  }

  /** Inside callers have a Service of their own: the other one's port is for people to choose. */
  private answer(name: string, { namespace, expose }: PrometheusArgs): k8s.core.v1.Service {
    const parent = { parent: this };
    const metadata = { name, namespace, labels: selector };
    // Replicas scrape at different moments, and one that was away has a gap: sent now to one and now to the other, a reader
    // would see graphs jump. It stays with one for as long as that one is ready.
    const sessionAffinity = "ClientIP";
    if (expose !== undefined)
      publicService(`${name}-public`, { metadata, expose, port: "web", sessionAffinity }, parent);
    return new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata,
        spec: {
          type: "ClusterIP",
          selector,
          sessionAffinity,
          ports: [{ name: "web", protocol: "TCP", port: prometheusPort, targetPort: "web" }],
        },
      },
      parent,
    );
  }
}

function withDefaults(args: PrometheusArgs) {
  return { ...partDefaults.prometheus, ...args };
}

function configuration(args: PrometheusArgs): string {
  const { jobs, scrapeIntervalSeconds, samplesPerTarget } = withDefaults(args);
  return prometheusConfig({
    jobs,
    scrapeIntervalSeconds,
    samplesPerTarget,
    externalLabels: args.externalLabels ?? {},
    alertmanagers: args.alertmanagers ?? [],
    tls: args.tls !== undefined,
  });
}

function ruleFiles(rules: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(rules).map(([file, text]) => [`${file}${ruleFileEnding}`, text]));
}

const certificatesVolume = "istio-certs";

function podMetadata({ proxyLabels = {} }: PrometheusArgs): k8s.types.input.meta.v1.ObjectMeta {
  if (Object.keys(proxyLabels).length === 0) return { labels: selector };
  return {
    labels: { ...selector, ...proxyLabels },
    annotations: {
      "traffic.sidecar.istio.io/includeInboundPorts": "",
      "traffic.sidecar.istio.io/includeOutboundIPRanges": "",
      "sidecar.istio.io/rewriteAppHTTPProbers": "false",
      "sidecar.istio.io/userVolumeMount": JSON.stringify({ [certificatesVolume]: { mountPath: proxyCertificates } }),
      "proxy.istio.io/config": JSON.stringify({ proxyMetadata: { OUTPUT_CERTS: proxyCertificates } }),
    },
  };
}

function podSpec(
  args: PrometheusArgs,
  account: pulumi.Output<string>,
  files: readonly pulumi.Output<string>[],
): k8s.types.input.core.v1.PodSpec {
  const { cpuMillis, memoryMiB, retentionDays, storageGiB } = withDefaults(args);
  const get = (path: string) => ({ httpGet: { path, port: "web", ...probeScheme(args.tls) }, timeoutSeconds: 3 });
  const tls = tlsVolume(args.tls);
  const meshed = Object.keys(args.proxyLabels ?? {}).length > 0;
  return {
    serviceAccountName: account,
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    securityContext: restrictedPod(userId),
    // Time to write the head block down, so that a restart has little to replay.
    terminationGracePeriodSeconds: 120,
    ...(args.priorityClassName === undefined ? {} : { priorityClassName: args.priorityClassName }),
    topologySpreadConstraints: spread(args),
    containers: [
      {
        name: "prometheus",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        args: [
          "--config.file=/etc/prometheus/prometheus.yml",
          "--storage.tsdb.path=/prometheus",
          `--storage.tsdb.retention.time=${retentionDays}d`,
          `--storage.tsdb.retention.size=${retentionSize(storageGiB)}`,
          "--enable-feature=auto-reload-config",
          "--config.auto-reload-interval=15s",
          ...(args.externalUrl === undefined ? [] : [`--web.external-url=${args.externalUrl}`, "--web.route-prefix=/"]),
          ...(args.lifecycle ? ["--web.enable-lifecycle"] : []),
          ...(args.tls ? [`--web.config.file=/etc/prometheus/${webConfigFile}`] : []),
        ],
        env: [{ name: podNameVariable, valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
        ports: [{ name: "web", containerPort: prometheusPort, protocol: "TCP" }],
        startupProbe: {
          ...get("/-/ready"),
          periodSeconds: startupPeriodSeconds,
          failureThreshold: startupSeconds / startupPeriodSeconds,
        },
        readinessProbe: { ...get("/-/ready"), periodSeconds: 5, failureThreshold: 3 },
        livenessProbe: { ...get("/-/healthy"), periodSeconds: 10, failureThreshold: 6 },
        resources: containerResources({ cpuMillis, memoryMiB, ephemeralMiB: 256 }),
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "config", mountPath: "/etc/prometheus", readOnly: true },
          { name: "data", mountPath: "/prometheus" },
          ...tls.mounts,
          ...(meshed ? [{ name: certificatesVolume, mountPath: meshCertificates, readOnly: true }] : []),
        ],
      },
    ],
    volumes: [
      { name: "config", projected: { sources: files.map((name) => ({ configMap: { name } })) } },
      ...tls.volumes,
      ...(meshed ? [{ name: certificatesVolume, emptyDir: { medium: "Memory", sizeLimit: "1Mi" } }] : []),
    ],
  };
}

/** Two on one host, or in one zone, would be lost together. */
function spread(args: PrometheusArgs): k8s.types.input.core.v1.TopologySpreadConstraint[] {
  const planned = planSpread(withDefaults(args).replicas, {}, args.hosts);
  return [
    ["kubernetes.io/hostname", planned.hosts] as const,
    ["topology.kubernetes.io/zone", planned.zones] as const,
  ].map(([topologyKey, spreading]) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: spreading === "hard" ? "DoNotSchedule" : "ScheduleAnyway",
    labelSelector: { matchLabels: selector },
  }));
}
