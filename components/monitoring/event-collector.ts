import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { eventCollector } from "../plan/connections/monitoring-parts.ts";
import { contentHash } from "../plan/hash.ts";
import { eventsConfig } from "../plan/monitoring/log-agent.ts";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";
import { collectorContainer, type LogCollectorArgs, readingAccount } from "./log-collector.ts";
import { tlsVolume } from "./tls-files.ts";

const name = eventCollector.app;
const selector = { app: name };

/**
 * Keeps the cluster's events, which the API server forgets after an hour, as lines in Loki.
 *
 * One pod, never two, as each event would be there twice. Events that come while there is none are not kept: it begins with those
 * of its own time, so that a restart does not repeat an hour of them.
 */
export class EventCollector extends pulumi.ComponentResource {
  readonly deployment: k8s.apps.v1.Deployment;

  constructor(resourceName: string, args: LogCollectorArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:EventCollector", resourceName, {}, opts);
    const { namespace, lokiNamespace, redact = [], memoryMiB } = { ...partDefaults.logCollector, ...args };
    const metadata = { name, namespace, labels: selector };
    const { account, binding } = readingAccount(resourceName, eventCollector, namespace, "events", { parent: this });
    const text = eventsConfig({ namespace: lokiNamespace, tls: args.tls !== undefined, memoryMiB, redact });
    const config = new k8s.core.v1.ConfigMap(
      `${resourceName}-config`,
      { metadata, data: { "config.yaml": text } },
      { parent: this },
    );
    this.deployment = new k8s.apps.v1.Deployment(
      `${resourceName}-deployment`,
      {
        metadata,
        spec: {
          replicas: 1,
          revisionHistoryLimit: 5,
          strategy: { type: "Recreate" },
          selector: { matchLabels: selector },
          template: {
            metadata: { labels: selector, annotations: { "quorum.dev/config-hash": contentHash({ text }) } },
            spec: {
              serviceAccountName: account.metadata.name,
              automountServiceAccountToken: true,
              enableServiceLinks: false,
              ...(args.priorityClassName !== undefined && { priorityClassName: args.priorityClassName }),
              securityContext: restrictedPod(),
              terminationGracePeriodSeconds: 30,
              containers: [collectorContainer(name, args, restrictedContainer)],
              volumes: [{ name: "config", configMap: { name: config.metadata.name } }, ...tlsVolume(args.tls).volumes],
            },
          },
        },
      },
      { parent: this, dependsOn: [binding] },
    );
    this.registerOutputs({});
  }
}
