import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gatewayRoute } from "../../../components/plan/mesh/gateway-routes.ts";
import { istioRoutes } from "../../../components/plan/mesh/istio-routes.ts";
import { planRoutes, type RouteTable, type Rule } from "../../../components/plan/mesh/routes.ts";
import { sharesOf } from "../../../components/plan/mesh/shares.ts";
import type { TextMatch, TrafficService } from "../../../components/plan/mesh/traffic-settings.ts";
import { aCanary, aMatch, anyVersioned, aRoute, aService, namespace, outliers } from "./settings.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- what Istio reads has no types of its own here */
const tableOf = (service: TrafficService): RouteTable => {
  const [table] = planRoutes({ svcb: service }, namespace);
  if (table === undefined) throw new Error("no table was planned");
  return table;
};
const istioOf = (service: TrafficService) => {
  const { destinations, route } = istioRoutes(tableOf(service));
  return { destinations, route, http: (route?.spec["http"] ?? []) as any[] };
};
const half = { "v0.1": { weight: 50 }, "v0.2": { weight: 50 } };

describe("planRoutes", () => {
  it("plans none for a service that says nothing, nor for one outside the mesh", () => {
    expect(planRoutes({ a: aService(), b: aService({ mesh: false, versions: half }) }, namespace)).toEqual([]);
  });

  it("shares requests out by weight, and names subsets as DNS labels", () => {
    const { route, destinations } = istioOf(aService({ servicePort: 80, versions: half }));
    const host = "svcb.apps.svc.cluster.local";
    expect(route).toMatchObject({
      kind: "VirtualService",
      name: "svcb",
      spec: {
        hosts: [host],
        exportTo: ["."],
        http: [
          {
            name: "default",
            route: [
              { destination: { host, subset: "v0-1", port: { number: 80 } }, weight: 50 },
              { destination: { host, subset: "v0-2", port: { number: 80 } }, weight: 50 },
            ],
          },
        ],
      },
    });
    expect(destinations.map(({ name, spec }) => [name, spec["host"], spec["subsets"]])).toEqual([
      ["svcb-v0-1", host, [{ name: "v0-1", labels: { version: "v0.1" } }]],
      ["svcb-v0-2", host, [{ name: "v0-2", labels: { version: "v0.2" } }]],
    ]);
  });

  it("sends nothing to a version of weight 0, whose subset stays", () => {
    const { http, destinations } = istioOf(aService({ versions: { "v0.1": { weight: 0 }, "v0.2": { weight: 100 } } }));
    expect(http[0].route).toEqual([expect.objectContaining({ weight: 100 })]);
    expect(destinations).toHaveLength(2);
  });

  it("makes no route where only a policy is said", () => {
    const { route, destinations } = istioOf(aService({ route: aRoute({ outliers }) }));
    expect(route).toBeUndefined();
    expect(destinations).toHaveLength(1);
  });

  it("says timeouts, retries with a budget, faults, mirrors, pools, outliers and locality in Istio's words", () => {
    const { http, destinations } = istioOf(
      aService({
        versions: half,
        route: aRoute({
          timeoutMillis: 1500,
          retries: { attempts: 2, perTryMillis: 500, on: ["5xx", "reset"], budget: { percent: 20, min: 3 } },
          fault: { delay: { millis: 2000, percent: 10 }, abort: { status: 503, percent: 5 }, inProduction: false },
          mirror: { to: "v0.2", percent: 25 },
          connections: {
            max: 10,
            pending: 5,
            requests: 20,
            requestsEach: 0,
            retries: 4,
            connectMillis: 250,
            idleSeconds: 60,
          },
          outliers,
          locality: "zone",
        }),
      }),
    );
    expect(http[0]).toMatchObject({
      timeout: "1500ms",
      retries: { attempts: 2, perTryTimeout: "500ms", retryOn: "5xx,reset" },
      fault: {
        delay: { percentage: { value: 10 }, fixedDelay: "2s" },
        abort: { percentage: { value: 5 }, httpStatus: 503 },
      },
      mirrors: [{ destination: { subset: "v0-2" }, percentage: { value: 25 } }],
    });
    expect(destinations[0]?.spec["trafficPolicy"]).toEqual({
      connectionPool: {
        tcp: { maxConnections: 10, connectTimeout: "250ms" },
        http: {
          http1MaxPendingRequests: 5,
          http2MaxRequests: 20,
          maxRequestsPerConnection: 0,
          maxRetries: 4,
          idleTimeout: "60s",
        },
      },
      outlierDetection: {
        consecutive5xxErrors: 5,
        interval: "10s",
        baseEjectionTime: "30s",
        maxEjectionPercent: 50,
        minHealthPercent: 0,
      },
      loadBalancer: {
        localityLbSetting: {
          enabled: true,
          failoverPriority: ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"],
        },
      },
      retryBudget: { percent: 20, minRetryConcurrency: 3 },
    });
  });

  it("shares requests out by place, in the order in which callers' places are named", () => {
    const locality = { "eu/a": { "eu/a": 80, "eu/b": 20 }, us: { "*": 100 } };
    const { destinations } = istioOf(aService({ route: aRoute({ locality }) }));
    expect(destinations[0]?.spec["trafficPolicy"]).toEqual({
      loadBalancer: {
        localityLbSetting: {
          enabled: true,
          distribute: [
            { from: "eu/a", to: { "eu/a": 80, "eu/b": 20 } },
            { from: "us", to: { "*": 100 } },
          ],
        },
      },
    });
  });

  it("turns Istio's own retries off with 0 attempts", () => {
    expect(istioOf(aService({ route: aRoute({ retries: { attempts: 0 } }) })).http[0].retries).toEqual({ attempts: 0 });
  });

  it("has matches take over timeouts and retries that they do not say, but no faults", () => {
    const { http } = istioOf(
      aService({
        versions: half,
        route: aRoute({
          timeoutMillis: 1000,
          fault: { abort: { status: 500, percent: 100 }, inProduction: true },
          matches: [
            aMatch({ headers: { "x-tester": { exact: "yes" } }, to: "v0.2", timeoutMillis: 5000 }),
            aMatch({ path: { prefix: "/slow" }, methods: ["GET", "HEAD"] }),
          ],
        }),
      }),
    );
    expect(http.map(({ name, timeout, fault }) => [name, timeout, fault !== undefined])).toEqual([
      ["match-0", "5s", false],
      ["match-1", "1s", false],
      ["default", "1s", true],
    ]);
    expect(http[1].match).toEqual([
      { uri: { prefix: "/slow" }, method: { exact: "GET" } },
      { uri: { prefix: "/slow" }, method: { exact: "HEAD" } },
    ]);
    expect(http[1].route).toHaveLength(2);
  });
});

