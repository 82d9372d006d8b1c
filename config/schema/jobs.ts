import { call, imageName, outbound, resources } from "./services.ts";
import { integer, text, label, flag, mapping, list, environment } from "./shapes.ts";

/** Longest job name: a CronJob's takes at most 52 characters, and a OneOffJob's gets a hash. */
const jobNameLength = 40;

export const jobName = label("a job name", "run-api-job", jobNameLength);

/** What a job calls: `service/path`. */
export const callPattern = /^([a-z]([a-z0-9-]*[a-z0-9])?)(\/[^\s]*)$/;

export const jobSchema = mapping({
  /** When it runs, in Kubernetes' cron form. Without it, it runs once. */
  schedule: text(
    "five cron fields, @hourly, @daily, @weekly, @monthly, @yearly or @every with a duration",
    "*/5 * * * *",
  ).optional(),
  timeZone: text("an IANA time zone", "Europe/Berlin", /^[A-Za-z_]+(\/[A-Za-z0-9_+-]+)*$/).default("Etc/UTC"),
  /** Service and path to call by GET; any answer but a 2xx fails the job. */
  call: text("service/path, of a service of this stack", "metricsdemo/api/job/run/wakeUp", callPattern).optional(),
  /** Time for one call. */
  callTimeoutSeconds: integer(1, 3600, 10).default(10),
  /** Further calls after a failed one, with growing pauses between them. */
  callRetries: integer(0, 10, 3).default(3),
  /** What to run instead of a call. */
  image: imageName.optional(),
  /** @default the image's own */
  command: list(text("a word of the command", "perl", /^[^\0]+$/, 65_536), "words")
    .min(1, { error: "one word or more; leave it out to run the image's own command" })
    .optional(),
  env: environment().default({}),
  resources: resources.prefault({}),
  /** Services and hosts of quorum:mesh.external that it calls; the one of `call` is among them by itself. */
  calls: list(call(label("the name of a service", "svcb")), "service names").default([]),
  /** What outside the cluster it calls. */
  outbound: list(outbound, "subnets and ports").default([]),
  /** Whether its pods are in the mesh, where the stack has one. @default true */
  mesh: flag().optional(),
  /** Whether no further run begins. */
  suspend: flag().default(false),
  /** How late a run may begin; Kubernetes looks every 10 s. */
  startingDeadlineSeconds: integer(10, 86_400, 200).default(200),
  /** Time after which a run is ended and counts as failed. */
  activeDeadlineSeconds: integer(1, 604_800, 600).default(600),
  /** Failed pods after which a run counts as failed. */
  backoffLimit: integer(0, 20, 3).default(3),
  /** Time after its end at which a run is taken away, its output with it. @default none: history decides; a OneOffJob stays */
  ttlSeconds: integer(0, 31_536_000, 86_400).optional(),
  /** Runs that are kept to look at. */
  history: mapping({
    successful: integer(0, 100, 3).default(3),
    failed: integer(0, 100, 3).default(3),
  }).prefault({}),
});
