import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { nodePorts, nodeExporter } from "../plan/connections/monitoring-parts.ts";
import { figuresFolder, figuresMount, nodeExporterFlags, rootMount } from "../plan/monitoring/node-exporter.ts";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import { type PartTls, webConfigFile, webConfigFolder } from "../plan/monitoring/tls.ts";
import { containerResources } from "../platform/container-resources.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";
import { goMemoryLimit } from "./go-memory-limit.ts";
import { probeScheme, webConfigMap, webVolume } from "./tls-files.ts";

export interface NodeExporterArgs {
  /** A namespace whose Pod Security level is `privileged`: its pods have the host's network, processes and files. */
  readonly namespace: pulumi.Input<string>;
  readonly image: pulumi.Input<string>;
  /** Thousandths of a core that are set aside. @default 20 */
  readonly cpuMillis?: number;
  /** Memory that is set aside, and at which it is killed. @default 64 */
  readonly memoryMiB?: number;
  /** By what it speaks TLS with the other parts. @default plain HTTP */
  readonly tls?: PartTls | undefined;
}

/** User `nobody` of the official image. */
const userId = 65_534;
const name = "node-exporter";
const selector = { app: name };

/**
 * What each node's kernel counts: processors, memory, disks, file systems, network, clock.
 *
 * It sees the host as it is (its network, its processes, its files, all read-only) and may do nothing with it: no user of the
 * host's, no capability, no token. It answers on the node's address alone, where Prometheus asks; no NetworkPolicy knows of pods
 * in the host's network.
 */
export class NodeExporter extends pulumi.ComponentResource {
  readonly daemonSet: k8s.apps.v1.DaemonSet;

  constructor(resourceName: string, args: NodeExporterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:NodeExporter", resourceName, {}, opts);
    const metadata = { name, namespace: args.namespace, labels: selector };
    const account = new k8s.core.v1.ServiceAccount(
      `${resourceName}-account`,
      { metadata: { ...metadata, name: nodeExporter.account }, automountServiceAccountToken: false },
      { parent: this },
    );
    const web = webConfigMap(resourceName, args.tls, metadata, { parent: this });
    this.daemonSet = new k8s.apps.v1.DaemonSet(
      `${resourceName}-daemonset`,
      {
        metadata,
        spec: {
          selector: { matchLabels: selector },
          revisionHistoryLimit: 5,
          updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "10%" } },
          template: { metadata: { labels: selector }, spec: podSpec(args, account.metadata.name, web) },
        },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}

function podSpec(
  args: NodeExporterArgs,
  account: pulumi.Output<string>,
  web: pulumi.Output<string> | undefined,
): k8s.types.input.core.v1.PodSpec {
  const { cpuMillis, memoryMiB } = { ...partDefaults.nodeExporter, ...args };
  const tls = webVolume(args.tls, web);
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    hostNetwork: true,
    // The host's mounts are those of its first process.
    hostPID: true,
    nodeSelector: { "kubernetes.io/os": "linux" },
    // A node that takes no pods is measured too.
    tolerations: [{ operator: "Exists" }],
    // Of this class, the kubelet starts and keeps it where it refuses and ends others for want of room: that has to be measured.
    priorityClassName: "system-node-critical",
    securityContext: restrictedPod(userId),
    containers: [
      {
        name,
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        args: [
          `--web.listen-address=[$(NODE_ADDRESS)]:${nodePorts.nodeExporter}`,
          ...nodeExporterFlags(),
          ...(args.tls ? [`--web.config.file=${webConfigFolder}/${webConfigFile}`] : []),
        ],
        env: [
          { name: "NODE_ADDRESS", valueFrom: { fieldRef: { fieldPath: "status.hostIP" } } },
          goMemoryLimit(memoryMiB),
        ],
        ports: [
          {
            name: "metrics",
            containerPort: nodePorts.nodeExporter,
            hostPort: nodePorts.nodeExporter,
            protocol: "TCP",
          },
        ],
        // Its front page: /metrics reads the whole host, which a probe should not ask for.
        readinessProbe: {
          httpGet: { path: "/", port: "metrics", ...probeScheme(args.tls) },
          timeoutSeconds: 3,
          periodSeconds: 5,
          failureThreshold: 2,
        },
        livenessProbe: { tcpSocket: { port: "metrics" }, timeoutSeconds: 3, periodSeconds: 10, failureThreshold: 6 },
        resources: containerResources({ cpuMillis, memoryMiB, ephemeralMiB: 64 }),
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "root", mountPath: rootMount, mountPropagation: "HostToContainer", readOnly: true },
          { name: "figures", mountPath: figuresMount, readOnly: true },
          ...tls.mounts,
        ],
      },
    ],
    volumes: [
      { name: "root", hostPath: { path: "/", type: "Directory" } },
      // A mount of its own, because it makes the folder where nothing has written into it yet.
      { name: "figures", hostPath: { path: figuresFolder, type: "DirectoryOrCreate" } },
      ...tls.volumes,
    ],
  };
}