describe("a canary", () => {
  it.each<[number, [number, number, number]]>([
    [0, [70, 30, 0]],
    [1, [63, 27, 10]],
    [2, [35, 15, 50]],
    [3, [0, 0, 100]],
  ])("at step %i shares out %j", (at, expected) => {
    const versions = { "v0.1": { weight: 70 }, "v0.1b": { weight: 30 }, "v0.2": {} };
    expect(sharesOf(versions, aCanary({ at })).map(({ percent }) => percent)).toEqual(expected);
  });
});

interface Request {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}
const fits = (match: TextMatch, text: string | undefined) =>
  text !== undefined &&
  (match.exact === undefined || text === match.exact) &&
  (match.prefix === undefined || text.startsWith(match.prefix)) &&
  (match.regex === undefined || new RegExp(`^(?:${match.regex})$`).test(text));

/** As a proxy reads a VirtualService: the first rule of which one alternative fits. */
function takenBy(http: readonly any[], { path, method, headers }: Request): any {
  return http.find(
    ({ match }) =>
      match === undefined ||
      match.some(
        (one: any) =>
          (one.uri === undefined || fits(one.uri, path)) &&
          (one.method === undefined || fits(one.method, method)) &&
          Object.entries(one.headers ?? {}).every(([name, wanted]) => fits(wanted as TextMatch, headers[name])),
      ),
  );
}

/** What the table means, worked out another way: from the user's matches themselves. */
function meant(service: TrafficService, request: Request): number {
  return (service.route?.matches ?? []).findIndex(
    ({ headers, path, methods }) =>
      (path === undefined || fits(path, request.path)) &&
      (methods === undefined || methods.includes(request.method)) &&
      Object.entries(headers).every(([name, one]) => fits(one, request.headers[name])),
  );
}

