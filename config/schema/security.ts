import { integer, text, label, choice, mapping, named, list, dnsName } from "./shapes.ts";

const quota = mapping({
  pods: integer(1, 100_000, 50),
  cpuMillis: integer(1, 100_000_000, 8000),
  memoryMiB: integer(1, 1_000_000_000, 16_384),
  storageGiB: integer(0, 1_000_000_000, 100),
  /** Services that the outside reaches through a balancer. */
  loadBalancers: integer(0, 1000, 2),
}).partial();

const groups = list(text("a group of your identity provider", "team-shop", /^\S+$/, 256), "group names").default([]);

const generatedSecret = mapping({
  /** @default apps */
  namespace: choice(["apps", "monitoring", "registry", "ui"]).default("apps"),
  /** Keys of the Secret, each with a value of its own. */
  keys: list(text("a key of a Secret", "password", /^[A-Za-z0-9._-]+$/, 253), "keys").default(["password"]),
  /** Letters and digits of each value. */
  length: integer(16, 512, 32).default(32),
});

export const securitySchema = mapping({
  /** Most that the pods of a namespace may have together. @default sized from the stack's own services, with room for a roll-out */
  quota: mapping({ apps: quota.optional(), monitoring: quota.optional() }).prefault({}),
  /** Groups by what they may do in the stack's namespaces. */
  access: mapping({
    /** See everything but Secrets. */
    viewers: groups,
    /** Besides: change workloads, read logs, run commands in pods. */
    developers: groups,
    /** Besides: change Secrets, policies and access, and see nodes. */
    operators: groups,
  }).prefault({}),
  /** Namespaces that admission leaves alone besides kube-system and those that the API server needs. */
  exemptNamespaces: list(label("a namespace", "istio-system"), "namespaces").default([]),
  /** Signatures of images; checked by sigstore's policy-controller, which the cluster must have. */
  signatures: mapping({
    publicKey: text("a public key in PEM form", "-----BEGIN PUBLIC KEY-----…", /^-----BEGIN PUBLIC KEY-----/, 65_536),
  }).optional(),
  /** Secrets that nobody has to choose: made in the cluster, once; `npm run secret -- rotate NAME` makes them anew. */
  generatedSecrets: named(
    text("the name of a Secret", "shop-database", dnsName, 200),
    generatedSecret,
    "secrets, by name",
  ).default({}),
});
