import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { prometheusConfig, prometheusPort, retentionSize, ruleFileEnding } from "../plan/prometheus.ts";
import { exposure, type ExposureArgs } from "../platform/exposure.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";

export interface PrometheusArgs {
  readonly namespace: pulumi.Input<string>;
  readonly image: pulumi.Input<string>;
  /** Namespace whose services are scraped. */
  readonly appsNamespace: pulumi.Input<string>;
  /** Values of the Service label apptype that are scraped. @default business, as in the sample app */
  readonly appTypes?: readonly string[];
  /** Servers, each with a volume and all the series of its own. @default 1 */
  readonly replicas?: pulumi.Input<number>;
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
  /** Rule files by name: recording rules and alerts. A change is read without a restart. @default none */
  readonly rules?: Readonly<Record<string, string>>;
  /** How it is reached from outside the cluster; undefined: not at all. */
  readonly expose?: ExposureArgs | undefined;
  /** Whether POST /-/reload and /-/quit answer. A changed configuration is read without it. @default false */
  readonly lifecycle?: boolean;
  /** Thousandths of a core that are set aside. @default 100 */
  readonly cpuMillis?: number;
  /** Memory that is set aside, and at which the server is killed. @default 512 */
  readonly memoryMiB?: number;
}

/** User `nobody` of the official image. */
const userId = 65_534;
const selector = { app: "prometheus-server" };
/** Seconds that the replay of a long write-ahead log may take. */
const startupSeconds = 600;
const startupPeriodSeconds = 2;

/** Prometheus with its own volume, its discovery of the services of one namespace and no rights elsewhere. */
export class Prometheus extends pulumi.ComponentResource {
  readonly service: k8s.core.v1.Service;
  readonly statefulSet: k8s.apps.v1.StatefulSet;

  constructor(name: string, args: PrometheusArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:Prometheus", name, {}, opts);
    this.statefulSet = this.serveSeries(name, args);
    this.service = this.expose(name, args);
    this.registerOutputs({});
  }

  private serveSeries(name: string, args: PrometheusArgs): k8s.apps.v1.StatefulSet {
    const { namespace } = args;
    const parent = { parent: this };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata: { name, namespace, labels: selector }, automountServiceAccountToken: false },
      parent,
    );
    const binding = this.grant(name, args, account.metadata.name);
    const config = new k8s.core.v1.ConfigMap(
      `${name}-config`,
      {
        metadata: { name: `${name}-config`, namespace, labels: selector },
        data: { "prometheus.yml": this.configuration(args) },
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
          replicas: args.replicas ?? 1,
          serviceName: peers.metadata.name,
          podManagementPolicy: "Parallel",
          selector: { matchLabels: selector },
          template: {
            metadata: { labels: selector },
            spec: podSpec(args, account.metadata.name, [config.metadata.name, rules.metadata.name]),
          },
          ...volumes(args),
        },
      },
      { parent: this, dependsOn: [binding] },
    );
  }

  private expose(name: string, args: PrometheusArgs): k8s.core.v1.Service {
    const { annotations, ...spec } = exposure(args.expose);
    const port = args.expose?.port ?? prometheusPort;
    return new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata: { ...(annotations && { annotations }), name, namespace: args.namespace, labels: selector },
        spec: {
          ...spec,
          selector,
          // Replicas hold slightly different samples: one reader stays with one of them.
          sessionAffinity: "ClientIP",
          ports: [{ name: "web", protocol: "TCP", port, targetPort: "web" }],
        },
      },
      { parent: this },
    );
  }

  private configuration(args: PrometheusArgs): pulumi.Output<string> {
    return pulumi.output(args.appsNamespace).apply((namespace) =>
      prometheusConfig({
        namespace,
        appTypes: args.appTypes ?? ["business"],
        scrapeIntervalSeconds: args.scrapeIntervalSeconds ?? 15,
      }),
    );
  }

  /** Leave to look up targets, in the namespace of the services alone. */
  private grant(name: string, args: PrometheusArgs, account: pulumi.Output<string>): k8s.rbac.v1.RoleBinding {
    const verbs = ["get", "list", "watch"];
    const metadata = { name, namespace: args.appsNamespace, labels: selector };
    const role = new k8s.rbac.v1.Role(
      `${name}-role`,
      {
        metadata,
        rules: [
          { apiGroups: [""], resources: ["services", "pods"], verbs },
          { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs },
        ],
      },
      { parent: this },
    );
    return new k8s.rbac.v1.RoleBinding(
      `${name}-binding`,
      {
        metadata,
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
        subjects: [{ kind: "ServiceAccount", name: account, namespace: args.namespace }],
      },
      { parent: this },
    );
  }
}

function ruleFiles(rules: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(rules).map(([file, text]) => [`${file}${ruleFileEnding}`, text]));
}

function volumes(
  args: PrometheusArgs,
): Pick<k8s.types.input.apps.v1.StatefulSetSpec, "persistentVolumeClaimRetentionPolicy" | "volumeClaimTemplates"> {
  return {
    persistentVolumeClaimRetentionPolicy: {
      whenDeleted: (args.retainVolumes ?? true) ? "Retain" : "Delete",
      whenScaled: "Retain",
    },
    volumeClaimTemplates: [
      {
        metadata: { name: "data", labels: selector },
        spec: {
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage: `${args.storageGiB ?? 10}Gi` } },
          ...(args.storageClassName === undefined ? {} : { storageClassName: args.storageClassName }),
        },
      },
    ],
  };
}

function podSpec(
  args: PrometheusArgs,
  account: pulumi.Output<string>,
  files: readonly pulumi.Output<string>[],
): k8s.types.input.core.v1.PodSpec {
  const memory = `${args.memoryMiB ?? 512}Mi`;
  const cpuMillis = args.cpuMillis ?? 100;
  const get = (path: string) => ({ httpGet: { path, port: "web" }, timeoutSeconds: 3 });
  return {
    serviceAccountName: account,
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    securityContext: restrictedPod(userId),
    // Time to write the head block down, so that a restart has little to replay.
    terminationGracePeriodSeconds: 120,
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: selector },
      },
    ],
    containers: [
      {
        name: "prometheus",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        args: [
          "--config.file=/etc/prometheus/prometheus.yml",
          "--storage.tsdb.path=/prometheus",
          `--storage.tsdb.retention.time=${args.retentionDays ?? 15}d`,
          `--storage.tsdb.retention.size=${retentionSize(args.storageGiB ?? 10)}`,
          "--enable-feature=auto-reload-config",
          "--config.auto-reload-interval=15s",
          ...(args.lifecycle ? ["--web.enable-lifecycle"] : []),
        ],
        ports: [{ name: "web", containerPort: prometheusPort, protocol: "TCP" }],
        startupProbe: {
          ...get("/-/ready"),
          periodSeconds: startupPeriodSeconds,
          failureThreshold: startupSeconds / startupPeriodSeconds,
        },
        readinessProbe: { ...get("/-/ready"), periodSeconds: 5, failureThreshold: 3 },
        livenessProbe: { ...get("/-/healthy"), periodSeconds: 10, failureThreshold: 6 },
        resources: {
          requests: { cpu: `${cpuMillis}m`, memory, "ephemeral-storage": "64Mi" },
          limits: { cpu: `${Math.max(1000, 2 * cpuMillis)}m`, memory, "ephemeral-storage": "256Mi" },
        },
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "config", mountPath: "/etc/prometheus", readOnly: true },
          { name: "data", mountPath: "/prometheus" },
        ],
      },
    ],
    volumes: [{ name: "config", projected: { sources: files.map((name) => ({ configMap: { name } })) } }],
  };
}
