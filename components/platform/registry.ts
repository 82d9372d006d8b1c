import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { contentHash } from "../plan/hash.ts";
import {
  registryConfig,
  registryName,
  registryPaths,
  registryPort,
  registryRestartName,
} from "../plan/platform/registry.ts";
import { certificate } from "./certificate.ts";
import { dataVolume } from "./data-volume.ts";
import { exposure } from "./exposure.ts";
import { PodRestart } from "./pod-restart.ts";
import { restrictedContainer, restrictedPod } from "./restricted.ts";
import { shownHash } from "./shown-hash.ts";

export interface RegistryArgs {
  readonly namespace: pulumi.Input<string>;
  /** Image of distribution v3. */
  readonly image: string;
  /** Image with Node 24.2 or newer, for the restarts and for what distribution's own image has no shell to do. */
  readonly nodeImage: string;
  /** Name that people and nodes reach it by. */
  readonly hostname: string;
  /** Port that the outside reaches. @default 443 */
  readonly port?: number;
  /** Lines of an htpasswd file with bcrypt hashes. A change restarts the registry. */
  readonly htpasswd: pulumi.Input<string>;
  /** Size of the volume. A change replaces the StatefulSet; a volume that exists keeps its size. @default 100 */
  readonly storageGiB?: number;
  /** @default the cluster's default class */
  readonly storageClassName?: pulumi.Input<string> | undefined;
  /** Whether the volume outlives the registry. @default true */
  readonly retainVolume?: boolean;
  /** Secret with tls.crt and tls.key; with an issuer cert-manager makes it, else it must be there. */
  readonly tls: { readonly secretName: string; readonly issuer?: string | undefined };
  /** Five cron fields, in UTC: when the registry restarts, which collects garbage and reads a renewed certificate. @default 23 3 * * 0 */
  readonly garbageCollection?: string;
  readonly priorityClassName?: string | undefined;
}

const selector = { app: registryName };
/** What the collection walks through. */
const folders = ["repositories", "blobs"].map((name) => `${registryPaths.data}/docker/registry/v2/${name}`);

/**
 * A registry in the cluster: distribution with a volume, TLS and users.
 *
 * Garbage is collected by an init container: it must not run beside writes, or it takes away the layers of an image that is
 * just being pushed, and before the registry's own process begins there are none. One StatefulSet pod, so that there are
 * never two. Only what no manifest names is taken away; manifests without a tag stay, because pods name images by digest.
 */
export class Registry extends pulumi.ComponentResource {
  readonly statefulSet: k8s.apps.v1.StatefulSet;
  readonly service: k8s.core.v1.Service;

  constructor(name: string, args: RegistryArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:Registry", name, {}, opts);
    const { namespace } = args;
    const parent = { parent: this };
    const metadata = { name: registryName, namespace, labels: selector };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      parent,
    );
    const text = registryConfig();
    const config = new k8s.core.v1.ConfigMap(`${name}-config`, { metadata, data: { "config.yml": text } }, parent);
    const users = new k8s.core.v1.Secret(
      `${name}-users`,
      {
        metadata: { ...metadata, name: `${registryName}-users` },
        stringData: { htpasswd: pulumi.secret(args.htpasswd) },
      },
      parent,
    );
    if (args.tls.issuer !== undefined) {
      certificate(
        `${name}-certificate`,
        { ...args.tls, issuer: args.tls.issuer, namespace, dnsNames: [args.hostname] },
        parent,
      );
    }
    this.service = this.expose(name, args);
    // distribution reads its users once: another list is another pod.
    const annotations = {
      "quorum.dev/config-hash": contentHash({ text }),
      "quorum.dev/users-hash": shownHash({ htpasswd: args.htpasswd }, pulumi.interpolate`registry/${namespace}`),
    };
    this.statefulSet = new k8s.apps.v1.StatefulSet(
      `${name}-server`,
      {
        metadata,
        spec: {
          replicas: 1,
          serviceName: this.service.metadata.name,
          selector: { matchLabels: selector },
          template: {
            metadata: { labels: selector, annotations },
            spec: podSpec(args, account.metadata.name, config.metadata.name, users.metadata.name),
          },
          ...dataVolume({ ...args, labels: selector, storageGiB: args.storageGiB ?? 100, retain: args.retainVolume }),
        },
      },
      parent,
    );
    new PodRestart(
      `${name}-restart`,
      {
        namespace,
        pod: `${registryName}-0`,
        jobName: registryRestartName,
        schedule: args.garbageCollection ?? "23 3 * * 0",
        image: args.nodeImage,
      },
      parent,
    );
    this.registerOutputs({});
  }

  private expose(name: string, args: RegistryArgs): k8s.core.v1.Service {
    const port = args.port ?? 443;
    const { annotations, ...reach } = exposure({ port });
    return new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata: {
          name: registryName,
          namespace: args.namespace,
          labels: selector,
          ...(annotations && { annotations }),
        },
        spec: { ...reach, selector, ports: [{ name: "https", protocol: "TCP", port, targetPort: "https" }] },
      },
      { parent: this },
    );
  }
}

