import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { lessRestricted, podSecurityLabels } from "../plan/platform/namespaces.ts";
import { restrictedContainer, restrictedPod } from "./restricted.ts";

export interface LocalPathArgs {
  /** Image of rancher/local-path-provisioner. */
  readonly image: pulumi.Input<string>;
  /** Image whose `sh`, `mkdir` and `rm` make and remove a volume's folder. */
  readonly helperImage: pulumi.Input<string>;
  /** Folder on each node that volumes are made in. */
  readonly path: string;
  /** Whether a volume's folder stays when its claim is deleted. A change of it is refused: a StorageClass cannot be changed. @default false */
  readonly retain?: boolean;
  /** Name of the StorageClass, which becomes the cluster's default. @default local-path */
  readonly className?: string | undefined;
}

const namespaceName = "local-path-storage";
const appLabels = { app: "local-path-provisioner" };
/** Seconds that a stopping provisioner goes on removing released volumes; making or removing one takes about five. */
const releaseSeconds = 20;

/**
 * Volumes as folders of the node that the pod runs on, by local-path-provisioner.
 *
 * As upstream, but that pods, their logs and ConfigMaps are read in its own namespace alone: it needs no others.
 *
 * @see https://github.com/rancher/local-path-provisioner/blob/v0.0.30/deploy/local-path-storage.yaml
 */
export class LocalPath extends pulumi.ComponentResource {
  /** Name of the StorageClass, known once it can make volumes: what uses it comes after it. */
  readonly className: pulumi.Output<string>;
  /** Name of its own namespace, known once that is made. */
  readonly namespace: pulumi.Output<string>;

  constructor(name: string, args: LocalPathArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:LocalPath", name, {}, opts);
    const parent = { parent: this };
    const namespace = new k8s.core.v1.Namespace(
      `${name}-namespace`,
      { metadata: { name: namespaceName, labels: podSecurityLabels(lessRestricted[namespaceName].level) } },
      parent,
    ).metadata.name;
    this.namespace = namespace;
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata: { name: "local-path-provisioner-service-account", namespace } },
      parent,
    );
    const grants = this.grant(name, namespace, account.metadata.name);
    const config = new k8s.core.v1.ConfigMap(
      `${name}-config`,
      { metadata: { name: "local-path-config", namespace }, data: provisionerConfig(args) },
      parent,
    );
    const deployment = new k8s.apps.v1.Deployment(
      `${name}-deployment`,
      {
        metadata: { name: "local-path-provisioner", namespace, labels: appLabels },
        spec: provisionerSpec(args, account.metadata.name, config.metadata.name),
      },
      { parent: this, dependsOn: grants },
    );
    this.className = new k8s.storage.v1.StorageClass(
      `${name}-class`,
      {
        metadata: {
          name: args.className ?? "local-path",
          annotations: {
            "storageclass.kubernetes.io/is-default-class": "true",
            // Of a hostPath, the other type, the kubelet does not measure how full it is.
            defaultVolumeType: "local",
          },
        },
        provisioner: "rancher.io/local-path",
        volumeBindingMode: "WaitForFirstConsumer",
        reclaimPolicy: args.retain === true ? "Retain" : "Delete",
      },
      { parent: this, dependsOn: [deployment] },
    ).metadata.name;
    this.registerOutputs({});
  }

  private grant(
    name: string,
    namespace: pulumi.Output<string>,
    account: pulumi.Output<string>,
  ): pulumi.CustomResource[] {
    const parent = { parent: this };
    const subjects = [{ kind: "ServiceAccount", name: account, namespace }];
    const apiGroup = "rbac.authorization.k8s.io";
    const all = ["get", "list", "watch", "create", "patch", "update", "delete"];
    const read = ["get", "list", "watch"];
    const role = new k8s.rbac.v1.Role(
      `${name}-role`,
      {
        metadata: { name: "local-path-provisioner-role", namespace },
        rules: [
          { apiGroups: [""], resources: ["pods"], verbs: all },
          { apiGroups: [""], resources: ["pods/log", "configmaps"], verbs: read },
        ],
      },
      parent,
    );
    const clusterRole = new k8s.rbac.v1.ClusterRole(
      `${name}-cluster-role`,
      {
        metadata: { name: "local-path-provisioner-role" },
        rules: [
          { apiGroups: [""], resources: ["nodes", "persistentvolumeclaims"], verbs: read },
          { apiGroups: [""], resources: ["persistentvolumes"], verbs: all },
          { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
          { apiGroups: ["storage.k8s.io"], resources: ["storageclasses"], verbs: read },
        ],
      },
      parent,
    );
    return [
      new k8s.rbac.v1.RoleBinding(
        `${name}-binding`,
        {
          metadata: { name: "local-path-provisioner-bind", namespace },
          roleRef: { apiGroup, kind: "Role", name: role.metadata.name },
          subjects,
        },
        parent,
      ),
      new k8s.rbac.v1.ClusterRoleBinding(
        `${name}-cluster-binding`,
        {
          metadata: { name: "local-path-provisioner-bind" },
          roleRef: { apiGroup, kind: "ClusterRole", name: clusterRole.metadata.name },
          subjects,
        },
        parent,
      ),
    ];
  }
}

function provisionerConfig(args: LocalPathArgs): Record<string, pulumi.Input<string>> {
  const paths = [{ node: "DEFAULT_PATH_FOR_NON_LISTED_NODES", paths: [args.path] }];
  const helperPod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "helper-pod" },
    spec: {
      priorityClassName: "system-node-critical",
      tolerations: [{ key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" }],
      containers: [{ name: "helper-pod", image: args.helperImage, imagePullPolicy: "IfNotPresent" }],
    },
  };
  return {
    "config.json": JSON.stringify({ nodePathMap: paths }, undefined, 2),
    // World-writable, as upstream: a pod's own user, whoever it is, must be able to write, and the folder above is root's.
    setup: '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n',
    teardown: '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n',
    "helperPod.yaml": pulumi.jsonStringify(helperPod, undefined, 2),
  };
}

function provisionerSpec(
  args: LocalPathArgs,
  account: pulumi.Output<string>,
  config: pulumi.Output<string>,
): k8s.types.input.apps.v1.DeploymentSpec {
  return {
    replicas: 1,
    selector: { matchLabels: appLabels },
    template: {
      metadata: { labels: appLabels },
      spec: {
        serviceAccountName: account,
        securityContext: restrictedPod(),
        terminationGracePeriodSeconds: releaseSeconds + 10,
        containers: [
          {
            name: "local-path-provisioner",
            image: args.image,
            imagePullPolicy: "IfNotPresent",
            command: ["local-path-provisioner", "start", "--config", "/etc/config/config.json"],
            // Volumes are released after the claims that go with their pods; told to stop, it still cleans those up.
            lifecycle: { preStop: { sleep: { seconds: releaseSeconds } } },
            env: [
              { name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
              { name: "CONFIG_MOUNT_PATH", value: "/etc/config/" },
            ],
            resources: {
              requests: { cpu: "10m", memory: "128Mi", "ephemeral-storage": "64Mi" },
              limits: { memory: "128Mi", "ephemeral-storage": "64Mi" },
            },
            securityContext: restrictedContainer,
            volumeMounts: [{ name: "config", mountPath: "/etc/config/", readOnly: true }],
          },
        ],
        volumes: [{ name: "config", configMap: { name: config } }],
      },
    },
  };
}
