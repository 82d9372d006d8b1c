import { didYouMean, list, type Problem } from "../problems.ts";
import { slugOf, versionedName } from "../workload/versions.ts";
import { isMeshed } from "./mesh-parts.ts";
import { givenWeights, whole } from "./shares.ts";
import type { CheckedTraffic, TrafficSurroundings } from "./traffic-checks.ts";
import type { CanarySettings } from "./traffic-settings.ts";

/** What contradicts itself in a service's versions. */
export function versionProblems(key: string, service: CheckedTraffic): Problem[] {
  const { versions, kind, volumes, canary } = service;
  if (versions === undefined) return [];
  const at = `${key}.versions`;
  const names = Object.keys(versions);
  if (names.length === 0)
    return [{ key: at, text: "is empty, but a service runs in one version or more; name one, or leave it out" }];
  const problems: Problem[] = [];
  if (kind !== "Deployment") {
    problems.push({
      key: at,
      text: `is set, but the pods of a ${kind} are one whole, which has one version; make it a Deployment, or a service for each version`,
    });
  } else if (Object.keys(volumes).length > 0) {
    problems.push({
      key: at,
      text: "is set, but the service has volumes, which one pod at a time can have; leave out one of them",
    });
  }
  if (service.env["VERSION"] !== undefined) {
    problems.push({
      key: `${key}.env.VERSION`,
      text: "is set, but each version's pods are told their own by it; leave it out",
    });
  }
  return [...problems, ...totalProblems(at, versions, canary), ...workloadVersionProblems(at, versions)];
}

function totalProblems(
  at: string,
  versions: NonNullable<CheckedTraffic["versions"]>,
  canary: CanarySettings | undefined,
): Problem[] {
  const given = givenWeights(versions);
  // What a canary gets is its step's; the weights share out the rest.
  const counted = canary === undefined ? given : given.filter(({ version }) => version !== canary.to);
  const total = counted.reduce((sum, { percent }) => sum + percent, 0);
  if (counted.length === 0 || total === whole) return [];
  const shown = counted.map(({ version, percent }) => `${version} ${percent}`).join(", ");
  const of = canary === undefined ? "weights" : `weights of the versions besides ${canary.to}`;
  return [
    { key: at, text: `has ${of} that are ${total} together (${shown}), but they must be ${whole}; change one of them` },
  ];
}

type Versions = NonNullable<CheckedTraffic["versions"]>;

function workloadVersionProblems(at: string, versions: Versions): Problem[] {
  return Object.entries(versions).flatMap(([version, { env = {}, replicas, autoscale }]) => [
    ...(["VERSION", "PORT", "ROLE"] as const).flatMap((variable) =>
      env[variable] === undefined
        ? []
        : [
            {
              key: `${at}.${version}.env.${variable}`,
              text: "is set, but the process is told it by another key; leave it out",
            },
          ],
    ),
    ...(replicas !== undefined && autoscale !== undefined
      ? [
          {
            key: `${at}.${version}.replicas`,
            text: `is ${replicas}, but autoscale decides how many there are; leave out one of them`,
          },
        ]
      : []),
  ]);
}

/** What contradicts itself in a service's canary. */
export function canaryProblems(
  key: string,
  { versions = {}, canary }: CheckedTraffic,
  { prometheus, mesh }: TrafficSurroundings,
): Problem[] {
  if (canary === undefined) return [];
  const at = `${key}.canary`;
  const names = Object.keys(versions);
  const problems: Problem[] = [];
  if (names.length < 2) {
    problems.push({
      key: at,
      text: `is set, but ${names.length === 0 ? "the service has no versions" : `${names.join("")} is its only version`}; name the old and the new one in versions`,
    });
  } else if (!names.includes(canary.to)) {
    problems.push(unknownVersion(`${at}.to`, canary.to, names));
  }
  const weight = versions[canary.to]?.weight;
  if (weight !== undefined && names.length > 1) {
    problems.push({
      key: `${key}.versions.${canary.to}.weight`,
      text: `is ${weight}, but the canary's step decides what ${canary.to} gets; leave it out`,
    });
  }
  const { steps, at: step } = canary;
  if (step > steps.length) {
    problems.push({
      key: `${at}.at`,
      text: `is ${step}, but there are ${steps.length} steps; set it to ${steps.length} or less, 0 being none of them`,
    });
  }
  const notMore = steps.findIndex((percent, index) => index > 0 && percent <= (steps[index - 1] ?? 0));
  if (notMore > 0) {
    problems.push({
      key: `${at}.steps.${notMore}`,
      text: `is ${steps[notMore] ?? 0}, but the step before is ${steps[notMore - 1] ?? 0}, and a step goes further; order them`,
    });
  }
  if (canary.judged && !prometheus && isMeshed(mesh)) {
    problems.push({
      key: `${at}.judged`,
      text: "is true, but nothing counts requests, as quorum:monitoring.prometheus.enabled is false; set that to true, or this to false to go without a judgement",
    });
  }
  return problems;
}

export function unknownVersion(key: string, version: string, versions: readonly string[]): Problem {
  const near = didYouMean(version, versions);
  const fix = near === undefined ? "name one of them, or add it to versions" : `did you mean ${near}?`;
  const known = versions.length === 0 ? "the service has no versions" : `the service has ${list(versions)}`;
  return { key, text: `is "${version}", but ${known}; ${fix}` };
}

/** Objects of one kind with one name would be one object. */
export function versionNameProblems(services: Readonly<Record<string, CheckedTraffic>>): Problem[] {
  const owners = new Map(Object.keys(services).map((name) => [name, `quorum:services.${name}`]));
  return Object.entries(services).flatMap(([name, { versions = {} }]) =>
    Object.keys(versions).flatMap((version): Problem[] => {
      const key = `quorum:services.${name}.versions.${version}`;
      const made = versionedName(name, version);
      const owner = owners.get(made);
      owners.set(made, owner ?? key);
      if (owner === undefined) return [];
      return [
        {
          key,
          text: `is a name that is not allowed: its objects would be called ${made} (${slugOf(version)} for the version), as those of ${owner} are; give one of them another name`,
        },
      ];
    }),
  );
}
