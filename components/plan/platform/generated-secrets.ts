import type { Place } from "../connections/parties.ts";

/** A Secret that nobody has to choose, as the user says it. */
export interface GeneratedSecretSettings {
  readonly namespace: Place;
  readonly keys: readonly string[];
  /** Letters and digits of each value. */
  readonly length: number;
}

/** The same as the program that makes it reads it. */
export interface GeneratedSecret {
  readonly name: string;
  readonly keys: readonly string[];
  readonly length: number;
}

/** Name and label `app` of what makes the Secrets. */
export const generatorName = "generated-secrets";
/** A Secret whose values were made in the cluster, and the stack that it was made for. */
export const generatedLabel = "quorum.dev/generated-for";

/** The Secrets of each namespace, in the order of their names. */
export function planGeneratedSecrets(
  settings: Readonly<Record<string, GeneratedSecretSettings>>,
): { readonly place: Place; readonly secrets: readonly GeneratedSecret[] }[] {
  const byPlace = Map.groupBy(
    Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)),
    ([, { namespace }]) => namespace,
  );
  return [...byPlace]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([place, entries]) => ({
      place,
      secrets: entries.map(([name, { keys, length }]) => ({ name, keys: [...new Set(keys)].sort(), length })),
    }));
}

/** Every place with a Secret that is made in it. */
export function generatorPlaces(settings: Readonly<Record<string, GeneratedSecretSettings>>): Place[] {
  return planGeneratedSecrets(settings).map(({ place }) => place);
}
