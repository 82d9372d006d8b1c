import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { kiali } from "../plan/mesh/mesh-parts.ts";
import {
  kialiConfig,
  kialiRules,
  kialiSecret,
  kialiSecretFile,
  type KialiSettings,
  tokenReviews,
} from "../plan/mesh/kiali.ts";
import { kialiPort } from "../plan/connections/mesh-connections.ts";
import { contentHash } from "../plan/hash.ts";
import { exposure, type ExposureArgs } from "../platform/exposure.ts";
import { restrictedContainer, restrictedPod } from "../platform/restricted.ts";

export interface KialiArgs extends KialiSettings {
  /** Known once the Secret with its signing key is in it. */
  readonly namespace: pulumi.Input<string>;
  readonly image: pulumi.Input<string>;
  /** Secret with the authority of the monitoring's certificates. @default those of public authorities */
  readonly authoritySecret?: pulumi.Input<string> | undefined;
  /** How the outside reaches it. @default not at all: by kubectl port-forward */
  readonly expose?: ExposureArgs | undefined;
  readonly priorityClassName?: string | undefined;
}

const selector = { app: kiali.app };
const rbacGroup = "rbac.authorization.k8s.io";
const clusterName = "quorum-kiali";
/** User of the image. @see https://github.com/kiali/kiali/blob/master/deploy/docker/Dockerfile-multi-arch-distroless */
const userId = 1000;
const caBundleFolder = "/kiali-cabundle";

/** Kiali: who talks to whom, how well, and whether the mesh's objects fit together. It may read, and change nothing. */
export class Kiali extends pulumi.ComponentResource {
  constructor(name: string, args: KialiArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:mesh:Kiali", name, {}, opts);
    const { namespace } = args;
    const parent = { parent: this };
    const metadata = { name: kiali.app, namespace, labels: selector };
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata, automountServiceAccountToken: false },
      parent,
    ).metadata.name;
    const text = kialiConfig(args);
    const config = new k8s.core.v1.ConfigMap(`${name}-config`, { metadata, data: { "config.yaml": text } }, parent);
    const grant = this.grant(name, namespace, account);
    const annotations = { "quorum.dev/config-hash": contentHash({ text }) };
    new k8s.apps.v1.Deployment(
      `${name}-deployment`,
      {
        metadata,
        spec: {
          replicas: 1,
          revisionHistoryLimit: 5,
          selector: { matchLabels: selector },
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          template: {
            metadata: { labels: selector, annotations },
            spec: podSpec(args, account, config.metadata.name),
          },
        },
      },
      { parent: this, dependsOn: [grant] },
    );
    const { type, annotations: ofService, ...fields } = exposure(args.expose);
    new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata: { ...metadata, ...(ofService && { annotations: ofService }) },
        spec: {
          type,
          selector,
          ...fields,
          ports: [{ name: "http", port: args.expose?.port ?? kialiPort, protocol: "TCP", targetPort: "http" }],
        },
      },
      parent,
    );
    this.registerOutputs({});
  }

  private grant(
    name: string,
    namespace: pulumi.Input<string>,
    account: pulumi.Output<string>,
  ): k8s.rbac.v1.ClusterRoleBinding {
    const role = new k8s.rbac.v1.ClusterRole(
      `${name}-role`,
      { metadata: { name: clusterName, labels: selector }, rules: [...kialiRules, tokenReviews] },
      { parent: this },
    );
    return new k8s.rbac.v1.ClusterRoleBinding(
      `${name}-binding`,
      {
        metadata: { name: clusterName, labels: selector },
        roleRef: { apiGroup: rbacGroup, kind: "ClusterRole", name: role.metadata.name },
        subjects: [{ kind: "ServiceAccount", name: account, namespace }],
      },
      { parent: this },
    );
  }
}

function podSpec(
  args: KialiArgs,
  account: pulumi.Output<string>,
  config: pulumi.Output<string>,
): k8s.types.input.core.v1.PodSpec {
  const get = { httpGet: { path: "/healthz", port: "http" }, timeoutSeconds: 3 };
  const { authoritySecret } = args;
  const authority = { key: "ca.crt", path: "additional-ca-bundle.pem" };
  return {
    serviceAccountName: account,
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    securityContext: restrictedPod(userId),
    ...(args.priorityClassName !== undefined && { priorityClassName: args.priorityClassName }),
    containers: [
      {
        name: "kiali",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        command: ["/opt/kiali/kiali", "-config", "/kiali-configuration/config.yaml"],
        env: [{ name: "ACTIVE_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } }],
        ports: [{ name: "http", containerPort: kialiPort, protocol: "TCP" }],
        startupProbe: { ...get, periodSeconds: 2, failureThreshold: 60 },
        readinessProbe: { ...get, periodSeconds: 10, failureThreshold: 3 },
        livenessProbe: { ...get, periodSeconds: 10, failureThreshold: 6 },
        resources: {
          requests: { cpu: "50m", memory: "512Mi", "ephemeral-storage": "64Mi" },
          limits: { cpu: "1", memory: "512Mi", "ephemeral-storage": "128Mi" },
        },
        securityContext: restrictedContainer,
        volumeMounts: [
          { name: "config", mountPath: "/kiali-configuration", readOnly: true },
          { name: "signing-key", mountPath: kialiSecretFile.folder, readOnly: true },
          ...(authoritySecret === undefined ? [] : [{ name: "authority", mountPath: caBundleFolder, readOnly: true }]),
        ],
      },
    ],
    volumes: [
      { name: "config", configMap: { name: config } },
      {
        name: "signing-key",
        secret: {
          secretName: kialiSecret.name,
          items: [{ key: kialiSecret.key, path: kialiSecretFile.file }],
          defaultMode: 0o440,
        },
      },
      ...(authoritySecret === undefined
        ? []
        : [{ name: "authority", secret: { secretName: authoritySecret, items: [authority], defaultMode: 0o440 } }]),
    ],
  };
}
