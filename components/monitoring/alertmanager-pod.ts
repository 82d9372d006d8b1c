import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { alertmanager, alertmanagerPeers, monitoringPorts } from "../plan/connections/monitoring-parts.ts";
import { alertmanagerFiles, retentionHours } from "../plan/monitoring/alertmanager-config.ts";
import { clusterTlsFile } from "../plan/monitoring/alertmanager-tls.ts";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import { webConfigFile } from "../plan/monitoring/tls.ts";
import { containerResources } from "../platform/container-resources.ts";
import { softSpread } from "../platform/soft-spread.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";
import type { AlertmanagerArgs } from "./alertmanager.ts";
import { goMemoryLimit } from "./go-memory-limit.ts";
import { probeScheme, tlsVolume } from "./tls-files.ts";

/** User `nobody` of the official image. */
const userId = 65_534;
const statePath = "/alertmanager";
/** How long Prometheus takes to tell a server that has just started of all that fires: its rules.alert.resend-delay. */
const resendSeconds = 60;

/** Alone it needs no cluster; in one, each member is told of all by their names, which stay when their addresses change. */
function clusterFlags(args: AlertmanagerArgs): string[] {
  const { replicas: members, tls } = { ...partDefaults.alertmanager, ...args };
  if (members === 1) return ["--cluster.listen-address="];
  const port = monitoringPorts.alertmanagerCluster;
  const peers = Array.from(
    { length: members },
    (_, index) => `${alertmanager.app}-${index}.${alertmanagerPeers}:${port}`,
  );
  return [
    `--cluster.listen-address=0.0.0.0:${port}`,
    `--cluster.advertise-address=$(POD_IP):${port}`,
    // Another cluster's member that gets the address of one of this is no member.
    "--cluster.label=$(POD_NAMESPACE)",
    ...peers.map((peer) => `--cluster.peer=${peer}`),
    ...(tls ? [`--cluster.tls-config=${alertmanagerFiles.folder}/${clusterTlsFile}`] : []),
  ];
}

function flags(args: AlertmanagerArgs): string[] {
  return [
    `--config.file=${alertmanagerFiles.folder}/${alertmanagerFiles.config}`,
    `--storage.path=${statePath}`,
    `--data.retention=${retentionHours({ ...partDefaults.alertmanager, ...args })}h`,
    `--web.listen-address=:${monitoringPorts.alertmanager}`,
    // Whatever address people see, the paths inside of the cluster stay as they are.
    "--web.route-prefix=/",
    ...(args.externalUrl === undefined ? [] : [`--web.external-url=${args.externalUrl}`]),
    // Until it knows of all that fires, what it says would be wrong: a warning, though the critical alert that mutes it is there.
    `--dispatch.start-delay=${resendSeconds}s`,
    ...(args.tls ? [`--web.config.file=${alertmanagerFiles.folder}/${webConfigFile}`] : []),
    ...clusterFlags(args),
  ];
}

/** Pods of Alertmanager. */
export function alertmanagerPod(
  args: AlertmanagerArgs,
  account: pulumi.Output<string>,
  config: pulumi.Output<string>,
): k8s.types.input.core.v1.PodSpec {
  const { cpuMillis, memoryMiB } = { ...partDefaults.alertmanager, ...args };
  const get = (path: string) => ({ httpGet: { path, port: "web", ...probeScheme(args.tls) }, timeoutSeconds: 3 });
  const tls = tlsVolume(args.tls);
  const port = monitoringPorts.alertmanagerCluster;
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(args.priorityClassName === undefined ? {} : { priorityClassName: args.priorityClassName }),
    securityContext: restrictedPod(userId),
    // Time to end what is being sent, and to write down that it was.
    terminationGracePeriodSeconds: 60,
    topologySpreadConstraints: softSpread({ app: alertmanager.app }),
    containers: [
      {
        name: "alertmanager",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        args: flags(args),
        env: [
          { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
          goMemoryLimit(memoryMiB),
        ],
        ports: [
          { name: "web", containerPort: monitoringPorts.alertmanager, protocol: "TCP" },
          { name: "cluster-tcp", containerPort: port, protocol: "TCP" },
          { name: "cluster-udp", containerPort: port, protocol: "UDP" },
        ],
        // It waits up to 15 s for its peers' names.
        startupProbe: { ...get("/-/ready"), periodSeconds: 2, failureThreshold: 60 },
        readinessProbe: { ...get("/-/ready"), periodSeconds: 5, failureThreshold: 3 },
        livenessProbe: { ...get("/-/healthy"), periodSeconds: 10, failureThreshold: 6 },
        resources: containerResources({
          cpuMillis,
          cpuLimitMillis: Math.max(500, 2 * cpuMillis),
          memoryMiB,
          ephemeralMiB: 256,
        }),
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "config", mountPath: alertmanagerFiles.folder, readOnly: true },
          { name: "data", mountPath: statePath },
          ...tls.mounts,
        ],
      },
    ],
    volumes: [{ name: "config", secret: { secretName: config, defaultMode: 0o440 } }, ...tls.volumes],
  };
}
