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
});
type Drawn = typeof everyService extends fc.Arbitrary<infer Value> ? Value : never;

/** A service as a user may write it: what contradicts what was drawn before is left out. */
function service(name: string, index: number, drawn: Drawn, names: readonly string[]): Fields {
  const { kind, scale, reached, secretFiles, calls, affinitySeconds, progressSeconds, retain, ...rest } = drawn;
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
    calls: calls.filter((other) => names.includes(other) && other !== name),
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
      })
      .map(({ services, jobs, access, generated, trace }): Sections => {
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
            services.map((drawn, index) => [names[index] ?? "", service(names[index] ?? "", index, drawn, names)]),
          ),
          jobs,
          security: { ...base["security"], access, ...secrets },
          ingress: { ...base["ingress"], className: "public", controllerNamespace: "ingress-nginx" },
          monitoring: { ...base["monitoring"], prometheus },
        };
      }),
  );
}
