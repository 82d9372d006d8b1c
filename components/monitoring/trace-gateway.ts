import { dirname } from "node:path/posix";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { gateway, monitoringPorts } from "../plan/connections/monitoring-parts.ts";
import { contentHash } from "../plan/hash.ts";
import { collectorConfigFile, collectorMemory } from "../plan/monitoring/collector.ts";
import { gatewayConfig } from "../plan/monitoring/gateway-config.ts";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import type { PartTls } from "../plan/monitoring/tls.ts";
import { containerResources } from "../platform/container-resources.ts";
import { softSpread } from "../platform/soft-spread.ts";
import { podBudget } from "../platform/pod-budget.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";
import { tlsVolume } from "./tls-files.ts";

export interface TraceGatewayArgs {
  readonly namespace: pulumi.Input<string>;
  /** Image of the OpenTelemetry Collector with the exporter to Zipkin. */
  readonly image: pulumi.Input<string>;
  /** Whether there is a Zipkin, which takes the traces. Plain: it decides what the gateway does. */
  readonly zipkin: boolean;
  /** Whether there is a Loki, which takes the logs that applications send. */
  readonly loki: boolean;
  /** Part of the traces that is kept, 0 to 100 percent. @default 100 */
  readonly samplePercent?: number;
  /** Regular expressions (RE2) of what is taken out of traces and logs, beside those that always are. @default none */
  readonly redact?: readonly string[];
  /** Pods. Plain: it decides whether there is a budget. @default 1 */
  readonly replicas?: number;
  /** Thousandths of a core that are set aside. @default 50 */
  readonly cpuMillis?: number;
  /** Memory that is set aside, and at which it is killed. @default 192 */
  readonly memoryMiB?: number;
  /** By what it speaks TLS with the other parts. @default plain HTTP */
  readonly tls?: PartTls | undefined;
  readonly priorityClassName?: pulumi.Input<string> | undefined;
}

const name = gateway.app;
const selector = { app: name };

/**
 * Takes traces and logs from applications, by OTLP, and passes them on to Zipkin and Loki without secrets.
 *
 * It stands between so that applications need to know one address, whatever keeps their traces, and wait for nobody: what cannot
 * be delivered waits here, in memory, for as long as there is room.
 */
export class TraceGateway extends pulumi.ComponentResource {
  readonly deployment: k8s.apps.v1.Deployment;
  readonly service: k8s.core.v1.Service;

  constructor(resourceName: string, args: TraceGatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:TraceGateway", resourceName, {}, opts);
    const parent = { parent: this };
    const metadata = metadataOf(args);
    const account = new k8s.core.v1.ServiceAccount(
      `${resourceName}-account`,
      { metadata: { ...metadata, name: gateway.account }, automountServiceAccountToken: false },
      parent,
    );
    const text = gatewayConfig({ ...partDefaults.gateway, redact: [], ...args, tls: args.tls !== undefined });
    const config = new k8s.core.v1.ConfigMap(
      `${resourceName}-config`,
      { metadata, data: { "config.yaml": text } },
      parent,
    );
    this.deployment = this.serve(resourceName, args, {
      // It reads its configuration once: another one is another pod.
      metadata: { labels: selector, annotations: { "quorum.dev/config-hash": contentHash({ text }) } },
      spec: podSpec(args, account.metadata.name, config.metadata.name),
    });
    this.service = this.answer(resourceName, args);
    this.registerOutputs({});
  }

  private serve(
    resourceName: string,
    args: TraceGatewayArgs,
    template: k8s.types.input.core.v1.PodTemplateSpec,
  ): k8s.apps.v1.Deployment {
    const { replicas } = { ...partDefaults.gateway, ...args };
    const metadata = metadataOf(args);
    const deployment = new k8s.apps.v1.Deployment(
      `${resourceName}-deployment`,
      {
        metadata,
        spec: {
          replicas,
          revisionHistoryLimit: 5,
          selector: { matchLabels: selector },
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          template,
        },
      },
      { parent: this },
    );
    if (replicas > 1) podBudget(`${resourceName}-budget`, metadata, { parent: this });
    return deployment;
  }

  private answer(resourceName: string, args: TraceGatewayArgs): k8s.core.v1.Service {
    return new k8s.core.v1.Service(
      `${resourceName}-service`,
      {
        metadata: metadataOf(args),
        spec: {
          type: "ClusterIP",
          selector,
          ports: [
            {
              name: "otlp-grpc",
              ...(args.tls === undefined && { appProtocol: "kubernetes.io/h2c" }),
              port: monitoringPorts.otlpGrpc,
              protocol: "TCP",
              targetPort: "otlp-grpc",
            },
            { name: "otlp-http", port: monitoringPorts.otlpHttp, protocol: "TCP", targetPort: "otlp-http" },
          ],
        },
      },
      { parent: this },
    );
  }
}

function metadataOf({ namespace }: TraceGatewayArgs) {
  return { name, namespace, labels: selector };
}

function podSpec(
  args: TraceGatewayArgs,
  account: pulumi.Output<string>,
  config: pulumi.Output<string>,
): k8s.types.input.core.v1.PodSpec {
  const { cpuMillis, memoryMiB, priorityClassName } = { ...partDefaults.gateway, ...args };
  const tls = tlsVolume(args.tls);
  const probe = { httpGet: { path: "/", port: "health" }, timeoutSeconds: 3 };
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(priorityClassName !== undefined && { priorityClassName }),
    securityContext: restrictedPod(),
    // Time to deliver what waits.
    terminationGracePeriodSeconds: 30,
    topologySpreadConstraints: softSpread(selector),
    containers: [
      {
        name,
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        args: ["--config", collectorConfigFile],
        env: [{ name: "GOMEMLIMIT", value: `${collectorMemory(memoryMiB).limitMiB}MiB` }],
        ports: [
          { name: "otlp-grpc", containerPort: monitoringPorts.otlpGrpc, protocol: "TCP" },
          { name: "otlp-http", containerPort: monitoringPorts.otlpHttp, protocol: "TCP" },
          { name: "metrics", containerPort: monitoringPorts.collectorMetrics, protocol: "TCP" },
          { name: "health", containerPort: monitoringPorts.collectorHealth, protocol: "TCP" },
        ],
        startupProbe: { ...probe, periodSeconds: 1, failureThreshold: 60 },
        readinessProbe: { ...probe, periodSeconds: 5, failureThreshold: 2 },
        livenessProbe: { ...probe, periodSeconds: 10, failureThreshold: 6 },
        // Clients keep their connections: what comes while the Service still names this pod is still taken.
        lifecycle: { preStop: { sleep: { seconds: 5 } } },
        resources: containerResources({ cpuMillis, memoryMiB, ephemeralMiB: 64 }),
        securityContext: restrictedContainer,
        volumeMounts: [{ name: "config", mountPath: dirname(collectorConfigFile), readOnly: true }, ...tls.mounts],
      },
    ],
    volumes: [{ name: "config", configMap: { name: config } }, ...tls.volumes],
  };
}
