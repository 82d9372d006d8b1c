import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { alertmanager, alertmanagerPeers, monitoringPorts } from "../plan/connections/monitoring-parts.ts";
import {
  alertmanagerConfig,
  alertmanagerFiles,
  linkTemplates,
  type MessageLinks,
  type Receiver,
} from "../plan/monitoring/alertmanager-config.ts";
import { clusterTlsConfig, clusterTlsFile } from "../plan/monitoring/alertmanager-tls.ts";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import { clientConfig, clientConfigFile, type PartTls, webConfig, webConfigFile } from "../plan/monitoring/tls.ts";
import { dataVolume } from "../platform/data-volume.ts";
import type { ExposureArgs } from "../platform/exposure.ts";
import { podBudget } from "../platform/pod-budget.ts";
import { shownHash } from "../platform/shown-hash.ts";
import { alertmanagerPod } from "./alertmanager-pod.ts";
import { publicService } from "./public-service.ts";

type Text = pulumi.Input<string>;
type Only<Kind extends keyof Receiver> = NonNullable<Receiver[Kind]>;

/** Somebody who is told of alerts: exactly one of webhook, email, slack and pagerduty. */
export interface ReceiverArgs extends Pick<Receiver, "severities"> {
  readonly webhook?: { readonly url: Text; readonly bearerToken?: Text | undefined } | undefined;
  readonly email?: (Omit<Only<"email">, "password"> & { readonly password?: Text | undefined }) | undefined;
  readonly slack?: (Omit<Only<"slack">, "apiUrl"> & { readonly apiUrl: Text }) | undefined;
  readonly pagerduty?: { readonly routingKey: Text } | undefined;
}

export interface AlertmanagerArgs extends MessageLinks {
  readonly namespace: pulumi.Input<string>;
  readonly image: pulumi.Input<string>;
  /** Who is told of alerts, by name. */
  readonly receivers: Readonly<Record<string, ReceiverArgs>>;
  /** Told of the Watchdog, over and over; undefined: nobody is. */
  readonly deadMansSwitch?: { readonly url: Text; readonly intervalSeconds: number } | undefined;
  /** Members of its cluster. @default 1 */
  readonly replicas?: number;
  /** Time for which alerts of one group are gathered before the first message. @default 30 (Alertmanager's own) */
  readonly groupWaitSeconds?: number;
  /** Least time between two messages on a group that changed. @default 300 (Alertmanager's own) */
  readonly groupIntervalSeconds?: number;
  /** Time after which a message on what still fires is sent again. @default 12 */
  readonly repeatHours?: number;
  /** Size of each member's volume, for silences and what was sent. A change replaces the StatefulSet. @default 1 */
  readonly storageGiB?: number;
  /** @default the cluster's default class */
  readonly storageClassName?: pulumi.Input<string> | undefined;
  /** Whether volumes outlive the StatefulSet. @default true */
  readonly retainVolumes?: boolean;
  /** How it is reached from outside the cluster; undefined: not at all. */
  readonly expose?: ExposureArgs | undefined;
  readonly priorityClassName?: pulumi.Input<string> | undefined;
  /** Thousandths of a core that are set aside. @default 20 */
  readonly cpuMillis?: number;
  /** Memory that is set aside, and at which it is killed. @default 64 */
  readonly memoryMiB?: number;
  /** By what it speaks TLS with the other parts. @default plain HTTP */
  readonly tls?: PartTls | undefined;
}

const selector = { app: alertmanager.app };
const messagesFile = join(import.meta.dirname, "../../data/alertmanager/messages.tmpl");

/**
 * Tells people of alerts: a cluster whose members agree on what was sent, each with a volume for silences and for what was sent.
 *
 * A changed configuration makes new pods, one after the other. Alertmanager would read it on a request alone, so the other way
 * is a second container in each pod for that one request, and a configuration that it cannot read would then go unnoticed until
 * a restart; as it is, `up` ends with the error, and the members that are left go on with what they have. Nothing is
 * lost or sent twice by it: silences and what was sent are on the volume, and Prometheus repeats what fires.
 */
