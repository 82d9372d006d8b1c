import { z } from "zod";
import { outbound } from "./services.ts";
import { allowed, choice, dnsName, flag, integer, list, mapping, text } from "./shapes.ts";

const timeZone = text("an IANA time zone", "Europe/Berlin", /^[A-Za-z_]+(\/[A-Za-z0-9_+-]+)*$/).default("Etc/UTC");
const schedule = (usual: string) =>
  text("five cron fields or @hourly, @daily, @weekly, @monthly, @yearly", usual).default(usual);
const absolute = /^(\/[A-Za-z0-9._-]+)+$/;

/** Where archives are kept: one of the four. */
const store = mapping({
  /** On each control-plane host: where the storage of another machine is mounted. */
  folder: text("an absolute folder", "/mnt/backups", absolute).optional(),
  nfs: mapping({
    server: text("the name or address of an NFS server", "nfs.example.com", dnsName, 253),
    path: text("an absolute folder", "/exports/backups", absolute),
  }).optional(),
  /** A volume of its own, of a class whose volumes are not on the hosts. It outlives the stack. */
  claim: mapping({
    storageGiB: integer(1, 65_536, 100),
    className: text("the name of a StorageClass", "network", dnsName, 253).optional(),
  }).optional(),
  s3: mapping({
    endpoint: text("the URL of an S3-compatible store", "https://s3.example.com", /^https?:\/\/[^\s/@]+$/, 259),
    bucket: text("the name of a bucket", "quorum-prod", /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
    /** Folder within the bucket. @default the bucket itself */
    prefix: text("a folder within the bucket", "etcd", /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/).optional(),
    region: text("a region", "eu-central-1", /^[a-z0-9-]+$/, 63).default("us-east-1"),
    /** As rclone calls who makes the store: some need requests of their own kind. */
    provider: choice(["AWS", "Ceph", "Minio", "SeaweedFS", "Wasabi", "Other"]).default("Other"),
    accessKeyId: text("a secret", "one made by `pulumi config set --secret --path`"),
    secretAccessKey: text("a secret", "one made by `pulumi config set --secret --path`"),
    /** Certificate of the authority of the store's server, where it is none that is publicly known. */
    caCertificate: text(
      "a certificate in PEM form",
      "-----BEGIN CERTIFICATE-----…",
      /^-----BEGIN CERTIFICATE-----/,
      65_536,
    ).optional(),
    /** Where the store is, for the network's policy. @default every address, at the port of the endpoint */
    outbound: outbound.optional(),
  }).optional(),
});

/** Backups of etcd and of what the hosts have in /etc/kubernetes. */
export const etcdBackup = mapping({
  /** Public keys of age, as age-keygen prints them: each of their private halves opens every archive. */
  recipients: list(
    // Its value is never shown: somebody may have put the private half here.
    z.string(allowed("an age recipient", "age1…")).max(4096, allowed("an age recipient", "age1…")),
    "age recipients",
  ).default([]),
  store,
  schedule: schedule("17 * * * *"),
  timeZone,
  /** How many archives stay: the newest `last` whatever their age, and of the others one a day until it is `days` old. */
  keep: mapping({ last: integer(1, 1000, 24).default(24), days: integer(0, 3650, 30).default(30) }).prefault({}),
});

/** Defragmentation of etcd's members. */
export const etcdMaintenance = mapping({
  enabled: flag().default(true),
  schedule: schedule("41 * * * *"),
  timeZone,
  /** A member whose database is above this share of its quota is worth it. */
  quotaPercent: integer(1, 100, 80).default(80),
  /** A member whose file has more unused than this is worth it. */
  freeMiB: integer(1, 8192, 200).default(200),
  /** Whether it only says what it would do. */
  dryRun: flag().default(false),
});

/** Proof that the last archive can be restored. */
export const restoreDrill = mapping({
  enabled: flag().default(true),
  schedule: schedule("47 3 * * *"),
  timeZone,
  /** Memory at which it is ended: the restored etcd holds all keys in it. */
  memoryMiB: integer(128, 65_536, 1024).default(1024),
});
