import { z } from "zod";
import { parseAddress, parseSubnet } from "../components/plan/subnet.ts";

/** Longest service name: what is made from it must fit in the 63 characters of a DNS label, with a hash and an ordinal. */
const serviceNameLength = 50;
const dnsLabel = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
const repository = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/;
const dnsName = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** An error message of this schema says what is allowed, then, after a semicolon, the fix. */
function allowed(what: string, example: string): { error: string } {
  return { error: `${what}; set it, for example to ${example}` };
}

function integer(min: number, max: number, example: number) {
  const message = allowed(`an integer from ${min} to ${max}`, String(example));
  return z.int(message).min(min, message).max(max, message);
}

function text(what: string, example: string, pattern = /^[^\n]+$/, maxLength = 1024) {
  const message = allowed(what, example);
  return z.string(message).regex(pattern, message).max(maxLength, message);
}

function label(what: string, example: string, maxLength = 63) {
  const shape = `${what}: a DNS label of at most ${maxLength} lower-case letters, digits and hyphens that begins with a letter`;
  return text(shape, example, dnsLabel, maxLength);
}

function choice<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, { error: `one of ${values.join(", ")}; set it to one of them` });
}

function flag() {
  return z.boolean({ error: "true or false; set it to one of them, without quotes" });
}

function address(what: string, example: string) {
  const message = allowed(what, example);
  return z.string(message).refine((value) => parseAddress(value) !== undefined, message);
}

function subnet(example: string) {
  const message = allowed("an IPv4 range whose address is its first one", example);
  return z.string(message).refine((value) => parseSubnet(value) !== undefined, message);
}

/** A mapping that refuses keys it does not know; the message for those is the list of known ones. */
function mapping<Shape extends z.core.$ZodShape>(shape: Shape) {
  const keys = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? keys : `a mapping with ${keys}; write it as one`),
  });
}

function named<Value extends z.ZodType>(name: z.ZodString, value: Value, what: string) {
  return z.record(name, value, { error: `a mapping of ${what}; write it as one` });
}

const fields = z.record(z.string(), z.unknown(), { error: "a mapping of the fields of its kind; write it as one" });
const texts = (what: string) =>
  z.record(z.string(), z.string({ error: "text; put it in quotes" }), {
    error: `a mapping of ${what}; write it as one`,
  });
const list = <Item extends z.ZodType>(item: Item, what: string) =>
  z.array(item, { error: `a list of ${what}; write it as one` });

const expose = mapping({
  /** Port that the outside reaches. */
  port: integer(1, 65535, 9376),
  /** Name that the outside reaches it by; it goes into the stack's URLs. */
  hostname: text("a DNS name", "app.example.com", dnsName, 253).optional(),
});

const build = mapping({
  /** Folder that is sent to the builder, from the folder of Pulumi.yaml. */
  context: text("a folder", "app"),
  /** @default Dockerfile in the context */
  dockerfile: text("a file", "app/Dockerfile").optional(),
  /** Network of the build's own commands. */
  network: choice(["default", "host", "none"]).optional(),
  /** Given, nothing is built: this image is used. */
  digest: text("sha256: and 64 hex digits", `sha256:${"0".repeat(8)}…`, /^sha256:[0-9a-f]{64}$/).optional(),
  platform: text("os/architecture", "linux/amd64", /^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9]+)?$/).default("linux/amd64"),
  args: texts("build arguments").default({}),
  credentials: mapping({
    username: text("the registry's user name", "robot"),
    password: text("a secret", "one made by `pulumi config set --secret --path`"),
  }).optional(),
});

export const imagesSchema = mapping({
  /** Registry that our own images are pushed to and pulled from. */
  registry: text("a registry host, with a port or path where needed", "localhost:5000", repository),
  /** Registry that stands in for the host of every third-party reference. */
  mirror: text("a registry host, with a port or path where needed", "localhost:5000", repository).optional(),
  /** Third-party images, by their names in data/images.yaml, that this site cannot provide. */
  unavailable: list(text("a name of data/images.yaml", "metrics-server"), "image names").default([]),
  builds: named(label("an image name", "app"), build, "images to build, by name").default({}),
});

export const serviceName = label("a service name", "metricsdemo", serviceNameLength);

