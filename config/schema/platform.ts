import { expose } from "./services.ts";
import { integer, text, label, choice, flag, address, mapping, dnsName } from "./shapes.ts";

/** Whether the stack has the cluster to itself, or shares it and makes nothing outside its own namespaces. */
export const platformSchema = choice(["owned", "shared"]).default("owned");

export const namespacesSchema = mapping({
  apps: label("a namespace", "apps").default("apps"),
  monitoring: label("a namespace", "monitoring").default("monitoring"),
  /** Made where the stack has agents on the nodes: node-exporter, and the collector of logs. */
  agents: label("a namespace", "monitoring-agents").default("monitoring-agents"),
  /** Made where the stack has an ingress controller of its own. */
  ingress: label("a namespace", "ingress").default("ingress"),
  /** Made where the stack has a registry of its own. */
  registry: label("a namespace", "registry").default("registry"),
  /** Made where the stack has a cluster UI. */
  ui: label("a namespace", "cluster-ui").default("cluster-ui"),
  /** Of istiod and of what applies to the whole mesh. Made where the stack installs Istio; with quorum:mesh.mode existing, where that istiod is. */
  mesh: label("a namespace", "istio-system").default("istio-system"),
  /** Of Istio's agents on the nodes, made with it. */
  meshAgents: label("a namespace", "istio-cni").default("istio-cni"),
});

export const ingressSchema = mapping({
  /** The controller that the stack makes, `istio` being a gateway of its mesh; `existing` uses the one that the cluster has. */
  controller: choice(["traefik", "istio", "existing"]).default("existing"),
  /** Where the pods of an existing controller are: only they reach the services with `ingress`. @default every namespace of the cluster */
  controllerNamespace: label("a namespace", "ingress-nginx").optional(),
  /** IngressClass of every Ingress. @default traefik with a controller of ours, else the cluster's default class */
  className: text("the name of an IngressClass", "nginx", dnsName, 253).optional(),
  /** Whose annotations an existing controller follows: an Ingress says basicAuth and rewritePath by them. Ours follows nginx's. @default nobody's */
  annotations: choice(["nginx"]).optional(),
  /** Gateway of every HTTPRoute. With a controller of ours it is made, in quorum:namespaces.apps; otherwise it must be there. */
  gateway: mapping({
    name: text("the name of a Gateway", "public", dnsName, 253).default("quorum"),
    /** Where the Gateway of an existing controller is. */
    namespace: label("a namespace", "ingress").optional(),
  }).prefault({}),
  /** Pods of the controller. */
  replicas: integer(1, 100, 2).default(2),
  /** How the outside reaches the controller. */
  expose: mapping({
    httpPort: integer(1, 65535, 80).default(80),
    httpsPort: integer(1, 65535, 443).default(443),
    loadBalancerClass: text(
      "a balancer's class",
      "metallb.io/metallb",
      /^[a-z0-9]([a-z0-9.\/-]*[a-z0-9])?$/,
    ).optional(),
    address: address("an IPv4 address", "192.0.2.80").optional(),
  }).prefault({}),
});

export const uiSchema = mapping({
  headlamp: mapping({
    enabled: flag().default(false),
    expose: expose.optional(),
  }).prefault({}),
});