const anyRequest: fc.Arbitrary<Request> = fc.record({
  path: fc.constantFrom("/notify", "/send", "/n", "/", "/other"),
  method: fc.constantFrom("GET", "POST", "PUT"),
  headers: fc.dictionary(fc.constantFrom("x-tester", "cookie"), fc.constantFrom("tester", "test", "other")),
});

const total = (shares: Rule["shares"]) => shares.reduce((sum, { percent }) => sum + percent, 0);

describe("any table", () => {
  it("shares out 100 percent in each rule, to versions that it has, each of which has a subset of its own", () => {
    fc.assert(
      fc.property(anyVersioned, (service) => {
        const table = tableOf(service);
        const versions = Object.keys(service.versions);
        for (const rule of table.rules) {
          expect(total(rule.shares)).toBe(100);
          for (const { version, percent } of rule.shares) {
            expect(versions).toContain(version);
            expect(Number.isInteger(percent) && percent > 0).toBe(true);
          }
        }
        const names = table.subsets.map(({ name }) => name);
        expect(new Set(names).size).toBe(versions.length);
        for (const name of names) expect(name).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
        if (service.canary) {
          const last = table.rules.at(-1)?.shares.find(({ version }) => version === service.canary?.to);
          expect(last?.percent ?? 0).toBe(service.canary.at === 0 ? 0 : service.canary.steps[service.canary.at - 1]);
        }
      }),
    );
  });

  it("names in its route no subset that no DestinationRule defines, and one host throughout", () => {
    fc.assert(
      fc.property(anyVersioned, (service) => {
        const { destinations, route } = istioOf(service);
        const defined = destinations.flatMap(({ spec }) => ((spec["subsets"] ?? []) as any[]).map(({ name }) => name));
        const named = [...JSON.stringify(route).matchAll(/"subset":"([^"]+)"/g)].map(([, name]) => name);
        expect(defined).toEqual(expect.arrayContaining(named));
        expect(new Set(defined).size).toBe(defined.length);
        const hosts = [...JSON.stringify([destinations, route]).matchAll(/"host":"([^"]+)"/g)].map(([, host]) => host);
        expect(new Set(hosts)).toEqual(new Set(["svcb.apps.svc.cluster.local"]));
        expect(new Set(destinations.map(({ name }) => name)).size).toBe(destinations.length);
      }),
    );
  });

  it("takes each request by the first match of the user's that fits, and every request by some rule", () => {
    fc.assert(
      fc.property(anyVersioned, anyRequest, (service, request) => {
        const { http } = istioOf(service);
        const index = meant(service, request);
        expect(takenBy(http, request)?.name).toBe(index < 0 ? "default" : `match-${index}`);
        expect(http.filter(({ match }) => match === undefined)).toHaveLength(1);
        expect(http.at(-1)?.match).toBeUndefined();
      }),
    );
  });
});

describe("gatewayRoute", () => {
  it("binds a route to the service, with a Service for each version", () => {
    const service = aService({
      servicePort: 80,
      versions: half,
      route: aRoute({
        api: "gateway",
        timeoutMillis: 2000,
        mirror: { to: "v0.1", percent: 10 },
        matches: [
          aMatch({ headers: { "x-tester": { exact: "yes" } }, methods: ["GET"], path: { exact: "/x" }, to: "v0.2" }),
        ],
      }),
    });
    expect(gatewayRoute(tableOf(service))).toMatchObject({
      kind: "HTTPRoute",
      name: "svcb.mesh",
      spec: {
        parentRefs: [{ group: "", kind: "Service", name: "svcb", port: 80 }],
        rules: [
          {
            matches: [
              {
                path: { type: "Exact", value: "/x" },
                headers: [{ type: "Exact", name: "x-tester", value: "yes" }],
                method: "GET",
              },
            ],
            backendRefs: [{ name: "svcb-v0-2", port: 80, weight: 100 }],
          },
          {
            backendRefs: [
              { name: "svcb-v0-1", port: 80, weight: 50 },
              { name: "svcb-v0-2", port: 80, weight: 50 },
            ],
            filters: [
              { type: "RequestMirror", requestMirror: { backendRef: { name: "svcb-v0-1", port: 80 }, percent: 10 } },
            ],
            timeouts: { request: "2s" },
          },
        ],
      },
    });
  });
});
