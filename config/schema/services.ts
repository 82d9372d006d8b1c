import { z } from "zod";
import {
  allowed,
  integer,
  text,
  label,
  choice,
  flag,
  address,
  subnet,
  mapping,
  named,
  texts,
  textOr,
  list,
  dnsName,
  environment,
  files,
} from "./shapes.ts";
import { canarySchema, methodList, pathList, protocolSchema, routeSchema, versionName } from "./traffic.ts";

/** Longest service name: what is made from it must fit in the 63 characters of a DNS label, with a hash and an ordinal. */
const serviceNameLength = 50;
/** A name of quorum:images.builds or data/images.yaml, or a reference whose host has a dot, a port or is localhost. */
export const imageName = text(
  "a name of quorum:images.builds or data/images.yaml, or a full reference with its registry",
  "app",
  /^[a-z0-9][A-Za-z0-9._\/:@-]*$/,
);

export const expose = mapping({
  /** Port that the outside reaches. */
  port: integer(1, 65535, 9376),
  /** Name that the outside reaches it by; it goes into the stack's URLs. */
  hostname: text("a DNS name", "app.example.com", dnsName, 253).optional(),
  /** Balancer that serves it, where the cluster has several. */
  loadBalancerClass: text("a balancer's class", "metallb.io/metallb", /^[a-z0-9]([a-z0-9.\/-]*[a-z0-9])?$/).optional(),
  /** Address to ask the balancer for; on bare metal, one of its pool. */
  address: address("an IPv4 address", "192.0.2.80").optional(),
});

const cpuMillis = integer(1, 256_000, 100);
const memoryMiB = integer(16, 4_194_304, 128);

/** What a container may use. */
export const resources = mapping({
  /** Set aside for it. */
  cpuMillis: cpuMillis.default(100),
  /** Most that it gets. @default twice cpuMillis, at least 1000 */
  cpuLimitMillis: cpuMillis.optional(),
  /** Set aside for it, and the most that it gets. */
  memoryMiB: memoryMiB.default(128),
  /** Most that it may write to its own disk and to /tmp together. */
  ephemeralMiB: integer(16, 1_048_576, 256).default(256),
});

/** Something outside the cluster that a service calls. */
export const outbound = mapping({
  subnet: subnet("198.51.100.0/24"),
  port: integer(1, 65535, 443),
  protocol: choice(["TCP", "UDP"]).default("TCP"),
});

/** What a service or a job calls: a name, or with it what it asks for, where a mesh can tell. */
export const call = (name: ReturnType<typeof label>) =>
  textOr(
    name,
    mapping({
      service: name,
      /** @default all */
      methods: methodList.optional(),
      /** Paths, with a star at an end or a beginning for any. @default all */
      paths: pathList.optional(),
    }),
  );

const autoscale = mapping({
  minReplicas: integer(1, 1000, 2).default(2),
  maxReplicas: integer(2, 1000, 10),
  /** Average use of what is set aside, above which pods are added. @default 70, when memoryPercent is not given either */
  cpuPercent: integer(1, 1000, 70).optional(),
  memoryPercent: integer(1, 1000, 80).optional(),
  /** How long the use must have been lower before pods are taken away. @default 300 (Kubernetes' own) */
  scaleInSeconds: integer(0, 3600, 300).default(300),
});

/** A name of at most 63 characters, with a DNS name and a slash before it where needed. */
const labelKey =
  /^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const labelValue = allowed("the value of a node label", "ssd");

const toleration = mapping({
  key: text("the key of a taint", "dedicated", labelKey, 316),
  /** @default any value */
  value: text("the value of a taint", "batch", /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, 63).optional(),
  effect: choice(["NoSchedule", "PreferNoSchedule", "NoExecute"]).optional(),
});

const spreading = choice(["hard", "soft", "off"]);

