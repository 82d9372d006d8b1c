import type { Problem } from "../problems.ts";
import type { LocalityWeights, RouteSettings } from "./traffic-settings.ts";

const whole = 100;

/** What contradicts itself in which pods are preferred. @param at the key of the route */
export function localityProblems(at: string, { locality, outliers }: RouteSettings): Problem[] {
  const key = `${at}.locality`;
  if (locality === undefined || locality === "none") return [];
  if (typeof locality === "object") return weightProblems(key, locality);
  if (outliers !== undefined) return [];
  return [
    {
      key,
      text: `is "${locality}", but without outliers nobody says when the near pods have failed, and Istio then takes all alike; set ${at}.outliers`,
    },
  ];
}

/** @see https://istio.io/latest/docs/reference/config/networking/destination-rule/#LocalityLoadBalancerSetting */
function weightProblems(key: string, weights: LocalityWeights): Problem[] {
  const callers = Object.entries(weights);
  if (callers.length === 0) return [{ key, text: "names no place; name one of callers with shares, or leave it out" }];
  return [
    ...callers.flatMap(([from, to]): Problem[] => {
      const total = Object.values(to).reduce((sum, percent) => sum + percent, 0);
      return [
        ...(total === whole
          ? []
          : [
              {
                key: `${key}.${from}`,
                text: `has shares that are ${total} together, but they must be ${whole}; change one of them`,
              },
            ]),
        ...overlaps(`${key}.${from}`, Object.keys(to)),
      ];
    }),
    ...overlaps(key, Object.keys(weights)),
  ];
}

/** A pod in two places would have two shares. */
function overlaps(key: string, places: readonly string[]): Problem[] {
  return places.flatMap((place, index): Problem[] => {
    const other = places.slice(0, index).find((before) => covers(before, place) || covers(place, before));
    if (other === undefined) return [];
    return [{ key: `${key}.${place}`, text: `overlaps with ${other}, which is named before; name places that do not` }];
  });
}

/** Whether a place, written `region/zone/subzone` with a star for any, has all of another. */
export function covers(wide: string, narrow: string): boolean {
  const [outer, inner] = [wide, narrow].map((place) =>
    place
      .replace(/(^|\/)\*$/, "")
      .split("/")
      .filter(Boolean),
  );
  return (outer ?? []).every((part, index) => part === inner?.[index]);
}
