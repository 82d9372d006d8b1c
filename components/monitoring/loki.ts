import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { loki, monitoringPorts } from "../plan/connections/monitoring-parts.ts";
import { contentHash } from "../plan/hash.ts";
import { lokiConfig, lokiData } from "../plan/monitoring/loki.ts";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import type { PartTls } from "../plan/monitoring/tls.ts";
import { containerResources } from "../platform/container-resources.ts";
import { dataVolume } from "../platform/data-volume.ts";
import type { ExposureArgs } from "../platform/exposure.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";
import { goMemoryLimit } from "./go-memory-limit.ts";
import { publicService } from "./public-service.ts";
import { probeScheme, tlsVolume } from "./tls-files.ts";

export interface LokiArgs {
  readonly namespace: pulumi.Input<string>;
  readonly image: pulumi.Input<string>;
  /** Days that lines are kept. @default 14 */
  readonly retentionDays?: number;
  /** Size of its volume. A change replaces the StatefulSet; a volume that exists keeps its size. @default 10 */
  readonly storageGiB?: number;
  /** StorageClass of the volume. @default the cluster's default class */
  readonly storageClassName?: pulumi.Input<string> | undefined;
  /** Whether the volume outlives the StatefulSet. @default true */
  readonly retainVolume?: boolean;
  /** How it is reached from outside the cluster; undefined: not at all. */
  readonly expose?: ExposureArgs | undefined;
  readonly priorityClassName?: pulumi.Input<string> | undefined;
  /** Thousandths of a core that are set aside. @default 100 */
  readonly cpuMillis?: number;
  /** Memory that is set aside, and at which it is killed. @default 512 */
  readonly memoryMiB?: number;
  /** By what it speaks TLS with the other parts. @default plain HTTP */
  readonly tls?: PartTls | undefined;
}

const name = loki.app;
const selector = { app: name };
/** User of the official image. */
const userId = 10_001;
const configFolder = "/etc/loki";
/** Seconds that the replay of a long write-ahead log may take. */
const startupSeconds = 600;
const startupPeriodSeconds = 2;

/** Loki: the lines of pods, nodes and applications, and the cluster's events, on a volume of its own, for as many days as are said. */
export class Loki extends pulumi.ComponentResource {
  readonly statefulSet: k8s.apps.v1.StatefulSet;
  /** Reached inside the cluster, at Loki's own port. */
  readonly service: k8s.core.v1.Service;

  constructor(resourceName: string, args: LokiArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:Loki", resourceName, {}, opts);
    const { namespace, retentionDays, storageGiB, memoryMiB } = withDefaults(args);
    const parent = { parent: this };
    const metadata = { name, namespace, labels: selector };
    const account = new k8s.core.v1.ServiceAccount(
      `${resourceName}-account`,
      { metadata: { ...metadata, name: loki.account }, automountServiceAccountToken: false },
      parent,
    );
    const text = lokiConfig({ retentionDays, memoryMiB, tls: args.tls !== undefined });
    const config = new k8s.core.v1.ConfigMap(
      `${resourceName}-config`,
      { metadata, data: { "config.yaml": text } },
      parent,
    );
    const service = (suffix: string, serviceName: string, spec: k8s.types.input.core.v1.ServiceSpec) =>
      new k8s.core.v1.Service(
        `${resourceName}-${suffix}`,
        { metadata: { ...metadata, name: serviceName }, spec: { ...spec, selector } },
        parent,
      );
    const port = { name: "http", port: monitoringPorts.loki, protocol: "TCP", targetPort: "http" };
    const headless = service("headless", `${name}-headless`, { clusterIP: "None", ports: [port] });
    this.service = service("service", name, { type: "ClusterIP", ports: [port] });
    this.statefulSet = new k8s.apps.v1.StatefulSet(
      `${resourceName}-server`,
      {
        metadata,
        spec: {
          replicas: 1,
          serviceName: headless.metadata.name,
          selector: { matchLabels: selector },
          template: {
            // It reads its configuration once: another one is another pod.
            metadata: { labels: selector, annotations: { "quorum.dev/config-hash": contentHash({ text }) } },
            spec: podSpec(args, account.metadata.name, config.metadata.name),
          },
          ...dataVolume({ ...args, labels: selector, storageGiB, retain: args.retainVolume }),
        },
      },
      parent,
    );
    if (args.expose !== undefined)
      publicService(`${resourceName}-public`, { metadata, expose: args.expose, port: "http" }, parent);
    this.registerOutputs({});
  }
}

function withDefaults(args: LokiArgs) {
  return { ...partDefaults.loki, ...args };
}

function podSpec(
  args: LokiArgs,
  account: pulumi.Output<string>,
  config: pulumi.Output<string>,
): k8s.types.input.core.v1.PodSpec {
  const { cpuMillis, memoryMiB } = withDefaults(args);
  const get = (path: string) => ({ httpGet: { path, port: "http", ...probeScheme(args.tls) }, timeoutSeconds: 3 });
  const tls = tlsVolume(args.tls);
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(args.priorityClassName !== undefined && { priorityClassName: args.priorityClassName }),
    securityContext: restrictedPod(userId),
    // Time to write down what it has in memory, so that a restart has little to replay.
    terminationGracePeriodSeconds: 120,
    containers: [
      {
        name,
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        args: [`-config.file=${configFolder}/config.yaml`],
        env: [goMemoryLimit(memoryMiB)],
        ports: [{ name: "http", containerPort: monitoringPorts.loki, protocol: "TCP" }],
        startupProbe: {
          ...get("/ready"),
          periodSeconds: startupPeriodSeconds,
          failureThreshold: startupSeconds / startupPeriodSeconds,
        },
        readinessProbe: { ...get("/ready"), periodSeconds: 5, failureThreshold: 3 },
        // It answers this whatever its parts are doing: a slow volume is no reason to begin anew.
        livenessProbe: { ...get("/loki/api/v1/status/buildinfo"), periodSeconds: 10, failureThreshold: 6 },
        resources: containerResources({ cpuMillis, memoryMiB, ephemeralMiB: 64 }),
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "config", mountPath: configFolder, readOnly: true },
          { name: "data", mountPath: lokiData },
          ...tls.mounts,
        ],
      },
    ],
    volumes: [{ name: "config", configMap: { name: config } }, ...tls.volumes],
  };
}
