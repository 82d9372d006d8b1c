import fc from "fast-check";
import type { Sections } from "./stacks.ts";

type Fields = Record<string, unknown>;

/** Names at their limits: the shortest, the longest, and some that begin like another. */
const serviceNames = ["a", "web", "web-2", "shop", "shop-config", `s${"long-".repeat(9)}name`];
const jobNames = ["tick", "report", `j${"long-".repeat(7)}job`];

/** A key that is there or not. */
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined, freq: 1 });
const present = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const resources = fc.record({
  cpuMillis: fc.integer({ min: 1, max: 2000 }),
  cpuLimitMillis: fc.constant(4000),
  memoryMiB: fc.integer({ min: 16, max: 2048 }),
  ephemeralMiB: fc.integer({ min: 16, max: 1024 }),
});
const texts = fc.dictionary(
  fc.constantFrom("GREETING", "LEVEL", "ZONE_1"),
  fc.string({ unit: "grapheme-ascii", maxLength: 20 }),
  {
    maxKeys: 3,
  },
);
const files = fc.dictionary(fc.constantFrom("a.txt", "b.json", "c"), fc.string({ maxLength: 40 }), { maxKeys: 2 });
const outbound = fc.uniqueArray(
  fc.record({
    subnet: fc.constantFrom("198.51.100.0/24", "203.0.113.7/32"),
    port: fc.integer({ min: 1, max: 65535 }),
    protocol: fc.constantFrom("TCP", "UDP"),
  }),
  { maxLength: 2, selector: ({ subnet, port, protocol }) => `${subnet} ${port} ${protocol}` },
);
const autoscale = fc
  .record({
    minReplicas: fc.integer({ min: 1, max: 4 }),
    more: fc.integer({ min: 1, max: 6 }),
    cpuPercent: maybe(fc.integer({ min: 1, max: 200 })),
    memoryPercent: maybe(fc.integer({ min: 1, max: 200 })),
    scaleInSeconds: fc.integer({ min: 0, max: 3600 }),
  })
  .map(({ minReplicas, more, ...rest }) => present({ ...rest, minReplicas, maxReplicas: minReplicas + more }));
const volumes = fc.dictionary(
  fc.constantFrom("data", "cache"),
  fc.record({ storageGiB: fc.integer({ min: 1, max: 500 }) }),
  { maxKeys: 2 },
);
const placement = fc.record({
  nodeSelector: fc.constantFrom({}, { "kubernetes.io/os": "linux" }),
  tolerations: fc.constantFrom([], [{ key: "dedicated", value: "batch", effect: "NoSchedule" }], [{ key: "any" }]),
});

const route = fc.record(
  {
    timeoutMillis: fc.integer({ min: 1000, max: 60_000 }),
    retries: fc.record({ attempts: fc.integer({ min: 1, max: 5 }) }),
    connections: fc.record({ max: fc.integer({ min: 1, max: 100 }) }),
    outliers: fc.constantFrom({}, { consecutive5xx: 3, maxEjectionPercent: 100 }),
    matches: fc.constantFrom(
      [],
      [{ headers: { "x-tester": { exact: "yes" } }, timeoutMillis: 5000 }],
      [{ methods: ["GET", "PUT"] }],
    ),
    api: fc.constantFrom("istio", "gateway"),
  },
  { requiredKeys: [] },
);

const everyService = fc.record({
  role: fc.constantFrom("web", "worker"),
  port: fc.integer({ min: 1, max: 65535 }),
  scrape: fc.boolean(),
  type: fc.constantFrom("business", "system"),
  env: texts,
  config: files,
  secretFiles: files,
  resources,
  priority: fc.constantFrom("critical", "standard", "batch"),
  rollback: fc.boolean(),
  placement,
  outbound,
  gracePeriodSeconds: fc.integer({ min: 10, max: 120 }),
  reached: fc.constantFrom("inside", "outside", "ingress", "headless"),
  affinitySeconds: maybe(fc.integer({ min: 1, max: 86_400 })),
  kind: fc.constantFrom("Deployment", "StatefulSet", "DaemonSet"),
  scale: fc.oneof(autoscale, fc.integer({ min: 1, max: 9 }), fc.constant(undefined)),
  volumes,
  retain: fc.boolean(),
  progressSeconds: maybe(fc.integer({ min: 30, max: 3600 })),
  calls: fc.subarray(serviceNames),
  callsWhat: maybe(
    fc.constantFrom({ methods: ["GET"] }, { paths: ["/a", "/b/*"] }, { methods: ["POST"], paths: ["/"] }),
  ),
  callsOut: fc.boolean(),
  inMesh: maybe(fc.boolean()),
  versions: maybe(
    fc.constantFrom(
      { "v0.1": {} },
      { "v0.1": { weight: 50 }, "v0.2": { weight: 50 } },
      { "v0.1": { weight: 99, env: { GREETING: "old" } }, b: { weight: 0 }, "2026.1": { weight: 1, replicas: 3 } },
    ),
  ),
  canaryAt: maybe(fc.integer({ min: 0, max: 2 })),
  route: maybe(route),
});
const existingMesh = { mode: "existing", external: { msgd: { address: "192.0.2.7", port: 9997, protocol: "http" } } };
type Drawn = typeof everyService extends fc.Arbitrary<infer Value> ? Value : never;