export class Alertmanager extends pulumi.ComponentResource {
  readonly statefulSet: k8s.apps.v1.StatefulSet;
  readonly service: k8s.core.v1.Service;

  constructor(name: string, args: AlertmanagerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:Alertmanager", name, {}, opts);
    const { namespace } = args;
    const parent = { parent: this };
    const metadata = { name: alertmanager.app, namespace, labels: selector };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata: { ...metadata, name: alertmanager.account }, automountServiceAccountToken: false },
      parent,
    );
    const files = pulumi.secret(configurationFiles(args));
    const config = new k8s.core.v1.Secret(
      `${name}-config`,
      { metadata: { ...metadata, name: "alertmanager-config" }, stringData: files },
      parent,
    );
    this.service = new k8s.core.v1.Service(
      `${name}-service`,
      { metadata, spec: { type: "ClusterIP", selector, ports: [webPort] } },
      parent,
    );
    if (args.expose !== undefined)
      publicService(`${name}-public`, { metadata, expose: args.expose, port: "web" }, parent);
    const peers = makePeers(name, namespace, parent);
    const { replicas, storageGiB } = { ...partDefaults.alertmanager, ...args };
    if (replicas > 1) podBudget(`${name}-budget`, metadata, parent);
    const configHash = shownHash(files, pulumi.interpolate`alertmanager/${namespace}`);
    this.statefulSet = new k8s.apps.v1.StatefulSet(
      `${name}-server`,
      {
        metadata,
        spec: {
          replicas,
          serviceName: peers.metadata.name,
          // Members find each other when they start.
          podManagementPolicy: "Parallel",
          selector: { matchLabels: selector },
          template: {
            metadata: { labels: selector, annotations: { "quorum.dev/config-hash": configHash } },
            spec: alertmanagerPod(args, account.metadata.name, config.metadata.name),
          },
          ...dataVolume({ ...args, labels: selector, storageGiB, retain: args.retainVolumes }),
        },
      },
      parent,
    );
    this.registerOutputs({});
  }
}

function configurationFiles(args: AlertmanagerArgs): pulumi.Output<Record<string, string>> {
  const messages = readFileSync(messagesFile, "utf8");
  const { groupWaitSeconds, groupIntervalSeconds, repeatHours } = { ...partDefaults.alertmanager, ...args };
  return pulumi
    .all([args.receivers, args.deadMansSwitch])
    .apply(([receivers, deadMansSwitch]): Record<string, string> => ({
      [alertmanagerFiles.config]: alertmanagerConfig({
        receivers,
        deadMansSwitch,
        groupWaitSeconds,
        groupIntervalSeconds,
        repeatHours,
      }),
      [alertmanagerFiles.messages]: messages,
      [alertmanagerFiles.links]: linkTemplates(args),
      ...(args.tls && {
        [webConfigFile]: webConfig,
        [clientConfigFile]: clientConfig,
        [clusterTlsFile]: clusterTlsConfig(),
      }),
    }));
}

const webPort = { name: "web", protocol: "TCP", port: monitoringPorts.alertmanager, targetPort: "web" };

/** Each member by a name of its own, ready or not: Prometheus tells every one of them, and they find each other. */
function makePeers(
  name: string,
  namespace: pulumi.Input<string>,
  parent: pulumi.CustomResourceOptions,
): k8s.core.v1.Service {
  const port = monitoringPorts.alertmanagerCluster;
  return new k8s.core.v1.Service(
    `${name}-peers`,
    {
      // Its pods come after it.
      metadata: {
        name: alertmanagerPeers,
        namespace,
        labels: selector,
        annotations: { "pulumi.com/skipAwait": "true" },
      },
      spec: {
        clusterIP: "None",
        publishNotReadyAddresses: true,
        selector,
        ports: [
          webPort,
          { name: "cluster-tcp", protocol: "TCP", port, targetPort: "cluster-tcp" },
          { name: "cluster-udp", protocol: "UDP", port, targetPort: "cluster-udp" },
        ],
      },
    },
    parent,
  );
}
