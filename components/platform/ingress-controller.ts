import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { exposure } from "./exposure.ts";
import { podBudget } from "./pod-budget.ts";
import { classLabel, controllerOf, type IngressControllerArgs, selector, traefikPod } from "./traefik-pod.ts";

export type { IngressControllerArgs } from "./traefik-pod.ts";

const rbacGroup = "rbac.authorization.k8s.io";

/**
 * Traefik: requests by name and path to the stack's services, TLS included.
 *
 * It follows the annotations of ingress-nginx, so that an Ingress means the same with either, and needs no CRDs of its own. Its
 * rights end at the namespaces that it serves, but for the names of namespaces and classes.
 *
 * @see https://doc.traefik.io/traefik/reference/install-configuration/providers/kubernetes/kubernetes-ingress-nginx/
 */
export class IngressController extends pulumi.ComponentResource {
  /** Name of the IngressClass, known once the controller runs: what uses it comes after it. */
  readonly className: pulumi.Output<string>;
  /** Name of the GatewayClass; undefined without the Gateway API. */
  readonly gatewayClassName: pulumi.Output<string> | undefined;

  constructor(name: string, args: IngressControllerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:IngressController", name, {}, opts);
    const { namespace } = args;
    const className = args.className ?? "traefik";
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-account`,
      { metadata: { name: "traefik", namespace, labels: selector }, automountServiceAccountToken: false },
      { parent: this },
    );
    const grants = this.grant(name, args, account.metadata.name);
    const service = this.serve(name, args);
    const deployment = new k8s.apps.v1.Deployment(
      `${name}-deployment`,
      {
        metadata: { name: "traefik", namespace, labels: selector },
        spec: {
          replicas: args.replicas ?? 2,
          revisionHistoryLimit: 5,
          selector: { matchLabels: selector },
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          template: {
            metadata: { labels: selector },
            spec: traefikPod(args, account.metadata.name, service.metadata.name),
          },
        },
      },
      { parent: this, dependsOn: grants },
    );
    if ((args.replicas ?? 2) > 1) {
      podBudget(`${name}-budget`, { name: "traefik", namespace, labels: selector }, { parent: this });
    }
    this.className = new k8s.networking.v1.IngressClass(
      `${name}-class`,
      {
        metadata: { name: className, labels: selector },
        spec: { controller: controllerOf(namespace) },
      },
      { parent: this, dependsOn: [deployment] },
    ).metadata.name;
    this.gatewayClassName = args.gatewayApi ? this.gatewayClass(name, className, args, deployment) : undefined;
    this.registerOutputs({});
  }

  private gatewayClass(
    name: string,
    className: string,
    { namespace }: IngressControllerArgs,
    deployment: k8s.apps.v1.Deployment,
  ): pulumi.Output<string> {
    return new k8s.apiextensions.CustomResource(
      `${name}-gateway-class`,
      {
        apiVersion: "gateway.networking.k8s.io/v1",
        kind: "GatewayClass",
        metadata: { name: className, labels: { ...selector, [classLabel]: namespace } },
        spec: { controllerName: "traefik.io/gateway-controller" },
      },
      { parent: this, dependsOn: [deployment] },
    ).metadata.name;
  }

  private serve(name: string, { namespace, expose }: IngressControllerArgs): k8s.core.v1.Service {
    const { httpPort, httpsPort, ...balancer } = expose;
    const { type, annotations, ...fields } = exposure({ ...balancer, port: httpPort });
    return new k8s.core.v1.Service(
      `${name}-service`,
      {
        metadata: { name: "traefik", namespace, labels: selector, annotations: annotations ?? {} },
        spec: {
          type,
          selector,
          ...fields,
          ports: [
            { name: "web", port: httpPort, protocol: "TCP", targetPort: "web" },
            { name: "websecure", port: httpsPort, protocol: "TCP", targetPort: "websecure" },
          ],
        },
      },
      { parent: this },
    );
  }

  private grant(name: string, args: IngressControllerArgs, account: pulumi.Output<string>): pulumi.CustomResource[] {
    const gatewayApi = args.gatewayApi ?? false;
    const subjects = [{ kind: "ServiceAccount", name: account, namespace: args.namespace }];
    const parent = { parent: this };
    const clusterRole = new k8s.rbac.v1.ClusterRole(
      `${name}-cluster-role`,
      { metadata: { name: "quorum-traefik", labels: selector }, rules: clusterRules(gatewayApi) },
      parent,
    );
    // Its own namespace is one of those it reads, for the Service whose address it writes into the Ingresses.
    const bindings = Object.entries({ own: args.namespace, ...args.served }).map(([place, namespace]) => {
      const role = new k8s.rbac.v1.Role(
        `${name}-${place}-role`,
        { metadata: { name: "traefik", namespace, labels: selector }, rules: namespaceRules(gatewayApi) },
        parent,
      );
      return new k8s.rbac.v1.RoleBinding(
        `${name}-${place}-binding`,
        {
          metadata: { name: "traefik", namespace, labels: selector },
          roleRef: { apiGroup: rbacGroup, kind: "Role", name: role.metadata.name },
          subjects,
        },
        parent,
      );
    });
    const clusterBinding = new k8s.rbac.v1.ClusterRoleBinding(
      `${name}-cluster-binding`,
      {
        metadata: { name: "quorum-traefik", labels: selector },
        roleRef: { apiGroup: rbacGroup, kind: "ClusterRole", name: clusterRole.metadata.name },
        subjects,
      },
      parent,
    );
    return [clusterBinding, ...bindings];
  }
}

type Rules = k8s.types.input.rbac.v1.PolicyRule[];
const read = ["get", "list", "watch"];
const gatewayGroup = ["gateway.networking.k8s.io"];

function clusterRules(gatewayApi: boolean): Rules {
  return [
    { apiGroups: [""], resources: ["namespaces"], verbs: read },
    { apiGroups: ["networking.k8s.io"], resources: ["ingressclasses"], verbs: read },
    ...(gatewayApi
      ? [
          { apiGroups: gatewayGroup, resources: ["gatewayclasses"], verbs: read },
          { apiGroups: gatewayGroup, resources: ["gatewayclasses/status"], verbs: ["update"] },
        ]
      : []),
  ];
}

function namespaceRules(gatewayApi: boolean): Rules {
  const kinds = ["backendtlspolicies", "gateways", "grpcroutes", "httproutes", "tlsroutes"];
  return [
    // All Secrets of the namespace: it lists certificates and passwords by kind, and cannot be told which are its own.
    { apiGroups: [""], resources: ["configmaps", "secrets", "services"], verbs: read },
    { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: read },
    { apiGroups: ["networking.k8s.io"], resources: ["ingresses"], verbs: read },
    { apiGroups: ["networking.k8s.io"], resources: ["ingresses/status"], verbs: ["update"] },
    ...(gatewayApi
      ? [
          { apiGroups: gatewayGroup, resources: [...kinds, "referencegrants"], verbs: read },
          { apiGroups: gatewayGroup, resources: kinds.map((kind) => `${kind}/status`), verbs: ["update"] },
        ]
      : []),
  ];
}
