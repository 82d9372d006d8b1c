/** A release of Kubernetes. */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** A full version without a `v`, such as 1.37.2; undefined for anything else. */
export function parseVersion(text: string): Version | undefined {
  const match = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch] = match.map(Number) as [number, number, number, number];
  return { major, minor, patch };
}

/** Negative where `a` is older than `b`, positive where it is newer. */
export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch;
}

export const minorOf = ({ major, minor }: Version) => `${major}.${minor}`;
