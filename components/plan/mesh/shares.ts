import type { CanarySettings, TrafficService } from "./traffic-settings.ts";

/** What part of the requests a version gets, in percent. */
export interface Share {
  readonly version: string;
  readonly percent: number;
}

export const whole = 100;

/** Weights as the user gives them; one that is left out is 0, and 100 where there is no other version. */
export function givenWeights(versions: NonNullable<TrafficService["versions"]>): Share[] {
  const entries = Object.entries(versions);
  return entries.map(([version, { weight }]) => ({ version, percent: weight ?? (entries.length === 1 ? whole : 0) }));
}

/** The share of the new version in a step; 0 before the first. */
export function canaryPercent({ steps, at }: Pick<CanarySettings, "steps" | "at">): number {
  return at === 0 ? 0 : (steps[at - 1] ?? 0);
}

/**
 * How a service's requests are shared out to its versions, 100 percent together. A canary's step comes before the weights: what
 * it leaves is shared out by them to the other versions.
 */
export function sharesOf(versions: NonNullable<TrafficService["versions"]>, canary?: CanarySettings): Share[] {
  const given = givenWeights(versions);
  if (canary === undefined) return given;
  const moved = canaryPercent(canary);
  const others = scaleTo(
    given.filter(({ version }) => version !== canary.to),
    whole - moved,
  );
  return given.map(({ version }) => ({
    version,
    percent: version === canary.to ? moved : (others.get(version) ?? 0),
  }));
}

/** Whole percentages in proportion to weights: what rounding down leaves over goes to the largest rests, the first of equal ones. */
function scaleTo(shares: readonly Share[], total: number): ReadonlyMap<string, number> {
  const sum = shares.reduce((all, { percent }) => all + percent, 0);
  if (sum === 0) return new Map();
  const exact = shares.map(({ version, percent }) => ({ version, exact: (percent * total) / sum }));
  const scaled = new Map(exact.map(({ version, exact: value }) => [version, Math.floor(value)]));
  const left = total - [...scaled.values()].reduce((all, value) => all + value, 0);
  const rests = exact
    .map(({ version, exact: value }) => ({ version, rest: value - Math.floor(value) }))
    .sort((a, b) => b.rest - a.rest);
  for (const { version } of rests.slice(0, left)) scaled.set(version, (scaled.get(version) ?? 0) + 1);
  return scaled;
}