export const serviceSchema = mapping({
  image: label("the name of one of quorum:images.builds", "app"),
  /** What the service does; the image's program reads it as ROLE and it becomes the label instancetype. */
  role: label("a role that the image knows", "web"),
  replicas: integer(1, 100, 2).default(2),
  /** Port that the container listens on. */
  port: integer(1, 65535, 80).default(8080),
  expose: expose.optional(),
  /** Port of the Service. @default expose.port, or else port */
  servicePort: integer(1, 65535, 80).optional(),
  /** Whether Prometheus scrapes it. */
  scrape: flag().default(true),
  /** Label apptype, by which Prometheus chooses what it scrapes. */
  type: label("the kind of service", "business").default("business"),
  env: texts("environment variables").default({}),
  /** Files of the service, mounted at /etc/<service name>. */
  config: texts("files: name to text").default({}),
  resources: mapping({
    cpuMillis: integer(1, 256_000, 100).default(100),
    memoryMiB: integer(16, 4_194_304, 128).default(128),
  }).prefault({}),
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

export const namespacesSchema = mapping({
  apps: label("a namespace", "apps").default("apps"),
  monitoring: label("a namespace", "monitoring").default("monitoring"),
});

export const storageSchema = mapping({
  /** Who makes volumes. @default local-path on a control plane of ours, existing on another */
  provisioner: choice(["local-path", "existing"]).optional(),
  /** StorageClass of every volume. @default local-path, or with `existing` the cluster's default class */
  className: text("the name of a StorageClass", "local-path", dnsName, 253).optional(),
  /** Whether volumes outlive what made them. @default true, but false on local hosts */
  retain: flag().optional(),
  /** Folder on each node that local-path keeps volumes in. */
  path: text("an absolute folder", "/var/lib/quorum/volumes", /^(\/[A-Za-z0-9._-]+)+$/).default(
    "/var/lib/quorum/volumes",
  ),
});

export const monitoringSchema = mapping({
  prometheus: mapping({
    enabled: flag().default(true),
    replicas: integer(1, 5, 2).default(1),
    retentionDays: integer(1, 3650, 15).default(15),
    storageGiB: integer(1, 65_536, 10).default(10),
    /** At most 2 minutes: Prometheus takes a series without a sample for 5 as gone, and one scrape may fail. */
    scrapeIntervalSeconds: integer(1, 120, 15).default(15),
    expose: expose.optional(),
    cpuMillis: integer(1, 256_000, 100).default(100),
    memoryMiB: integer(128, 4_194_304, 512).default(512),
    /** Whether POST /-/reload and /-/quit answer; a changed configuration is read without it too. */
    lifecycle: flag().default(false),
  }).prefault({}),
  metricsServer: mapping({
    /** @default true on a control plane of ours, false on another */
    enabled: flag().optional(),
    /** Whether kubelet certificates go unchecked: only where kubelets have none that the cluster signed. */
    kubeletInsecureTls: flag().default(false),
  }).prefault({}),
});

const host = mapping({
  address: address("an IPv4 address", "192.0.2.11"),
  role: choice(["control-plane", "worker"]).default("control-plane"),
  schedulable: flag().optional(),
  zone: label("a zone", "a").optional(),
  podSubnet: subnet("10.244.1.0/24").optional(),
  kubelet: fields.default({}),
});

const hostPort = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?:([1-9]\d{0,4})$/;

export const controlPlaneSchema = z.discriminatedUnion(
  "mode",
  [
    mapping({
      mode: z.literal("existing"),
      /** Context of the kubeconfig; never the current one by accident. */
      context: text("the name of a kubeconfig context (the current one is never taken by itself)", "kind-kind"),
      kubeconfig: text("a kubeconfig file", "~/.kube/config").optional(),
    }),
    mapping({
      mode: z.literal("kubeadm"),
      kubernetesVersion: text("a full version without v", "1.37.2", /^\d+\.\d+\.\d+$/),
      clusterName: label("a cluster name", "quorum-prod"),
      /** The hosts are those that `npm run local` makes on this machine. */
      local: flag().default(false),
      hosts: named(label("a host name", "cp-a"), host, "hosts, by name"),
      firstHost: label("the name of the host that begins the cluster", "cp-a").optional(),
      endpoint: text("host:port", "k8s.example.com:6443", hostPort, 259).optional(),
      ssh: mapping({
        user: text("a user name", "root", /^[a-z_][a-z0-9_-]*$/, 32).default("root"),
        port: integer(1, 65535, 22).default(22),
        privateKeyFile: text("a private key file", "~/.ssh/id_ed25519").optional(),
        privateKey: z.string({ error: "a secret; set it with `pulumi config set --secret --path`" }).min(1).optional(),
      }),
      network: mapping({
        podSubnet: subnet("10.244.0.0/16").default("10.244.0.0/16"),
        serviceSubnet: subnet("10.96.0.0/16").default("10.96.0.0/16"),
        plugin: choice(["routed", "none"]).default("routed"),
      }).prefault({}),
      kubelet: fields.default({}),
      kubeProxy: fields.default({}),
      ignorePreflightErrors: list(text("a kubeadm check", "Swap", /^[A-Za-z0-9./-]+$/), "kubeadm checks").default([]),
      certSans: list(text("a DNS name or address", "k8s.example.com", dnsName), "names and addresses").default([]),
    }),
  ],
  {
    error: (issue) =>
      issue.code === "invalid_union"
        ? "one of existing, kubeadm; set it to one of them"
        : "a mapping with mode existing or kubeadm; write it as one",
  },
);

/** Every section of the configuration: `quorum:<name>` in Pulumi.<stack>.yaml. */
export const sections = {
  images: imagesSchema,
  services: named(serviceName, serviceSchema, "services, by name"),
  namespaces: namespacesSchema,
  storage: storageSchema,
  monitoring: monitoringSchema,
  controlPlane: controlPlaneSchema,
} as const;

export type SectionName = keyof typeof sections;
export type Images = z.infer<typeof imagesSchema>;
export type Service = z.infer<typeof serviceSchema>;
export type Namespaces = z.infer<typeof namespacesSchema>;
export type Storage = z.infer<typeof storageSchema>;
export type Monitoring = z.infer<typeof monitoringSchema>;
export type ControlPlane = z.infer<typeof controlPlaneSchema>;
