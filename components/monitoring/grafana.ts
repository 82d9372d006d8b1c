import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { monitoringPorts } from "../plan/connections/monitoring-parts.ts";
import { contentHash } from "../plan/hash.ts";
import { type DashboardFile, planDashboards } from "../plan/monitoring/dashboards.ts";
import { clientSecretFile, grafanaFiles, type GrafanaSettings } from "../plan/monitoring/grafana.ts";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import type { SignInSettings } from "../plan/monitoring/sign-in.ts";
import { dataVolume } from "../platform/data-volume.ts";
import type { ExposureArgs } from "../platform/exposure.ts";
import { shownHash } from "../platform/shown-hash.ts";
import { filesByKey, grafanaPod } from "./grafana-pod.ts";
import { publicService } from "./public-service.ts";

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
/** Grafana with its database on a volume, and datasources and dashboards from files. */
export class Grafana extends pulumi.ComponentResource {
  readonly statefulSet: k8s.apps.v1.StatefulSet;
  /** For what is inside the cluster: port 3000. */
  readonly service: k8s.core.v1.Service;

  constructor(name: string, args: GrafanaArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:Grafana", name, {}, opts);
    const { namespace, signIn } = args;
    const metadata = { name: "grafana", namespace, labels: selector };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      { parent: this },
    );
    const folders = planDashboards(args.dashboards);
    const files = { ...grafanaFiles({ ...args, folders }), ...caFile(signIn) };
    const config = this.configMap(`${name}-config`, namespace, "grafana-config", filesByKey(files));
    const client = signIn && this.client(name, namespace, signIn.clientSecret);
    const dashboards = folders.map(({ folder, configMaps }) => ({
      folder,
      names: configMaps.map((map) => this.configMap(`${name}-${map.name}`, namespace, map.name, map.data)),
    }));
    this.service = this.answer(name, metadata, args.expose);
    const spec = grafanaPod(args, account.metadata.name, {
      config,
      files: Object.keys(files),
      client: client?.metadata.name,
      tls: args.tls,
      dashboards,
    });
    const template = { metadata: { labels: selector, annotations: annotations(files, namespace, signIn) }, spec };
    this.statefulSet = this.serve(name, metadata, args, template);
    this.registerOutputs({});
  }

  private configMap(
    resourceName: string,
    namespace: pulumi.Input<string>,
    name: string,
    data: Readonly<Record<string, string>>,
  ): pulumi.Output<string> {
    const metadata = { name, namespace, labels: selector };
    return new k8s.core.v1.ConfigMap(resourceName, { metadata, data }, { parent: this }).metadata.name;
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
  private answer(name: string, metadata: Metadata, expose: ExposureArgs | undefined): k8s.core.v1.Service {
    const parent = { parent: this };
    const service = new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata,
        spec: { type: "ClusterIP", selector, ports: [{ ...servicePort, port: monitoringPorts.grafana }] },
      },
      parent,
    );
    if (expose !== undefined) publicService(`${name}-public`, { metadata, expose, port: "http" }, parent);
    return service;
  }

  private serve(
    name: string,
    metadata: Metadata,
    args: GrafanaArgs,
    template: k8s.types.input.core.v1.PodTemplateSpec,
  ): k8s.apps.v1.StatefulSet {
    const { storageGiB } = { ...partDefaults.grafana, ...args };
    return new k8s.apps.v1.StatefulSet(
      `${name}-server`,
      {
        metadata,
        spec: {
          replicas: 1,
          serviceName: this.service.metadata.name,
          selector: { matchLabels: selector },
          template,
          ...dataVolume({ ...args, labels: selector, storageGiB, retain: args.retainVolume }),
        },
      },
      { parent: this },
    );
  }
}

interface Metadata {
  readonly name: string;
  readonly namespace: pulumi.Input<string>;
  readonly labels: typeof selector;
}

const servicePort = { name: "http", protocol: "TCP", targetPort: "http" };

function caFile(signIn: SignInSettings | undefined): Record<string, string> {
  return signIn?.caCertificate === undefined ? {} : { "ca.crt": signIn.caCertificate };
}

/** It reads its settings once: others are another pod. */
function annotations(
  files: Readonly<Record<string, string>>,
  namespace: pulumi.Input<string>,
  signIn: GrafanaArgs["signIn"],
): Record<string, pulumi.Input<string>> {
  return {
    "quorum.dev/config-hash": contentHash(files),
    ...(signIn && {
      "quorum.dev/client-hash": shownHash({ secret: signIn.clientSecret }, pulumi.interpolate`grafana/${namespace}`),
    }),
  };
}
