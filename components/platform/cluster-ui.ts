import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { headlampPort, viewerAccount } from "../plan/platform/cluster-ui.ts";
import { exposure, type ExposureArgs } from "./exposure.ts";
import { restrictedContainer, restrictedPod } from "./restricted.ts";

export interface ClusterUiArgs {
  readonly namespace: pulumi.Input<string>;
  /** Image of Headlamp. */
  readonly image: pulumi.Input<string>;
  /** How the outside reaches it. @default not at all: by kubectl port-forward */
  readonly expose?: ExposureArgs | undefined;
  /** Namespaces, by their purpose, that may be looked at. @default the whole cluster */
  readonly only?: Readonly<Record<string, pulumi.Input<string>>> | undefined;
}

const selector = { app: "headlamp" };
const rbacGroup = "rbac.authorization.k8s.io";
/** User and group of the image. @see https://github.com/kubernetes-sigs/headlamp/blob/main/charts/headlamp/values.yaml */
const userId = 100;
const groupId = 101;

/**
 * Headlamp, and an account that may read and do nothing else, Secrets least of all.
 *
 * Headlamp has no rights of its own: whoever looks gives a token, by which the API server decides. That of the account is made on
 * demand (`npm run ui -- token`), lives for an hour, and is in no state.
 */
export class ClusterUi extends pulumi.ComponentResource {
  constructor(name: string, args: ClusterUiArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:ClusterUi", name, {}, opts);
    const { namespace } = args;
    const account = this.account(`${name}-account`, "headlamp", namespace);
    this.view(`${name}-viewer`, args, this.account(`${name}-viewer`, viewerAccount, namespace));
    new k8s.apps.v1.Deployment(
      `${name}-deployment`,
      {
        metadata: { name: "headlamp", namespace, labels: selector },
        spec: {
          replicas: 1,
          revisionHistoryLimit: 5,
          selector: { matchLabels: selector },
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          template: { metadata: { labels: selector }, spec: podSpec(args, account) },
        },
      },
      { parent: this },
    );
    const { type, annotations, ...fields } = exposure(args.expose);
    new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata: { name: "headlamp", namespace, labels: selector, ...(annotations && { annotations }) },
        spec: {
          type,
          selector,
          ...fields,
          ports: [{ name: "http", port: args.expose?.port ?? 80, protocol: "TCP", targetPort: "http" }],
        },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }

  private account(name: string, accountName: string, namespace: pulumi.Input<string>): pulumi.Output<string> {
    return new k8s.core.v1.ServiceAccount(
      name,
      { metadata: { name: accountName, namespace, labels: selector }, automountServiceAccountToken: false },
      { parent: this },
    ).metadata.name;
  }

  /** Kubernetes' own role `view` leaves Secrets out, and comes with every cluster: a stack that shares one need not make it. */
  private view(name: string, args: ClusterUiArgs, account: pulumi.Output<string>): void {
    const subjects = [{ kind: "ServiceAccount", name: account, namespace: args.namespace }];
    const parent = { parent: this };
    const roleRef = (roleName: pulumi.Input<string>) => ({ apiGroup: rbacGroup, kind: "ClusterRole", name: roleName });
    if (args.only !== undefined) {
      for (const [place, namespace] of Object.entries(args.only)) {
        new k8s.rbac.v1.RoleBinding(
          `${name}-view-${place}`,
          { metadata: { name: viewerAccount, namespace, labels: selector }, roleRef: roleRef("view"), subjects },
          parent,
        );
      }
      return;
    }
    const role = new k8s.rbac.v1.ClusterRole(
      `${name}-role`,
      { metadata: { name: "quorum-headlamp-viewer", labels: selector }, rules: clusterWide },
      parent,
    );
    for (const [suffix, roleName] of Object.entries({ view: "view", cluster: role.metadata.name })) {
      new k8s.rbac.v1.ClusterRoleBinding(
        `${name}-${suffix}`,
        {
          metadata: { name: `quorum-headlamp-viewer-${suffix}`, labels: selector },
          roleRef: roleRef(roleName),
          subjects,
        },
        parent,
      );
    }
  }
}

/** What lies in no namespace, and in `view` therefore not. */
const clusterWide = Object.entries({
  "": ["namespaces", "nodes", "persistentvolumes"],
  "apiextensions.k8s.io": ["customresourcedefinitions"],
  "gateway.networking.k8s.io": ["gatewayclasses", "gateways", "httproutes"],
  "metrics.k8s.io": ["nodes", "pods"],
  "networking.k8s.io": ["ingressclasses"],
  "rbac.authorization.k8s.io": ["clusterrolebindings", "clusterroles", "rolebindings", "roles"],
  "scheduling.k8s.io": ["priorityclasses"],
  "storage.k8s.io": ["storageclasses"],
}).map(([group, resources]) => ({ apiGroups: [group], resources, verbs: ["get", "list", "watch"] }));

function podSpec(args: ClusterUiArgs, account: pulumi.Output<string>): k8s.types.input.core.v1.PodSpec {
  const get = { httpGet: { path: "/", port: "http" } };
  return {
    serviceAccountName: account,
    // For the API server's address and certificate; the account itself has no rights.
    automountServiceAccountToken: true,
    enableServiceLinks: false,
    securityContext: { ...restrictedPod(userId), runAsGroup: groupId, fsGroup: groupId },
    containers: [
      {
        name: "headlamp",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        args: ["-in-cluster", "-plugins-dir=/headlamp/plugins"],
        ports: [{ name: "http", containerPort: headlampPort, protocol: "TCP" }],
        startupProbe: { ...get, periodSeconds: 1, failureThreshold: 60 },
        readinessProbe: { ...get, periodSeconds: 5, failureThreshold: 2 },
        livenessProbe: { ...get, periodSeconds: 10, failureThreshold: 3 },
        lifecycle: { preStop: { sleep: { seconds: 5 } } },
        resources: {
          requests: { cpu: "50m", memory: "256Mi", "ephemeral-storage": "64Mi" },
          limits: { cpu: "500m", memory: "256Mi", "ephemeral-storage": "128Mi" },
        },
        securityContext: restrictedContainer,
        volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
      },
    ],
    volumes: [{ name: "tmp", emptyDir: { sizeLimit: "64Mi" } }],
  };
}