/** A service as a user may write it: what contradicts what was drawn before is left out. */
function service(name: string, index: number, drawn: Drawn, names: readonly string[], meshed: boolean): Fields {
  const { kind, scale, reached, secretFiles, calls, callsWhat, callsOut, affinitySeconds, progressSeconds, retain } =
    drawn;
  const { role, port, scrape, type, env, config, resources: wanted, priority, rollback, placement: where } = drawn;
  const { outbound: ranges, gracePeriodSeconds } = drawn;
  const rest = {
    ...{ role, port, scrape, type, env, config, resources: wanted, priority, rollback, placement: where },
    ...{ outbound: ranges, gracePeriodSeconds },
  };
  const stateless = kind === "DaemonSet";
  // Pods that share a volume take each other's place one by one.
  const mounted = kind === "StatefulSet" ? drawn.volumes : stateless || scale !== undefined ? {} : drawn.volumes;
  const addressed = reached !== "headless";
  return present({
    ...rest,
    image: "app",
    kind,
    volumes: Object.fromEntries(
      Object.entries(mounted).map(([volume, settings]) => [
        volume,
        { ...settings, retain, mountPath: `/var/lib/${volume}` },
      ]),
    ),
    secrets: { files: secretFiles },
    ...(!stateless && typeof scale === "number" && { replicas: scale }),
    ...(!stateless && typeof scale === "object" && { autoscale: scale }),
    ...(kind === "Deployment" && { progressSeconds }),
    ...(addressed && { affinitySeconds }),
    ...(reached === "headless" && { headless: true }),
    ...(reached === "outside" && { expose: { port: 20_000 + index } }),
    ...(reached === "ingress" && { ingress: { hostname: `s${index}.example.com`, tls: {} } }),
    ...traffic(drawn, meshed, kind === "Deployment" && Object.keys(mounted).length === 0),
    calls: [
      ...calls
        .filter((other) => names.includes(other) && other !== name)
        .map((other) => (meshed && callsWhat !== undefined ? { service: other, ...callsWhat } : other)),
      ...(meshed && callsOut ? ["msgd"] : []),
    ],
  });
}

/** What is said of requests where there is a mesh: all of its services are in it. */
function traffic({ inMesh, versions, canaryAt, route: drawn }: Drawn, meshed: boolean, stateless: boolean): Fields {
  if (!meshed) return inMesh === undefined ? {} : { mesh: inMesh };
  const own = stateless ? versions : undefined;
  const [first, ...others] = Object.keys(own ?? {});
  const staged = canaryAt !== undefined && first !== undefined && others.length > 0;
  const { connections, outliers, retries, ...plain } = drawn ?? {};
  return present({
    versions: staged
      ? { ...Object.fromEntries(others.map((name, index) => [name, { weight: index === 0 ? 100 : 0 }])), [first]: {} }
      : own,
    canary: staged ? { to: first, steps: [5, 100], at: canaryAt, judged: false } : undefined,
    route: drawn && (plain.api === "gateway" ? plain : present({ ...plain, connections, outliers, retries })),
  });
}

const job = (names: readonly string[]) =>
  fc
    .record({
      schedule: maybe(fc.constantFrom("*/5 * * * *", "@daily", "0 3 29 2 *", "15 4 * * 1-5")),
      timeZone: fc.constantFrom("Etc/UTC", "Europe/Berlin", "America/St_Johns"),
      call: maybe(fc.constantFrom(...names).map((name) => `${name}/wake`)),
      suspend: fc.boolean(),
      backoffLimit: fc.integer({ min: 0, max: 20 }),
      resources,
      outbound,
    })
    .map(({ schedule, timeZone, call, suspend, ...rest }) =>
      present({
        ...rest,
        ...(schedule !== undefined && { schedule, timeZone, suspend }),
        ...(call === undefined ? { image: "app", command: ["true"] } : { call }),
      }),
    );

/** Whole configurations that are valid, over a stack's sections: every kind of service and job, by themselves and together. */
export function validConfig(base: Sections): fc.Arbitrary<Sections> {
  return fc.subarray(serviceNames, { minLength: 1, maxLength: 4 }).chain((names) =>
    fc
      .record({
        services: fc.tuple(...names.map(() => everyService)),
        jobs: fc.dictionary(fc.constantFrom(...jobNames), job(names), { maxKeys: 2 }),
        access: fc.record({
          viewers: fc.subarray(["team-a", "team-b"]),
          operators: fc.subarray(["ops"]),
        }),
        generated: fc.boolean(),
        trace: fc.constantFrom(5, 15, 60),
        meshed: fc.boolean(),
      })
      .map(({ services, jobs, access, generated, trace, meshed }): Sections => {
        const secrets = generated ? { generatedSecrets: { "shop-database": { keys: ["password"] } } } : {};
        const prometheus = {
          ...(base["monitoring"]?.["prometheus"] as Fields | undefined),
          scrapeIntervalSeconds: trace,
          // Room for the series of any number of pods that is drawn.
          storageGiB: 100,
          memoryMiB: 4096,
        };
        return {
          ...base,
          services: Object.fromEntries(
            services.map((drawn, index) => [
              names[index] ?? "",
              service(names[index] ?? "", index, drawn, names, meshed),
            ]),
          ),
          jobs,
          ...(meshed && { mesh: existingMesh }),
          security: { ...base["security"], access, ...secrets },
          ingress: { ...base["ingress"], className: "public", controllerNamespace: "ingress-nginx" },
          monitoring: { ...base["monitoring"], prometheus },
        };
      }),
  );
}
