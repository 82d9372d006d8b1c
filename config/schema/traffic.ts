import { choice, flag, integer, list, mapping, named, text, textOr } from "./shapes.ts";

/** What a path is in a rule on calls: a star stands for whatever follows, or comes before. */
const pathPattern = /^(\*|\*?\/[^\s*]*\*?)$/;
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
/** Longest name of a version: the names of its objects have that of the service before it. */
const versionLength = 12;

/** The name of a version is the label `version` of its pods; in names of objects its dots are hyphens. */
export const versionName = text(
  `a version of at most ${versionLength} lower-case letters, digits, dots and hyphens, with a letter or digit at both ends`,
  "v0.2",
  /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
  versionLength,
);

export const methodList = list(choice(methods), "methods").min(1, {
  error: "one method or more; leave it out to allow all of them",
});
export const pathList = list(
  text("a path that begins with /, with a star at its end or beginning for any", "/notify", pathPattern, 255),
  "paths",
).min(1, { error: "one path or more; leave it out to allow all of them" });

const millis = (example: number) => integer(1, 3_600_000, example);
const percent = integer(1, 100, 10);

/** One of exact, prefix and regex. */
const textMatch = mapping({
  exact: text("text", "tester", /^[^\n]+$/, 255).optional(),
  prefix: text("the beginning of a text", "/admin", /^[^\n]+$/, 255).optional(),
  /** RE2, which must match all of it. */
  regex: text("a regular expression in RE2's syntax", "^(.*;)?user=tester(;.*)?$", /^[^\n]+$/, 1024).optional(),
});