const placement = mapping({
  nodeSelector: named(
    text("the key of a node label", "disktype", labelKey, 316),
    z
      .string(labelValue)
      .regex(/^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$/, labelValue)
      .max(63, labelValue),
    "node labels",
  ).default({}),
  tolerations: list(toleration, "tolerations").default([]),
  /** Whether pods must lie on different hosts (hard), should (soft) or need not. Pods whose volumes lie together already cannot be parted: soft lets them be. @default hard where the stack knows of as many hosts as pods, else soft */
  spreadHosts: spreading.optional(),
  /** The same for zones. @default hard where the stack knows of two zones or more with room for an even share of the pods, else soft */
  spreadZones: spreading.optional(),
});

const volume = mapping({
  mountPath: text("an absolute folder", "/var/lib/shop", /^(\/(?!\.\.?(\/|$))[A-Za-z0-9._-]+)+$/),
  /** Volumes that exist keep their size: a change of a StatefulSet's is refused. */
  storageGiB: integer(1, 65_536, 10),
  className: text("the name of a StorageClass", "local-path", dnsName, 253).optional(),
  /** Whether it outlives the service; those of a StatefulSet all do or none. @default quorum:storage.retain */
  retain: flag().optional(),
  /** Whether it is backed up to quorum:backup. */
  backup: flag().default(false),
});

/** What every controller takes as it is: nothing that stands for something else in an address or in an expression. */
const urlPath = (example: string) =>
  text(
    "a path that begins with /, of letters, digits, hyphens, dots and underscores",
    example,
    /^(\/|(\/\.?[A-Za-z0-9_-][A-Za-z0-9._-]*)+\/?)$/,
    255,
  );

const hostname = text("a DNS name", "shop.example.com", dnsName, 253);

const ingressTls = mapping({
  /** Secret with the certificate. @default <service>-tls */
  secretName: text("the name of a Secret", "shop-tls", dnsName, 253).optional(),
  /** ClusterIssuer of cert-manager that makes the Secret. Without it the Secret must be there. */
  issuer: text("the name of a ClusterIssuer", "letsencrypt", dnsName, 253).optional(),
});

/** How a part of the platform is reached through the ingress controller. */
export const ingressAddress = mapping({ hostname, tls: ingressTls.optional() });

const ingress = mapping({
  /** Name that requests ask for. */
  hostname,
  path: urlPath("/shop").default("/"),
  api: choice(["Ingress", "HTTPRoute"]).default("Ingress"),
  tls: ingressTls.optional(),
  /** User name to password; whoever asks must give one of them. */
  basicAuth: texts("passwords, by user name").optional(),
  /** What the service sees in place of `path`. */
  rewritePath: urlPath("/").optional(),
});

const serviceSecrets = mapping({
  /** Environment variables that are secret. */
  env: environment().default({}),
  /** Secret files, mounted at /etc/<service name>-secrets. */
  files: files().default({}),
  /** Environment variables from quorum:security.generatedSecrets: variable to `<secret>/<key>`. */
  generated: environment().default({}),
});

/** What of a service is another in one of its versions. */
const version = mapping({
  /** Share of the requests in percent; those of all versions are 100 together. @default 0, and 100 for the only one */
  weight: integer(0, 100, 50).optional(),
  image: imageName.optional(),
  replicas: integer(1, 1000, 2).optional(),
  autoscale: autoscale.optional(),
  /** Comes over that of the service. */
  env: environment().default({}),
  resources: mapping({
    cpuMillis: cpuMillis.optional(),
    cpuLimitMillis: cpuMillis.optional(),
    memoryMiB: memoryMiB.optional(),
    ephemeralMiB: integer(16, 1_048_576, 256).optional(),
  }).prefault({}),
});

export const serviceName = label("a service name", "metricsdemo", serviceNameLength);