function podSpec(
  args: RegistryArgs,
  account: pulumi.Output<string>,
  config: pulumi.Output<string>,
  users: pulumi.Output<string>,
): k8s.types.input.core.v1.PodSpec {
  const probe = { httpGet: { path: "/", port: "https", scheme: "HTTPS" }, timeoutSeconds: 3 };
  const configFile = `${registryPaths.config}/config.yml`;
  const common = {
    image: args.image,
    imagePullPolicy: "IfNotPresent",
    env: [{ name: "OTEL_TRACES_EXPORTER", value: "none" }],
    securityContext: restrictedContainer,
    volumeMounts: [
      { name: "data", mountPath: registryPaths.data },
      { name: "config", mountPath: registryPaths.config, readOnly: true },
      { name: "users", mountPath: registryPaths.users, readOnly: true },
      { name: "certificate", mountPath: registryPaths.certificate, readOnly: true },
      { name: "tmp", mountPath: "/tmp" },
    ],
  };
  const resources = {
    requests: { cpu: "100m", memory: "256Mi", "ephemeral-storage": "64Mi" },
    limits: { cpu: "1", memory: "512Mi", "ephemeral-storage": "512Mi" },
  };
  return {
    serviceAccountName: account,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(args.priorityClassName === undefined ? {} : { priorityClassName: args.priorityClassName }),
    securityContext: restrictedPod(),
    // Time for pushes that are under way to end.
    terminationGracePeriodSeconds: 60,
    initContainers: [
      {
        ...common,
        name: "folders",
        image: args.nodeImage,
        // Where no image was ever pushed, the collection takes missing folders for an error.
        command: [
          "node",
          "-e",
          `for (const folder of ${JSON.stringify(folders)}) require("node:fs").mkdirSync(folder, { recursive: true })`,
        ],
        resources,
      },
      {
        ...common,
        name: "garbage-collection",
        command: ["registry", "garbage-collect", configFile],
        resources,
      },
    ],
    containers: [
      {
        ...common,
        name: registryName,
        command: ["registry", "serve", configFile],
        ports: [{ name: "https", containerPort: registryPort, protocol: "TCP" }],
        startupProbe: { ...probe, periodSeconds: 1, failureThreshold: 60 },
        readinessProbe: { ...probe, periodSeconds: 5, failureThreshold: 2 },
        livenessProbe: { ...probe, periodSeconds: 10, failureThreshold: 6 },
        resources,
      },
    ],
    volumes: [
      { name: "config", configMap: { name: config } },
      { name: "users", secret: { secretName: users, defaultMode: 0o440 } },
      { name: "certificate", secret: { secretName: args.tls.secretName, defaultMode: 0o440 } },
      { name: "tmp", emptyDir: { sizeLimit: "256Mi" } },
    ],
  };
}