const headerName = text("the name of a header, in lower case", "x-tester", /^[a-z0-9!#$%&'*+.^_`|~-]+$/, 256);

/** Answers after which a call is tried again. */
const retryCauses = [
  "5xx",
  "gateway-error",
  "reset",
  "reset-before-request",
  "connect-failure",
  "retriable-4xx",
  "refused-stream",
  "unavailable",
  "cancelled",
  "deadline-exceeded",
  "resource-exhausted",
] as const;

export const retries = mapping({
  /** Further attempts after the first; 0: none, where Istio by itself makes two. */
  attempts: integer(0, 10, 2),
  /** Time for each attempt. @default that of the whole call */
  perTryMillis: millis(500).optional(),
  /** @default connect-failure, refused-stream, unavailable, cancelled and 503 (Istio's own): what never reached the service, or may be tried again */
  on: list(choice(retryCauses), "causes")
    .min(1, { error: "one cause or more; leave it out for the usual ones" })
    .optional(),
  /** Most retries at a time, of all of a caller's requests, so that a service that fails is not called even more. */
  budget: mapping({
    /** Of the requests that a caller's proxy has open. */
    percent: integer(0, 100, 20).default(20),
    /** Retries at a time that are allowed however few requests there are. */
    min: integer(0, 1000, 3).default(3),
  }).optional(),
});

const fault = mapping({
  delay: mapping({ millis: millis(2000), percent }).optional(),
  abort: mapping({ status: integer(400, 599, 503), percent }).optional(),
  /** Leave for it where hosts are not local. */
  inProduction: flag().default(false),
});

/** How many connections and requests a caller's proxy has open to a service; what is more is answered 503 at once. */
export const connections = mapping({
  /** @default 2^32-1 (Envoy's own under Istio) */
  max: integer(1, 1_000_000, 100).optional(),
  /** Requests that wait for a connection. */
  pending: integer(1, 1_000_000, 100).optional(),
  /** Requests at a time. */
  requests: integer(1, 1_000_000, 200).optional(),
  /** Requests after which a connection is closed; 0: never. */
  requestsEach: integer(0, 1_000_000, 1000).optional(),
  /** Retries at a time. */
  retries: integer(0, 1_000_000, 10).optional(),
  connectMillis: millis(1000).optional(),
  /** Time without a request after which a connection is closed. @default 3600 (Envoy's own) */
  idleSeconds: integer(1, 86_400, 300).optional(),
});

/** When a pod that fails is left out for a while. */
export const outliers = mapping({
  /** Answers of 500 and above in a row. */
  consecutive5xx: integer(1, 1000, 5).default(5),
  /** How often pods are looked at. */
  intervalSeconds: integer(1, 3600, 10).default(10),
  /** How long a pod is left out the first time; each further time it is as much longer. */
  ejectionSeconds: integer(1, 86_400, 30).default(30),
  /** Of the pods of a version, the share that may be left out. */
  maxEjectionPercent: integer(1, 100, 50).default(50),
  /** Below this share of healthy pods all of them are called again. @default 0: never */
  minHealthPercent: integer(0, 100, 0).default(0),
});

/** What is done with a request, besides where it goes. */
const handling = {
  /** Time for the whole call, retries included; then the caller gets 504. @default none */
  timeoutMillis: millis(2000).optional(),
  retries: retries.optional(),
  fault: fault.optional(),
};

const match = mapping({
  /** Each must match. */
  headers: named(headerName, textMatch, "headers").default({}),
  path: textMatch.optional(),
  methods: methodList.optional(),
  /** Version that such requests go to. */
  to: versionName.optional(),
  /** Versions that they are shared out to, in percent. */
  weights: named(versionName, integer(0, 100, 50), "weights, by version").optional(),
  ...handling,
});

const place = text(
  "region, region/zone or region/zone/subzone by the labels of hosts, with a star at the end for any",
  "eu-central/eu-central-1a",
  /^(\*|[\w.-]+(\/[\w.-]+){0,2}|[\w.-]+(\/[\w.-]+)?\/\*)$/,
  255,
);

/** For callers of a place, the share of their requests that each place gets, in percent. Places that are not named get none. */
const localityWeights = named(
  place,
  named(place, integer(1, 100, 80), "shares, by place"),
  "shares, by place of callers",
);

/** How requests to a service are handled by its callers' proxies. */
export const routeSchema = mapping({
  /** Objects that say it: Istio's own, or HTTPRoutes of the Gateway API, which cannot express all of it. */
  api: choice(["istio", "gateway"]).default("istio"),
  /** Requests that go elsewhere than the weights say. The first that matches counts. */
  matches: list(match, "matches").default([]),
  /** Version that gets a copy of each request; its answers are thrown away. */
  mirror: mapping({ to: versionName, percent: integer(1, 100, 100).default(100) }).optional(),
  ...handling,
  connections: connections.optional(),
  outliers: outliers.optional(),
  /** Which pods are preferred: those of the caller's zone, of its region, or all alike; or shares by place, such as {eu/a: {eu/a: 80, eu/b: 20}}. @default zone, where outliers says when they count as failed */
  locality: textOr(choice(["zone", "region", "none"]), localityWeights).optional(),
});

/** Requests that move to a new version step by step, while it is no worse than the old ones. */
export const canarySchema = mapping({
  /** The new version. */
  to: versionName,
  /** Its share of the requests in each step, in percent, growing. */
  steps: list(integer(1, 100, 10), "percentages").min(1, {
    error: "one step or more; give it some, for example [10, 50, 100]",
  }),
  /** The step that counts now, from 1; 0: it gets no requests yet. Moved by a commit. */
  at: integer(0, 100, 1),
  /** Whether `up` refuses a step further while Prometheus shows the new version to be worse, or cannot be asked. */
  judged: flag().default(true),
  /** Time that is looked at. */
  windowMinutes: integer(1, 1440, 5).default(5),
  /** Requests of each version without which nothing can be said. */
  minRequests: integer(1, 1_000_000, 50).default(50),
  /** Errors that the new version may have more, in percent of the requests. */
  moreErrorsPercent: integer(0, 100, 1).default(1),
  /** How much slower the new version may be at the 95th percentile, in percent. */
  slowerPercent: integer(0, 1000, 25).default(25),
});

/** How a service's requests are read by proxies. */
export const protocolSchema = choice(["http", "http2", "grpc", "tcp"]);
