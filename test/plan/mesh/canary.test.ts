import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Canary,
  figureQueries,
  figuresOf,
  judge,
  judgedCanaries,
  livePercent,
  needsJudging,
  numberOf,
} from "../../../components/plan/mesh/canary.ts";
import { gatewayRoute } from "../../../components/plan/mesh/gateway-routes.ts";
import { istioRoutes } from "../../../components/plan/mesh/istio-routes.ts";
import { planRoutes } from "../../../components/plan/mesh/routes.ts";
import type { TrafficService } from "../../../components/plan/mesh/traffic-settings.ts";
import { aCanary, aRoute, aService, namespace } from "./settings.ts";

const versions = { "v0.1": { weight: 100 }, "v0.2": {} };
const staged = (at: number, more: Partial<TrafficService> = {}) =>
  aService({ versions, canary: aCanary({ at }), ...more });
const canaryOf = (service: TrafficService): Canary => {
  const [canary] = judgedCanaries({ svcb: service });
  if (canary === undefined) throw new Error("there is no canary");
  return canary;
};

/** What the cluster would have after an `up` with a service. */
function liveRoute(service: TrafficService) {
  const [table] = planRoutes({ svcb: service }, namespace);
  if (table === undefined) throw new Error("there is no table");
  return table.api === "gateway" ? gatewayRoute(table) : istioRoutes(table).route;
}

describe("judgedCanaries", () => {
  it("are those that are to be judged, each with the object that says where it stands", () => {
    const services = {
      svcb: staged(1),
      gate: staged(1, { route: aRoute({ api: "gateway" }) }),
      free: staged(1, { canary: aCanary({ judged: false }) }),
      plain: aService(),
    };
    expect(judgedCanaries(services).map(({ service, route }) => [service, route.kind, route.name])).toEqual([
      ["svcb", "VirtualService", "svcb"],
      ["gate", "HTTPRoute", "gate.mesh"],
    ]);
  });
});

describe.each(["istio", "gateway"] as const)("the live share, by %s", (api) => {
  it("is what an up made of any step", () => {
    const matches = [{ headers: { "x-tester": { exact: "yes" } }, to: "v0.2" }];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 }), fc.boolean(), (at, testers) => {
        const service = staged(at, { route: aRoute({ api, matches: testers ? matches : [] }) });
        expect(livePercent(canaryOf(service), liveRoute(service))).toBe([0, 10, 50, 100][at]);
      }),
    );
  });

  it("is 0 while there is no route", () => {
    expect(livePercent(canaryOf(staged(1, { route: aRoute({ api }) })), undefined)).toBe(0);
  });
});

it("an API server's default match does not hide a Gateway API route's share", () => {
  const service = staged(2, { route: aRoute({ api: "gateway" }) });
  const live = structuredClone(liveRoute(service)) as unknown as { spec: { rules: { matches?: unknown }[] } };
  for (const rule of live.spec.rules) rule.matches = [{ path: { type: "PathPrefix", value: "/" } }];
  expect(livePercent(canaryOf(service), live)).toBe(50);
});

describe("a step", () => {
  it.each([
    [0, 0, false],
    [1, 0, false],
    [1, 10, false],
    [2, 10, true],
    [3, 50, true],
    [2, 100, false],
    [0, 50, false],
  ])("to %i from a share of %i is judged: %s", (at, now, judged) => {
    expect(needsJudging(canaryOf(staged(at)), now)).toBe(judged);
  });
});

const figures = (requests: number, errorPercent: number, p95Seconds?: number) => ({
  requests,
  errorPercent,
  p95Seconds,
});

