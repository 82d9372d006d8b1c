import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { logAgent } from "../plan/connections/monitoring-parts.ts";
import { contentHash } from "../plan/hash.ts";
import { agentConfig, agentState, hostLogs } from "../plan/monitoring/log-agent.ts";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import { restrictedContainer } from "../platform/restricted.ts";
import { collectorContainer, type LogCollectorArgs, readingAccount } from "./log-collector.ts";
import { tlsVolume } from "./tls-files.ts";

const name = logAgent.app;
const selector = { app: name };
/** Folder of the node that outlives the agent's pods: how far each file is read, and what Loki has not taken yet. */
const hostState = "/var/lib/quorum/otel-agent";

/**
 * The log agent: on each node, an OpenTelemetry Collector that reads what its pods and its own programs write.
 *
 * It needs a namespace whose Pod Security level is `privileged`, as it sees folders of the host: the logs, to read, and one of its
 * own. It is the host's root, since logs are nobody else's to read, with no capability but that of reading files whose owner is
 * another. No line is lost while it or Loki restarts: it goes on where it was.
 *
 * Nodes whose programs write to the journal alone are read as far as they forward it to files (`/var/log/syslog`,
 * `/var/log/messages`): the journal takes its own program to read, which the official image has not and which would have to be
 * the host's, run in the host's root.
 */
export class LogAgent extends pulumi.ComponentResource {
  readonly daemonSet: k8s.apps.v1.DaemonSet;

  constructor(resourceName: string, args: LogCollectorArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:LogAgent", resourceName, {}, opts);
    const { namespace, lokiNamespace, redact = [], memoryMiB } = { ...partDefaults.logCollector, ...args };
    const metadata = { name, namespace, labels: selector };
    const { account, binding } = readingAccount(resourceName, logAgent, namespace, "pods", { parent: this });
    const text = agentConfig({ namespace: lokiNamespace, tls: args.tls !== undefined, memoryMiB, redact });
    const config = new k8s.core.v1.ConfigMap(
      `${resourceName}-config`,
      { metadata, data: { "config.yaml": text } },
      { parent: this },
    );
    this.daemonSet = new k8s.apps.v1.DaemonSet(
      `${resourceName}-daemonset`,
      {
        metadata,
        spec: {
          selector: { matchLabels: selector },
          revisionHistoryLimit: 5,
          updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "10%" } },
          template: {
            // It reads its configuration once: another one is another pod.
            metadata: { labels: selector, annotations: { "quorum.dev/config-hash": contentHash({ text }) } },
            spec: podSpec(args, account.metadata.name, config.metadata.name),
          },
        },
      },
      { parent: this, dependsOn: [binding] },
    );
    this.registerOutputs({});
  }
}

function podSpec(
  args: LogCollectorArgs,
  account: pulumi.Output<string>,
  config: pulumi.Output<string>,
): k8s.types.input.core.v1.PodSpec {
  // Some of the host's logs are another user's, as syslog's are.
  const securityContext = { ...restrictedContainer, capabilities: { drop: ["ALL"], add: ["DAC_READ_SEARCH"] } };
  return {
    serviceAccountName: account,
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    nodeSelector: { "kubernetes.io/os": "linux" },
    // A node that takes no pods has logs too, and those of one in trouble are wanted most.
    tolerations: [{ operator: "Exists" }],
    ...(args.priorityClassName !== undefined && { priorityClassName: args.priorityClassName }),
    securityContext: { runAsUser: 0, runAsGroup: 0, seccompProfile: { type: "RuntimeDefault" } },
    terminationGracePeriodSeconds: 30,
    containers: [
      collectorContainer(name, args, securityContext, [
        { name: "logs", mountPath: hostLogs, readOnly: true },
        { name: "state", mountPath: agentState },
      ]),
    ],
    volumes: [
      { name: "config", configMap: { name: config } },
      { name: "logs", hostPath: { path: hostLogs, type: "Directory" } },
      { name: "state", hostPath: { path: hostState, type: "DirectoryOrCreate" } },
      ...tlsVolume(args.tls).volumes,
    ],
  };
}
