import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { monitoringPorts } from "../plan/connections/monitoring-parts.ts";
import { contentHash } from "../plan/hash.ts";
import {
  cookieSecret,
  proxyNeeds,
  proxyPaths,
  type ProxySettings,
  signInProxyConfig,
  type SignInSettings,
} from "../plan/monitoring/sign-in.ts";
import { type PartTls, tlsFolder } from "../plan/monitoring/tls.ts";
import { podBudget } from "../platform/pod-budget.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";
import { shownHash } from "../platform/shown-hash.ts";
import { tlsVolume } from "./tls-files.ts";

export interface SignInProxyArgs extends ProxySettings {
  /** Known once the Secret `sign-in` is in it. */
  readonly namespace: pulumi.Input<string>;
  /** Image of oauth2-proxy. */
  readonly image: pulumi.Input<string>;
  readonly signIn: SignInSettings & { readonly clientSecret: pulumi.Input<string> };
  /** @default 1 */
  readonly replicas?: number;
  readonly priorityClassName?: string | undefined;
  /** By what it checks the part. @default the part serves plain HTTP */
  readonly tls?: PartTls | undefined;
}

/** Lets those through to a part who have signed in; its Service has the component's name. */
export class SignInProxy extends pulumi.ComponentResource {
  readonly deployment: k8s.apps.v1.Deployment;

  constructor(name: string, args: SignInProxyArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:monitoring:SignInProxy", name, {}, opts);
    const { namespace, signIn } = args;
    const replicas = args.replicas ?? 1;
    const selector = { app: name };
    const metadata = { name, namespace, labels: selector };
    const parent = { parent: this };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      parent,
    );
    const files = {
      "oauth2-proxy.cfg": signInProxyConfig(signIn, args),
      ...(signIn.caCertificate !== undefined && { "ca.crt": signIn.caCertificate }),
    };
    const config = new k8s.core.v1.ConfigMap(`${name}-config`, { metadata, data: files }, parent);
    const client = new k8s.core.v1.Secret(
      `${name}-client`,
      { metadata, stringData: { "client-secret": pulumi.secret(signIn.clientSecret) } },
      parent,
    );
    new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata,
        spec: {
          type: "ClusterIP",
          selector,
          ports: [{ name: "http", protocol: "TCP", port: monitoringPorts.signInProxy, targetPort: "http" }],
        },
      },
      parent,
    );
    // It reads its settings once: others are another pod.
    const annotations = {
      "quorum.dev/config-hash": contentHash(files),
      "quorum.dev/client-hash": shownHash({ secret: signIn.clientSecret }, pulumi.interpolate`${name}/${namespace}`),
    };
    this.deployment = new k8s.apps.v1.Deployment(
      `${name}-deployment`,
      {
        metadata,
        spec: {
          replicas,
          revisionHistoryLimit: 5,
          selector: { matchLabels: selector },
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          template: {
            metadata: { labels: selector, annotations },
            spec: podSpec(args, selector, account.metadata.name, config.metadata.name, client.metadata.name),
          },
        },
      },
      parent,
    );
    if (replicas > 1) podBudget(`${name}-budget`, metadata, parent);
    this.registerOutputs({});
  }
}

function podSpec(
  args: SignInProxyArgs,
  selector: Readonly<Record<string, string>>,
  account: pulumi.Output<string>,
  config: pulumi.Output<string>,
  client: pulumi.Output<string>,
): k8s.types.input.core.v1.PodSpec {
  const memory = `${proxyNeeds.memoryMiB}Mi`;
  const get = (path: string) => ({ httpGet: { path, port: "http" }, timeoutSeconds: 3 });
  const tls = tlsVolume(args.tls);
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(args.priorityClassName === undefined ? {} : { priorityClassName: args.priorityClassName }),
    securityContext: restrictedPod(),
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: selector },
      },
    ],
    containers: [
      {
        name: "oauth2-proxy",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        args: [`--config=${proxyPaths.config}/oauth2-proxy.cfg`],
        env: [
          { name: "OAUTH2_PROXY_COOKIE_SECRET", valueFrom: { secretKeyRef: cookieSecret } },
          // It knows no authority for the part behind it but those of the system: Go reads this folder beside the image's file of them.
          ...(args.tls ? [{ name: "SSL_CERT_DIR", value: tlsFolder }] : []),
        ],
        ports: [{ name: "http", containerPort: monitoringPorts.signInProxy, protocol: "TCP" }],
        startupProbe: { ...get("/ping"), periodSeconds: 1, failureThreshold: 60 },
        readinessProbe: { ...get("/ready"), periodSeconds: 5, failureThreshold: 2 },
        livenessProbe: { ...get("/ping"), periodSeconds: 10, failureThreshold: 3 },
        // Time for the Service to send requests elsewhere first.
        lifecycle: { preStop: { sleep: { seconds: 5 } } },
        resources: {
          requests: { cpu: `${proxyNeeds.cpuMillis}m`, memory, "ephemeral-storage": "16Mi" },
          limits: { cpu: "500m", memory: "128Mi", "ephemeral-storage": "64Mi" },
        },
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "config", mountPath: proxyPaths.config, readOnly: true },
          { name: "secret", mountPath: proxyPaths.secret, readOnly: true },
          ...tls.mounts,
        ],
      },
    ],
    volumes: [
      { name: "config", configMap: { name: config } },
      { name: "secret", secret: { secretName: client, defaultMode: 0o440 } },
      ...tls.volumes,
    ],
  };
}
