import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { kubeStateMetrics, monitoringPorts } from "../plan/connections/monitoring-parts.ts";
import { watchRules, watchedResources } from "../plan/monitoring/kube-state-metrics.ts";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import { type PartTls, webConfigFile, webConfigFolder } from "../plan/monitoring/tls.ts";
import { containerResources } from "../platform/container-resources.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";
import { probeScheme, webConfigMap, webVolume } from "./tls-files.ts";

export interface KubeStateMetricsArgs {
  readonly namespace: pulumi.Input<string>;
  readonly image: pulumi.Input<string>;
  readonly priorityClassName?: pulumi.Input<string> | undefined;
  /** Thousandths of a core that are set aside. @default 20 */
  readonly cpuMillis?: number;
  /** Memory that is set aside, and at which it is killed. @default 128 */
  readonly memoryMiB?: number;
  /** By what it speaks TLS with the other parts. @default plain HTTP */
  readonly tls?: PartTls | undefined;
}

const selector = { app: kubeStateMetrics.app };

/**
 * What the API server knows of the cluster's objects, as series: how many pods a Deployment should have and has, when a job last
 * succeeded, how full a quota is.
 *
 * It may list and watch what it tells of and nothing else, Secrets and ConfigMaps least of all. One pod: a second would tell
 * everything twice, and a lost one is back before an alert on it has waited long enough.
 */
export class KubeStateMetrics extends pulumi.ComponentResource {
  readonly service: k8s.core.v1.Service;

  constructor(name: string, args: KubeStateMetricsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:KubeStateMetrics", name, {}, opts);
    const metadata = { name: kubeStateMetrics.app, namespace: args.namespace, labels: selector };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata: { ...metadata, name: kubeStateMetrics.account }, automountServiceAccountToken: false },
      { parent: this },
    );
    const web = webConfigMap(name, args.tls, metadata, { parent: this });
    const binding = this.grant(name, args, account.metadata.name);
    new k8s.apps.v1.Deployment(
      `${name}-deployment`,
      {
        metadata,
        spec: {
          replicas: 1,
          revisionHistoryLimit: 5,
          selector: { matchLabels: selector },
          // Two at once would tell everything twice, under one job.
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
          template: { metadata: { labels: selector }, spec: podSpec(args, account.metadata.name, web) },
        },
      },
      { parent: this, dependsOn: [binding] },
    );
    const port = (portName: string, number: number) => ({
      name: portName,
      port: number,
      protocol: "TCP",
      targetPort: portName,
    });
    this.service = new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata,
        spec: {
          type: "ClusterIP",
          selector,
          ports: [port("http", monitoringPorts.kubeStateMetrics), port("self", monitoringPorts.kubeStateMetricsOwn)],
        },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }

  private grant(
    name: string,
    args: KubeStateMetricsArgs,
    account: pulumi.Output<string>,
  ): k8s.rbac.v1.ClusterRoleBinding {
    const metadata = { name: "quorum-kube-state-metrics", labels: selector };
    const role = new k8s.rbac.v1.ClusterRole(`${name}-role`, { metadata, rules: watchRules() }, { parent: this });
    return new k8s.rbac.v1.ClusterRoleBinding(
      `${name}-binding`,
      {
        metadata,
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role.metadata.name },
        subjects: [{ kind: "ServiceAccount", name: account, namespace: args.namespace }],
      },
      { parent: this },
    );
  }
}

function podSpec(
  args: KubeStateMetricsArgs,
  account: pulumi.Output<string>,
  web: pulumi.Output<string> | undefined,
): k8s.types.input.core.v1.PodSpec {
  const { cpuMillis, memoryMiB } = { ...partDefaults.kubeStateMetrics, ...args };
  const get = (path: string, port: string) => ({
    httpGet: { path, port, ...probeScheme(args.tls) },
    timeoutSeconds: 3,
  });
  const tls = webVolume(args.tls, web);
  return {
    serviceAccountName: account,
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    ...(args.priorityClassName === undefined ? {} : { priorityClassName: args.priorityClassName }),
    securityContext: restrictedPod(),
    containers: [
      {
        name: kubeStateMetrics.app,
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        args: [
          `--port=${monitoringPorts.kubeStateMetrics}`,
          `--telemetry-port=${monitoringPorts.kubeStateMetricsOwn}`,
          `--resources=${watchedResources.join(",")}`,
          "--auto-gomemlimit",
          ...(args.tls ? [`--tls-config=${webConfigFolder}/${webConfigFile}`] : []),
        ],
        ports: [
          { name: "http", containerPort: monitoringPorts.kubeStateMetrics, protocol: "TCP" },
          { name: "self", containerPort: monitoringPorts.kubeStateMetricsOwn, protocol: "TCP" },
        ],
        startupProbe: { ...get("/healthz", "http"), periodSeconds: 1, failureThreshold: 60 },
        readinessProbe: { ...get("/readyz", "self"), periodSeconds: 5, failureThreshold: 2 },
        // Not /livez, which asks the API server whether that is alive: where it is not, a restart mends nothing.
        livenessProbe: { ...get("/healthz", "http"), periodSeconds: 10, failureThreshold: 6 },
        resources: containerResources({ cpuMillis, memoryMiB, ephemeralMiB: 64 }),
        securityContext: restrictedContainer,
        ...(args.tls && { volumeMounts: tls.mounts }),
      },
    ],
    ...(args.tls && { volumes: tls.volumes }),
  };
}
