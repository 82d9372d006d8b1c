import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { monitoringPorts } from "../plan/connections/monitoring-parts.ts";
import { contentHash } from "../plan/hash.ts";
import { type DashboardFile, planDashboards } from "../plan/monitoring/dashboards.ts";
import {
  clientSecretFile,
  grafanaAdminSecret,
  grafanaEncryptionSecret,
  grafanaFiles,
  grafanaPaths,
  type GrafanaSettings,
} from "../plan/monitoring/grafana.ts";
import type { SignInSettings } from "../plan/monitoring/sign-in.ts";
import type { PartTls } from "../plan/monitoring/tls.ts";
import { dataVolume } from "../platform/data-volume.ts";
import type { ExposureArgs } from "../platform/exposure.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";
import { shownHash } from "../platform/shown-hash.ts";
import { publicService } from "./public-service.ts";
import { probeScheme, tlsVolume } from "./tls-files.ts";

export interface GrafanaArgs extends Omit<GrafanaSettings, "signIn" | "folders"> {
  /** Known once the Secrets `grafana-admin` and `grafana-encryption` are in it. */
  readonly namespace: pulumi.Input<string>;
  readonly image: pulumi.Input<string>;
  /** Taken as checked. A changed one is shown within a minute or two, without a restart. */
  readonly dashboards: readonly DashboardFile[];
  /** @default people sign in as `admin` alone */
  readonly signIn?: (SignInSettings & { readonly clientSecret: pulumi.Input<string> }) | undefined;
  /** Size of the volume with users, settings and dashboards made by hand. A volume that exists keeps its size. @default 1 */
  readonly storageGiB?: number;
  /** @default the cluster's default class */
  readonly storageClassName?: pulumi.Input<string> | undefined;
  /** Whether the volume outlives the StatefulSet. @default true */
  readonly retainVolume?: boolean;
  /** How it is reached from outside the cluster without an ingress. @default not at all */
  readonly expose?: ExposureArgs | undefined;
  readonly priorityClassName?: string | undefined;
  /** Thousandths of a core that are set aside. @default 100 */
  readonly cpuMillis?: number;
  /** Memory that is set aside, and at which it is killed. @default 512 (what Grafana recommends at least) */
  readonly memoryMiB?: number;
}

const selector = { app: "grafana" };
/** User of the official image. */
const userId = 472;
/** Migrations of its database after a new release, on a slow disk. */
const startupSeconds = 300;
const startupPeriodSeconds = 2;

/** Grafana with its database on a volume, and datasources and dashboards from files. */
export class Grafana extends pulumi.ComponentResource {
  readonly statefulSet: k8s.apps.v1.StatefulSet;
  /** For what is inside the cluster: port 3000. */
  readonly service: k8s.core.v1.Service;

  constructor(name: string, args: GrafanaArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:Grafana", name, {}, opts);
    const { namespace, signIn } = args;
    const metadata = { name: "grafana", namespace, labels: selector };
    const parent = { parent: this };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      parent,
    );
    const folders = planDashboards(args.dashboards);
    const files = { ...grafanaFiles({ ...args, folders }), ...caFile(signIn) };
    const config = new k8s.core.v1.ConfigMap(
      `${name}-config`,
      { metadata: { ...metadata, name: "grafana-config" }, data: byKey(files) },
      parent,
    );
    const client = signIn && this.client(name, namespace, signIn.clientSecret);
    const dashboards = folders.map(({ folder, configMaps }) => ({
      folder,
      names: configMaps.map(
        (map) =>
          new k8s.core.v1.ConfigMap(
            `${name}-${map.name}`,
            { metadata: { ...metadata, name: map.name }, data: map.data },
            parent,
          ).metadata.name,
      ),
    }));
    this.service = new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata,
        spec: { type: "ClusterIP", selector, ports: [{ ...servicePort, port: monitoringPorts.grafana }] },
      },
      parent,
    );
    if (args.expose !== undefined)
      publicService(`${name}-public`, { metadata, expose: args.expose, port: "http" }, parent);
    // It reads its settings once: others are another pod.
    const annotations = {
      "quorum.dev/config-hash": contentHash(files),
      ...(signIn && {
        "quorum.dev/client-hash": shownHash({ secret: signIn.clientSecret }, pulumi.interpolate`grafana/${namespace}`),
      }),
    };
    const volumes = podVolumes({
      config: config.metadata.name,
      files: Object.keys(files),
      client: client?.metadata.name,
      tls: args.tls,
      dashboards,
    });
    this.statefulSet = new k8s.apps.v1.StatefulSet(
      `${name}-server`,
      {
        metadata,
        spec: {
          replicas: 1,
          serviceName: this.service.metadata.name,
          selector: { matchLabels: selector },
          template: {
            metadata: { labels: selector, annotations },
            spec: podSpec(args, account.metadata.name, volumes),
          },
          ...dataVolume({ ...args, labels: selector, storageGiB: args.storageGiB ?? 1, retain: args.retainVolume }),
        },
      },
      parent,
    );
    this.registerOutputs({});
  }

  private client(name: string, namespace: pulumi.Input<string>, secret: pulumi.Input<string>): k8s.core.v1.Secret {
    return new k8s.core.v1.Secret(
      `${name}-sign-in`,
      {
        metadata: { name: "grafana-sign-in", namespace, labels: selector },
        stringData: { [clientSecretFile]: pulumi.secret(secret) },
      },
      { parent: this },
    );
  }
}