export const serviceSchema = mapping({
  image: imageName,
  /** StatefulSet: pods with names and volumes of their own. DaemonSet: one pod on each node. A change replaces it. */
  kind: choice(["Deployment", "StatefulSet", "DaemonSet"]).default("Deployment"),
  /** What the service does; the image's program reads it as ROLE and it becomes the label instancetype. */
  role: label("a role that the image knows", "web"),
  /** How a StatefulSet starts and scales: all pods at once, or each after the one before. A change replaces it. @default Parallel, as a pod that never gets ready then holds up no other */
  podManagement: choice(["Parallel", "OrderedReady"]).optional(),
  /** @default 2, and 1 for a Deployment with volumes; not for a DaemonSet, nor beside autoscale */
  replicas: integer(1, 1000, 2).optional(),
  autoscale: autoscale.optional(),
  /** Port that the container listens on. */
  port: integer(1, 65535, 80).default(8080),
  expose: expose.optional(),
  /** Port of the Service. @default expose.port, or else port */
  servicePort: integer(1, 65535, 80).optional(),
  /** Whether its name stands for the pods themselves, not for an address of its own. @default true for a StatefulSet's own peers only */
  headless: flag().default(false),
  /** Time for which a client stays with one pod. @default none: each connection for itself */
  affinitySeconds: integer(1, 86_400, 10_800).optional(),
  ingress: ingress.optional(),
  /** Services and hosts of quorum:mesh.external that it calls. What is not declared is refused by the network, and in a mesh by both proxies. Its own name lets the pods of a StatefulSet call each other. */
  calls: list(call(label("the name of a service", "svcb", serviceNameLength)), "service names").default([]),
  /** What outside the cluster it calls. Of a wide subnet, what lies in the cluster and 169.254.0.0/16 is left out. */
  outbound: list(outbound, "subnets and ports").default([]),
  /** From where it may be reached besides the services that call it. @default outside with `expose`, ingress with `ingress` */
  exposedTo: list(choice(["outside", "ingress"]), "places").optional(),
  /** Whether Prometheus scrapes it. */
  scrape: flag().default(true),
  /** Whether it is told where to send its traces, where the stack takes any. */
  traces: flag().default(true),
  /** Label apptype, by which Prometheus chooses what it scrapes. */
  type: label("the kind of service", "business").default("business"),
  env: environment().default({}),
  /** Files of the service, mounted at /etc/<service name>. */
  config: files().default({}),
  secrets: serviceSecrets.prefault({}),
  volumes: named(label("a volume name", "data", 30), volume, "volumes, by name").default({}),
  resources: resources.prefault({}),
  /** Versions that run side by side, each with pods of its own. They have all that the service has but what they say themselves. Needs a mesh. */
  versions: named(versionName, version, "versions, by name").optional(),
  canary: canarySchema.optional(),
  route: routeSchema.optional(),
  /** Whether its pods are in the mesh, where the stack has one. @default true */
  mesh: flag().optional(),
  /** What is spoken at its port. @default http in a mesh; without one nobody asks */
  protocol: protocolSchema.optional(),
  /** What is started first and preempted last when room is short. */
  priority: choice(["critical", "standard", "batch"]).default("standard"),
  placement: placement.prefault({}),
  /** Time without progress after which the roll-out of a Deployment counts as failed. @default 300 */
  progressSeconds: integer(30, 3600, 300).optional(),
  /** Whether a failed roll-out goes back to the last good one by itself. */
  rollback: flag().default(false),
  probes: mapping({
    readinessPath: text("a path that begins with /", "/health", /^\/[^\s]*$/).default("/health"),
    livenessPath: text("a path that begins with /", "/api/job/alive/check", /^\/[^\s]*$/).default(
      "/api/job/alive/check",
    ),
    periodSeconds: integer(1, 300, 5).default(5),
    timeoutSeconds: integer(1, 300, 1).default(1),
    /** Time from the start of the container until it must answer. */
    startupSeconds: integer(1, 3600, 60).default(60),
  }).prefault({}),
  /** Time from the order to stop until the process is killed. */
  gracePeriodSeconds: integer(10, 3600, 30).default(30),
});
