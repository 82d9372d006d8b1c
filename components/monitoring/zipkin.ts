import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { monitoringPorts, zipkin } from "../plan/connections/monitoring-parts.ts";
import { partDefaults } from "../plan/monitoring/part-defaults.ts";
import { type ElasticsearchSettings, zipkinEnvironment } from "../plan/monitoring/zipkin.ts";
import { containerResources } from "../platform/container-resources.ts";
import type { ExposureArgs } from "../platform/exposure.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";
import { shownHash } from "../platform/shown-hash.ts";
import { publicService } from "./public-service.ts";

export interface ZipkinArgs {
  readonly namespace: pulumi.Input<string>;
  readonly image: pulumi.Input<string>;
  /** Spans that are kept in memory, the oldest dropped first; not with Elasticsearch. @default 50000 */
  readonly maxSpans?: number;
  /** What keeps spans beyond a restart. @default memory */
  readonly elasticsearch?:
    (ElasticsearchSettings & { readonly password?: pulumi.Input<string> | undefined }) | undefined;
  /** How it is reached from outside the cluster; undefined: not at all. */
  readonly expose?: ExposureArgs | undefined;
  /** Thousandths of a core that are set aside. @default 100 */
  readonly cpuMillis?: number;
  /** Memory that is set aside, and at which it is killed. @default 512 */
  readonly memoryMiB?: number;
  readonly priorityClassName?: pulumi.Input<string> | undefined;
}

const name = zipkin.app;
const selector = { app: name };
const port = monitoringPorts.zipkin;
const ports = [{ name: "http", port, protocol: "TCP", targetPort: "http" }];

/** Keeps traces and shows them. */
export class Zipkin extends pulumi.ComponentResource {
  readonly deployment: k8s.apps.v1.Deployment;
  readonly service: k8s.core.v1.Service;

  constructor(resourceName: string, args: ZipkinArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:Zipkin", resourceName, {}, opts);
    const parent = { parent: this };
    const metadata = { name, namespace: args.namespace, labels: selector };
    const account = new k8s.core.v1.ServiceAccount(
      `${resourceName}-account`,
      { metadata: { ...metadata, name: zipkin.account }, automountServiceAccountToken: false },
      parent,
    );
    const password = this.password(resourceName, args);
    this.deployment = new k8s.apps.v1.Deployment(
      `${resourceName}-deployment`,
      {
        metadata,
        spec: {
          replicas: 1,
          revisionHistoryLimit: 5,
          selector: { matchLabels: selector },
          // Spans in memory are those of one process: two of them side by side would each show a part.
          strategy:
            args.elasticsearch === undefined
              ? { type: "Recreate" }
              : { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          template: {
            metadata: { labels: selector, annotations: password?.annotations ?? {} },
            spec: podSpec(args, account.metadata.name, password?.secret),
          },
        },
      },
      parent,
    );
    this.service = new k8s.core.v1.Service(
      `${resourceName}-service`,
      { metadata, spec: { type: "ClusterIP", selector, ports } },
      parent,
    );
    if (args.expose !== undefined)
      publicService(`${resourceName}-public`, { metadata, expose: args.expose, port: "http" }, parent);
    this.registerOutputs({});
  }

  /** The password of Elasticsearch; another one is another pod. */
  private password(resourceName: string, { elasticsearch, namespace }: ZipkinArgs) {
    const password = elasticsearch?.password;
    if (password === undefined) return undefined;
    const secret = new k8s.core.v1.Secret(
      `${resourceName}-elasticsearch`,
      {
        metadata: { name: `${name}-elasticsearch`, namespace, labels: selector },
        stringData: { password: pulumi.secret(password) },
      },
      { parent: this },
    );
    const hash = shownHash({ password }, pulumi.interpolate`zipkin/${namespace}`);
    return { secret: secret.metadata.name, annotations: { "quorum.dev/secret-hash": hash } };
  }
}

function podSpec(
  args: ZipkinArgs,
  account: pulumi.Output<string>,
  secret: pulumi.Output<string> | undefined,
): k8s.types.input.core.v1.PodSpec {
  const { maxSpans, elasticsearch, cpuMillis, memoryMiB, priorityClassName } = { ...partDefaults.zipkin, ...args };
  const probe = { httpGet: { path: "/health", port: "http" }, timeoutSeconds: 5 };
  const environment = zipkinEnvironment({ maxSpans, elasticsearch, memoryMiB });
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    // Zipkin reads ZIPKIN_ and QUERY_ variables as settings of its own.
    enableServiceLinks: false,
    ...(priorityClassName !== undefined && { priorityClassName }),
    securityContext: restrictedPod(),
    terminationGracePeriodSeconds: 30,
    containers: [
      {
        name,
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        env: [
          ...Object.entries(environment).map(([variable, value]) => ({ name: variable, value })),
          ...(secret === undefined
            ? []
            : [{ name: "ES_PASSWORD", valueFrom: { secretKeyRef: { name: secret, key: "password" } } }]),
        ],
        ports: [{ name: "http", containerPort: port, protocol: "TCP" }],
        startupProbe: { ...probe, periodSeconds: 2, failureThreshold: 90 },
        // Asks what keeps the spans too. That it is gone is no reason to restart.
        readinessProbe: { ...probe, periodSeconds: 5, failureThreshold: 3 },
        livenessProbe: { tcpSocket: { port: "http" }, periodSeconds: 10, failureThreshold: 6, timeoutSeconds: 5 },
        resources: containerResources({ cpuMillis, memoryMiB, ephemeralMiB: 128 }),
        securityContext: restrictedContainer,
        volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
      },
    ],
    volumes: [{ name: "tmp", emptyDir: { sizeLimit: "64Mi" } }],
  };
}
