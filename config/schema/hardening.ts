import { z } from "zod";
import { choice, dnsLabel, flag, integer, label, list, mapping, named, text } from "./shapes.ts";

const resource = text(
  "a kind as resource or resource.group, in lower case",
  "configmaps",
  /^[a-z]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
  253,
);

const issuer = mapping({
  url: text(
    "an https address without query and fragment",
    "https://login.example.com",
    /^https:\/\/[^\s/?#@]+[^\s?#]*$/,
  ),
  /** Who its tokens must be for: the clients' names at the provider. */
  audiences: list(text("a client's name at the provider", "kubernetes"), "clients' names").min(1, {
    error: "a list of one client's name at least; set it, for example to [kubernetes]",
  }),
  usernameClaim: text("a claim", "sub", /^[^\s]+$/, 253).default("sub"),
  /** Put before every user's name. @default the issuer's name here and a colon */
  usernamePrefix: z.string({ error: "text; put it in quotes" }).max(253).optional(),
  groupsClaim: text("a claim", "groups", /^[^\s]+$/, 253).optional(),
  groupsPrefix: z.string({ error: "text; put it in quotes" }).max(253).default(""),
  requiredClaims: named(
    text("a claim", "hd", /^[^\s]+$/, 253),
    z.string({ error: "text; put it in quotes" }),
    "claims that a token must have",
  ).default({}),
  certificateAuthority: text(
    "certificates in PEM that sign the provider's own",
    "the text between and with the lines BEGIN and END CERTIFICATE",
    /^\s*-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\s*$/,
    262_144,
  ).optional(),
});

const flags = named(
  text("a flag without its hyphens", "goaway-chance", /^[a-z][a-z0-9-]*$/, 100),
  text("text; put it in quotes", '"0.001"', /^[^\n]*$/, 4096),
  "flags: name to value",
).default({});

/** Keys of `quorum:controlPlane` that are about how what kubeadm makes is hardened. */
export const hardeningKeys = {
  encryption: mapping({
    /** How the API server writes Secrets to etcd; identity: in plain. */
    provider: choice(["secretbox", "aescbc", "identity"]).default("secretbox"),
    resources: list(resource, "kinds of objects")
      .min(1, { error: "a list of one kind at least; set it, for example to [secrets]" })
      .default(["secrets"]),
    /** Raise it by one to have a new key. */
    keyGeneration: integer(1, 1000, 2).default(1),
  }).prefault({}),
  audit: mapping({
    enabled: flag().default(true),
    maxAgeDays: integer(1, 3650, 30).default(30),
    maxBackups: integer(1, 1000, 10).default(10),
    maxSizeMiB: integer(1, 10_240, 100).default(100),
  }).prefault({}),
  /** Identity providers whose tokens the API server takes. */
  issuers: named(label("an issuer's name", "login"), issuer, "issuers, by name").default({}),
  apiServer: mapping({
    /** @default by the memory of the smallest control-plane host */
    maxRequestsInFlight: integer(1, 100_000, 400).optional(),
    /** @default half of maxRequestsInFlight */
    maxMutatingRequestsInFlight: integer(1, 100_000, 200).optional(),
  }).prefault({}),
  /** Flags over those that the plan sets. */
  flags: mapping({ apiServer: flags, controllerManager: flags, scheduler: flags, etcd: flags }).prefault({}),
  certificates: mapping({
    days: integer(1, 3650, 365).default(365),
    /** Counts when the cluster begins. */
    authorityDays: integer(1, 36_500, 3650).default(3650),
  }).prefault({}),
  /** The site installs this cloud's controller manager. */
  cloudProvider: text("the name of a cloud, in lower case", "openstack", dnsLabel, 63).optional(),
};
