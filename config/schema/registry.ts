import { z } from "zod";
import { integer, text, mapping, dnsName } from "./shapes.ts";

const shared = {
  /** Name that people and nodes reach it by. */
  hostname: text("a DNS name", "registry.example.com", dnsName, 253),
  port: integer(1, 65535, 443).default(443),
  storageGiB: integer(1, 65_536, 100).default(100),
  tls: mapping({
    /** Secret with the certificate. */
    secretName: text("the name of a Secret", "registry-tls", dnsName, 253).default("registry-tls"),
    /** ClusterIssuer of cert-manager that makes the Secret. Without it the Secret must be there. */
    issuer: text("the name of a ClusterIssuer", "letsencrypt", dnsName, 253).optional(),
  }).prefault({}),
};

/** A registry in the cluster. An external one needs none of this: quorum:images names it, and its credentials. */
export const registrySchema = z.discriminatedUnion(
  "kind",
  [
    mapping({
      kind: z.literal("distribution"),
      ...shared,
      /** Lines of an htpasswd file with bcrypt hashes, as `htpasswd -nbB` prints them. */
      htpasswd: text(
        "lines of an htpasswd file with bcrypt hashes",
        "robot:$2y$05$…",
        /^([^:\s]+:\$2[aby]\$|unset:registry\.htpasswd$)/,
        65_536,
      ),
      /** When layers that no image names are taken away; the registry restarts for it. */
      garbageCollection: text("five cron fields", "23 3 * * 0").default("23 3 * * 0"),
    }),
    mapping({
      kind: z.literal("harbor"),
      ...shared,
      /** What the secrets between Harbor's own parts are derived from. A change of it changes them all. */
      internalSecret: text("a secret", "one made by `pulumi config set --secret --path`"),
      /** Folder or archive of Harbor's chart, where its repository cannot be reached. @default https://helm.goharbor.io */
      chart: text("a folder, an archive or a chart repository", "vendor/harbor-1.18.0.tgz").optional(),
    }),
  ],
  {
    error: (issue) =>
      issue.code === "invalid_union"
        ? "one of distribution, harbor; set it to one of them"
        : "a mapping with kind distribution or harbor; write it as one",
  },
);
