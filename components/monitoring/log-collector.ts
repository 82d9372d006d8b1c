import { dirname } from "node:path/posix";
import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { monitoringPorts } from "../plan/connections/monitoring-parts.ts";
import type { Party } from "../plan/connections/parties.ts";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import type { PartTls } from "../plan/monitoring/tls.ts";
import { collectorConfigFile, collectorMemory } from "../plan/monitoring/collector.ts";
import { containerResources } from "../platform/container-resources.ts";
import { tlsVolume } from "./tls-files.ts";

/** What the log agent and the collector of events are made from. */
export interface LogCollectorArgs {
  readonly namespace: pulumi.Input<string>;
  /** Image of the OpenTelemetry Collector with the receivers of files and of events. */
  readonly image: pulumi.Input<string>;
  /** Namespace of Loki, which takes the lines. Plain: it is in the configuration. */
  readonly lokiNamespace: string;
  /** Regular expressions (RE2) of what is taken out of lines, beside what always is. @default none */
  readonly redact?: readonly string[];
  readonly priorityClassName?: pulumi.Input<string> | undefined;
  /** Thousandths of a core that are set aside. @default 50 */
  readonly cpuMillis?: number;
  /** Memory that is set aside, and at which it is killed. @default 160 */
  readonly memoryMiB?: number;
  /** By what it speaks TLS with the other parts. @default plain HTTP */
  readonly tls?: PartTls | undefined;
}

/** The account of a collector, and what it may read in the whole cluster. */
export function readingAccount(
  resourceName: string,
  { app, account: accountName }: Pick<Party, "app" | "account">,
  namespace: pulumi.Input<string>,
  resource: string,
  parent: { readonly parent: pulumi.Resource },
): { readonly account: k8s.core.v1.ServiceAccount; readonly binding: k8s.rbac.v1.ClusterRoleBinding } {
  const labels = { app };
  const account = new k8s.core.v1.ServiceAccount(
    `${resourceName}-account`,
    { metadata: { name: accountName, namespace, labels }, automountServiceAccountToken: false },
    parent,
  );
  const role = new k8s.rbac.v1.ClusterRole(
    `${resourceName}-role`,
    {
      metadata: { name: `quorum:${app}`, labels },
      rules: [{ apiGroups: [""], resources: [resource], verbs: ["get", "list", "watch"] }],
    },
    parent,
  );
  const binding = new k8s.rbac.v1.ClusterRoleBinding(
    `${resourceName}-binding`,
    {
      metadata: { name: `quorum:${app}`, labels },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role.metadata.name },
      subjects: [{ kind: "ServiceAccount", name: account.metadata.name, namespace }],
    },
    parent,
  );
  return { account, binding };
}

/** The container of a collector whose configuration is the volume `config`. */
export function collectorContainer(
  name: string,
  args: LogCollectorArgs,
  securityContext: k8s.types.input.core.v1.SecurityContext,
  mounts: readonly k8s.types.input.core.v1.VolumeMount[] = [],
): k8s.types.input.core.v1.Container {
  const { image, cpuMillis, memoryMiB, tls } = { ...partDefaults.logCollector, ...args };
  const probe = { httpGet: { path: "/", port: "health" }, timeoutSeconds: 3 };
  return {
    name,
    image,
    imagePullPolicy: "IfNotPresent",
    args: ["--config", collectorConfigFile],
    env: [
      { name: "GOMEMLIMIT", value: `${collectorMemory(memoryMiB).limitMiB}MiB` },
      { name: "K8S_NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
    ],
    ports: [
      { name: "metrics", containerPort: monitoringPorts.collectorMetrics, protocol: "TCP" },
      { name: "health", containerPort: monitoringPorts.collectorHealth, protocol: "TCP" },
    ],
    startupProbe: { ...probe, periodSeconds: 2, failureThreshold: 60 },
    readinessProbe: { ...probe, periodSeconds: 5, failureThreshold: 3 },
    livenessProbe: { ...probe, periodSeconds: 10, failureThreshold: 6 },
    resources: containerResources({ cpuMillis, memoryMiB, ephemeralMiB: 64 }),
    securityContext,
    volumeMounts: [
      { name: "config", mountPath: dirname(collectorConfigFile), readOnly: true },
      ...mounts,
      ...tlsVolume(tls).mounts,
    ],
  };
}
