import fc from "fast-check";
import type {
  CanarySettings,
  ExternalHost,
  MatchSettings,
  RouteSettings,
  TextMatch,
  TrafficService,
} from "../../../components/plan/mesh/traffic-settings.ts";
import { namespaces as otherNamespaces } from "../connections/connection-settings.ts";

export const namespace = "apps";

/** Where everything is, with Istio's parts where its own documents have them. */
export const namespaces = { ...otherNamespaces, mesh: "istio-system", meshAgents: "istio-cni" };

export function aService(more: Partial<TrafficService> = {}): TrafficService {
  return { port: 8080, calls: [], ...more };
}

export function aRoute(more: Partial<RouteSettings> = {}): RouteSettings {
  return { api: "istio", matches: [], ...more };
}

export function aMatch(more: Partial<MatchSettings> = {}): MatchSettings {
  return { headers: {}, ...more };
}

export function aCanary(more: Partial<CanarySettings> = {}): CanarySettings {
  return {
    to: "v0.2",
    steps: [10, 50, 100],
    at: 1,
    judged: true,
    windowMinutes: 5,
    minRequests: 50,
    moreErrorsPercent: 1,
    slowerPercent: 25,
    ...more,
  };
}

export function anExternal(more: Partial<ExternalHost> = {}): ExternalHost {
  return { address: "192.0.2.7", port: 9997, protocol: "http", gateway: false, ...more };
}

export const outliers = {
  consecutive5xx: 5,
  intervalSeconds: 10,
  ejectionSeconds: 30,
  maxEjectionPercent: 50,
  minHealthPercent: 0,
};

const versionNames = ["v0.1", "v0.2", "blue", "2026-11-23", "1.0.0-rc.1", "a"] as const;

/** Whole numbers from 0 that are 100 together. */
const hundred = (count: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 0, max: 100 }), { minLength: count - 1, maxLength: count - 1 }).map((cuts) => {
    const bounds = [0, ...cuts.toSorted((a, b) => a - b), 100];
    return bounds.slice(1).map((bound, index) => bound - (bounds[index] ?? 0));
  });

const textMatch: fc.Arbitrary<TextMatch> = fc.oneof(
  fc.constantFrom("/notify", "/send", "tester").map((exact) => ({ exact })),
  fc.constantFrom("/n", "/", "test").map((prefix) => ({ prefix })),
  fc.constantFrom("/n.*", "test(er)?").map((regex) => ({ regex })),
);
const methods = fc.subarray(["GET", "POST", "DELETE"], { minLength: 1 });
const handling = fc.record(
  {
    timeoutMillis: fc.integer({ min: 1, max: 60_000 }),
    retries: fc.record({ attempts: fc.integer({ min: 0, max: 5 }) }),
  },
  { requiredKeys: [] },
);

function matchesOf(versions: readonly string[]): fc.Arbitrary<MatchSettings[]> {
  const where = fc.oneof(
    fc.constantFrom(...versions).map((to) => ({ to })),
    hundred(versions.length).map((weights) => ({
      weights: Object.fromEntries(versions.map((version, index) => [version, weights[index] ?? 0])),
    })),
    fc.constant({}),
  );
  const match = fc
    .record({
      headers: fc.dictionary(fc.constantFrom("x-tester", "cookie"), textMatch, { maxKeys: 2 }),
      path: fc.option(textMatch, { nil: undefined }),
      methods: fc.option(methods, { nil: undefined }),
      where,
      handling,
    })
    .filter((one) => Object.keys(one.headers).length > 0 || one.path !== undefined || one.methods !== undefined)
    .map(({ where: target, handling: how, ...rest }): MatchSettings => ({ ...rest, ...target, ...how }));
  return fc.array(match, { maxLength: 4 });
}

/** Any service with versions that its checks accept. */
export const anyVersioned: fc.Arbitrary<
  TrafficService & { readonly versions: NonNullable<TrafficService["versions"]> }
> = fc.subarray([...versionNames], { minLength: 1, maxLength: 4 }).chain((names) =>
  fc
    .record({
      weights: hundred(names.length),
      matches: matchesOf(names),
      how: handling,
      mirror: fc.option(fc.constantFrom(...names), { nil: undefined }),
      connections: fc.option(fc.record({ max: fc.integer({ min: 1, max: 100 }) }), { nil: undefined }),
      canary: fc.option(
        fc.record({
          to: fc.constantFrom(...names),
          steps: fc.constantFrom([10, 50, 100], [1], [33, 66, 100]),
          at: fc.integer({ min: 0, max: 1 }),
        }),
        { nil: undefined },
      ),
      rest: fc.infiniteStream(fc.nat(100)),
    })
    .chain(({ weights, matches, how, mirror, connections, canary }) => {
      const staged = canary !== undefined && names.length > 1 ? aCanary(canary) : undefined;
      const others = names.filter((name) => name !== staged?.to);
      return hundred(others.length).map((shares) => ({
        port: 8080,
        calls: [],
        versions: Object.fromEntries(
          staged === undefined
            ? names.map((name, index) => [name, { weight: weights[index] ?? 0 }])
            : [...others.map((name, index) => [name, { weight: shares[index] ?? 0 }]), [staged.to, {}]],
        ) as Record<string, { weight?: number }>,
        canary: staged,
        route: aRoute({
          ...how,
          matches,
          connections,
          mirror: mirror === undefined ? undefined : { to: mirror, percent: 50 },
        }),
      }));
    }),
);
