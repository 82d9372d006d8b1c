import { outbound } from "./services.ts";
import { integer, text, choice, flag, mapping, texts, dnsName } from "./shapes.ts";

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

const keep = (many: number) => integer(0, 1000, many).default(many);

export const backupSchema = mapping({
  /** A repository of restic, off the cluster. */
  repository: text(
    "a restic repository off the cluster: s3:, rest:, azure:, gs:, b2: or swift:",
    "s3:https://s3.example.com/quorum-prod",
    // A render has a stand-in where the stack has a secret.
    /^((s3|rest|azure|gs|b2|swift):\S+|unset:backup\.repository)$/,
  ),
  /** What the repository is encrypted by. Keep it outside of the cluster too: without it no backup can be read. */
  password: text("a secret", "one made by `pulumi config set --secret --path`"),
  /** What restic needs to reach the repository, such as AWS_ACCESS_KEY_ID. */
  environment: texts("environment variables").default({}),
  /** Certificate of the authority of the repository's server, where it is none that is publicly known. */
  caCertificate: text(
    "a certificate in PEM form",
    "-----BEGIN CERTIFICATE-----…",
    /^-----BEGIN CERTIFICATE-----/,
    65_536,
  ).optional(),
  /** Where the repository is, for the network's policy. @default every address, at the port of the repository's URL */
  outbound: outbound.optional(),
  schedule: text("five cron fields or @hourly, @daily, @weekly, @monthly, @yearly", "17 2 * * *").default("17 2 * * *"),
  timeZone: text("an IANA time zone", "Europe/Berlin", /^[A-Za-z_]+(\/[A-Za-z0-9_+-]+)*$/).default("Etc/UTC"),
  /** Backups of each volume that are kept. */
  keep: mapping({ last: keep(3), daily: keep(7), weekly: keep(4), monthly: keep(6) }).prefault({}),
  /** Whether each run reads a clone of its volume, and so one moment of it. Needs a CSI driver that clones. @default files are read as they are */
  clone: flag().default(false),
  /** Part of the repository's data that each check reads back. */
  checkPercent: integer(0, 100, 5).default(5),
});