const servicePort = { name: "http", protocol: "TCP", targetPort: "http" };

function caFile(signIn: SignInSettings | undefined): Record<string, string> {
  return signIn?.caCertificate === undefined ? {} : { "ca.crt": signIn.caCertificate };
}

/** A key of a ConfigMap has no slash. */
function keyOf(path: string): string {
  return path.replaceAll("/", ".");
}

function byKey(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [keyOf(path), text]));
}

interface Mounted {
  readonly config: pulumi.Output<string>;
  /** Paths of the files in it. */
  readonly files: readonly string[];
  readonly client: pulumi.Output<string> | undefined;
  readonly tls: PartTls | undefined;
  readonly dashboards: readonly { readonly folder: string; readonly names: readonly pulumi.Output<string>[] }[];
}

interface Volumes {
  readonly volumes: k8s.types.input.core.v1.Volume[];
  readonly mounts: k8s.types.input.core.v1.VolumeMount[];
}

function podVolumes({ config, files, client, tls, dashboards }: Mounted): Volumes {
  const certificate = tlsVolume(tls);
  const secrets = [
    ...[grafanaAdminSecret, grafanaEncryptionSecret].map(({ name, key }) => ({
      secret: { name, items: [{ key, path: key }] },
    })),
    ...(client === undefined ? [] : [{ secret: { name: client } }]),
  ];
  return {
    volumes: [
      { name: "config", configMap: { name: config, items: files.map((path) => ({ key: keyOf(path), path })) } },
      { name: "secrets", projected: { defaultMode: 0o440, sources: secrets } },
      ...dashboards.map(({ folder, names }) => ({
        name: `dashboards-${folder}`,
        projected: { sources: names.map((name) => ({ configMap: { name } })) },
      })),
      { name: "tmp", emptyDir: { sizeLimit: "128Mi" } },
      ...certificate.volumes,
    ],
    mounts: [
      { name: "config", mountPath: grafanaPaths.config, readOnly: true },
      { name: "secrets", mountPath: grafanaPaths.secrets, readOnly: true },
      ...dashboards.map(({ folder }) => ({
        name: `dashboards-${folder}`,
        mountPath: `${grafanaPaths.dashboards}/${folder}`,
        readOnly: true,
      })),
      { name: "data", mountPath: grafanaPaths.data },
      { name: "tmp", mountPath: "/tmp" },
      ...certificate.mounts,
    ],
  };
}

function podSpec(
  args: GrafanaArgs,
  account: pulumi.Output<string>,
  { volumes, mounts }: Volumes,
): k8s.types.input.core.v1.PodSpec {
  const memory = `${args.memoryMiB ?? 512}Mi`;
  const cpuMillis = args.cpuMillis ?? 100;
  const get = (path: string) => ({ httpGet: { path, port: "http", ...probeScheme(args.tls) }, timeoutSeconds: 5 });
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(args.priorityClassName === undefined ? {} : { priorityClassName: args.priorityClassName }),
    securityContext: restrictedPod(userId),
    containers: [
      {
        name: "grafana",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        ports: [{ name: "http", containerPort: monitoringPorts.grafana, protocol: "TCP" }],
        startupProbe: {
          ...get("/api/health"),
          periodSeconds: startupPeriodSeconds,
          failureThreshold: startupSeconds / startupPeriodSeconds,
        },
        readinessProbe: { ...get("/login"), periodSeconds: 5, failureThreshold: 3 },
        livenessProbe: { ...get("/api/health"), periodSeconds: 10, failureThreshold: 6 },
        resources: {
          requests: { cpu: `${cpuMillis}m`, memory, "ephemeral-storage": "64Mi" },
          limits: { cpu: `${Math.max(1000, 2 * cpuMillis)}m`, memory, "ephemeral-storage": "256Mi" },
        },
        securityContext: restrictedContainer,
        volumeMounts: mounts,
      },
    ],
    volumes,
  };
}