describe("judge", () => {
  const canary = canaryOf(staged(2));

  it("goes on where the new version is no worse, and says by which numbers", () => {
    expect(judge(canary, 10, { new: figures(60, 0.5, 0.11), old: figures(540, 0.2, 0.1) })).toEqual({
      allowed: true,
      lines: [
        "canary svcb v0.2 from 10 % to 50 %: goes on, as it is no worse",
        "  v0.2: 60 requests, 0.5 % failed, 95 % within 110 ms",
        "  the others: 540 requests, 0.2 % failed, 95 % within 100 ms",
        "  over the last 5 min",
      ],
    });
  });

  it.each<[string, ReturnType<typeof figures>, ReturnType<typeof figures>, string]>([
    [
      "fails more",
      figures(100, 3, 0.1),
      figures(900, 0.5, 0.1),
      "v0.2 fails more often, by more than 1 percent of its requests",
    ],
    ["is slower", figures(100, 0, 0.2), figures(900, 0, 0.1), "v0.2 is slower, by more than 25 %"],
    ["has too few requests", figures(3, 0, 0.1), figures(900, 0, 0.1), "v0.2 had 3 requests, and 50 are needed"],
    [
      "has nothing to be compared with",
      figures(100, 0, 0.1),
      figures(0, 0),
      "the other versions had 0 requests, and 50 are needed",
    ],
  ])("refuses one that %s", (_, fresh, old, reason) => {
    const { allowed, lines } = judge(canary, 10, { new: fresh, old });
    expect([allowed, lines[0]]).toEqual([false, `canary svcb v0.2 from 10 % to 50 %: refused, as ${reason}`]);
    expect(lines).toHaveLength(4);
  });

  it("says all reasons at once", () => {
    const { lines } = judge(canary, 10, { new: figures(1, 100, 9), old: figures(2, 0, 0.1) });
    expect(lines[0]?.split("; ")).toHaveLength(4);
  });

  it("takes no notice of a difference that nobody notices, nor of times that nobody measured", () => {
    expect(judge(canary, 10, { new: figures(100, 0, 0.009), old: figures(100, 0, 0.004) }).allowed).toBe(true);
    expect(judge(canary, 10, { new: figures(100, 0), old: figures(100, 0, 0.1) }).allowed).toBe(true);
  });

  it("never refuses a version for being better", () => {
    const any = fc.record({
      requests: fc.integer({ min: 50, max: 10_000 }),
      errorPercent: fc.double({ min: 0, max: 100, noNaN: true }),
      p95Seconds: fc.double({ min: 0, max: 10, noNaN: true }),
    });
    fc.assert(
      fc.property(any, any, (a, b) => {
        const better = {
          requests: a.requests,
          errorPercent: Math.min(a.errorPercent, b.errorPercent),
          p95Seconds: Math.min(a.p95Seconds, b.p95Seconds),
        };
        expect(judge(canary, 10, { new: better, old: b }).allowed).toBe(true);
      }),
    );
  });
});

describe("figures", () => {
  it("come from instant queries; what is no number is none", () => {
    const answer = (value: string) => ({ data: { result: [{ value: [1, value] }] } });
    expect(numberOf(answer("12.5"))).toBe(12.5);
    for (const none of [answer("NaN"), answer("+Inf"), { data: { result: [] } }, {}])
      expect(numberOf(none)).toBeUndefined();
    expect(figuresOf(200, 3, 0.2)).toEqual({ requests: 200, errorPercent: 1.5, p95Seconds: 0.2 });
    expect(figuresOf(undefined, undefined, undefined)).toEqual({ requests: 0, errorPercent: 0, p95Seconds: undefined });
  });

  it("are asked for by version, of Istio's counts or the application's", () => {
    const canary = canaryOf(staged(2));
    expect(figureQueries(canary, "apps", "app", "new").errors).toBe(
      'sum(increase(application_api{namespace="apps", service="svcb", version!="", version="v0.2", response=~"5.."}[5m]))',
    );
    expect(figureQueries(canary, "apps", "istio", "old").requests).toBe(
      'sum(increase(istio_requests_total{reporter="destination", destination_service_namespace="apps", destination_service_name="svcb", destination_version!="v0.2"}[5m]))',
    );
  });
});
