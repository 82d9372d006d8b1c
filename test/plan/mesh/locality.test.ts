import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { istioRoutes } from "../../../components/plan/mesh/istio-routes.ts";
import { covers, localityProblems } from "../../../components/plan/mesh/locality-checks.ts";
import { planRoutes } from "../../../components/plan/mesh/routes.ts";
import { aRoute, aService, namespace } from "./settings.ts";

const part = fc.constantFrom("a", "b");
const place = fc.oneof(
  fc.constant("*"),
  fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/")),
  fc.array(part, { minLength: 1, maxLength: 2 }).map((parts) => `${parts.join("/")}/*`),
);
/** Every subzone that there is. */
const everywhere = ["a", "b"].flatMap((region) =>
  ["a", "b"].flatMap((zone) => ["a", "b"].map((subzone) => `${region}/${zone}/${subzone}`)),
);
/** Where Istio takes a pod to be in a place: each part the same, as far as the place says one. */
const isIn = (pod: string, of: string) => {
  const parts = pod.split("/");
  return of.split("/").every((one, index) => one === "*" || one === parts[index]);
};
/** Shares of a few places, most of them 100 together. */
const shares = fc
  .tuple(fc.uniqueArray(place, { minLength: 1, maxLength: 3 }), fc.constantFrom(0, 0, 0, -1, 1))
  .map(([places, off]) =>
    Object.fromEntries(places.map((one, index) => [one, index === 0 ? 100 + off - 10 * (places.length - 1) : 10])),
  );
const weights = fc.dictionary(place, shares, { minKeys: 1, maxKeys: 3 });

describe("shares by place", () => {
  it("a place has another exactly where it has all of its pods", () => {
    fc.assert(
      fc.property(place, place, (wide, narrow) => {
        const all = everywhere.filter((pod) => isIn(pod, narrow)).every((pod) => isIn(pod, wide));
        expect(covers(wide, narrow)).toBe(all);
      }),
    );
  });

  it("are taken exactly where they are 100 together and no pod and no caller is in two places; what is taken is what Istio is told", () => {
    fc.assert(
      fc.property(weights, (locality) => {
        const once = (places: readonly string[]) =>
          everywhere.every((pod) => places.filter((one) => isIn(pod, one)).length <= 1);
        const sound = Object.values(locality).every(
          (to) => Object.values(to).reduce((sum, one) => sum + one, 0) === 100 && once(Object.keys(to)),
        );
        const route = aRoute({ locality });
        expect(localityProblems("route", route).length === 0).toBe(sound && once(Object.keys(locality)));
        const [table] = planRoutes({ svcb: aService({ route }) }, namespace);
        if (table === undefined) throw new Error("the service has no table");
        const { trafficPolicy } = istioRoutes(table).destinations[0]?.spec as {
          trafficPolicy: { loadBalancer: { localityLbSetting: { distribute: { from: string; to: object }[] } } };
        };
        const told = trafficPolicy.loadBalancer.localityLbSetting.distribute.map(({ from, to }) => [from, to]);
        expect(Object.fromEntries(told)).toEqual(locality);
      }),
      { numRuns: 300 },
    );
  });
});
