import fc from "fast-check";
import type { Sections } from "./stacks.ts";

export type Json = unknown;

/** Every place of a configuration, as the keys that lead to it. */
export function places(value: Json, path: readonly string[] = []): string[][] {
  const here = path.length > 0 ? [[...path]] : [];
  if (typeof value !== "object" || value === null) return here;
  return [...here, ...Object.entries(value).flatMap(([key, item]) => places(item, [...path, key]))];
}

const strange = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constantFrom<Json>(null, [], {}, "", "0", -1, 0, 65536, "two", "x".repeat(300), "A_b", "10.0.0.0/8", {
    secure: "v1:abc",
  }),
);

export interface Mutation {
  readonly kind: "set" | "delete" | "rename" | "add";
  readonly at: number;
  readonly value: Json;
  readonly letter: string;
}

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom("set" as const, "delete" as const, "rename" as const, "add" as const),
  at: fc.nat(),
  value: strange,
  letter: fc.constantFrom("x", "_", "A", "-", "s"),
});

export function mutate(sections: Sections, { kind, at, value, letter }: Mutation): void {
  const all = places(sections);
  const path = all[at % all.length] ?? [];
  const last = path.at(-1) ?? "";
  let parent = sections as Record<string, Json>;
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<string, Json>;
  const present = parent[last];
  if (kind === "set") parent[last] = value;
  if (kind === "add") parent[`${last}${letter}`] = value;
  if (kind === "delete" || kind === "rename") delete parent[last];
  if (kind === "rename") parent[`${last}${letter}`] = present;
}

/** Values of which a key takes one. */
const choices = [
  ["TCP", "UDP"],
  ["critical", "standard", "batch"],
  ["soft", "off"],
  ["NoSchedule", "NoExecute"],
  ["StatefulSet", "Deployment", "DaemonSet"],
  ["Etc/UTC", "Europe/Berlin", "America/New_York"],
  ["app", "perl"],
  ["shop", "ledger"],
  ["shop-database/password", "shop-database/user"],
];

/** Other values for a leaf, near its own, of which a strict schema takes some. */
export function neighbours(value: Json): Json[] {
  if (typeof value === "boolean") return [!value];
  if (typeof value === "number") return [value + 1, value - 1, value * 2];
  if (typeof value !== "string") return [];
  const others = choices.filter((each) => each.includes(value)).flat();
  const digit = value.replace(/\d(?!.*\d)/, (last) => String((Number(last) + 1) % 10));
  return [`${value}x`, `x${value}`, `/x${value}`, digit, ...others].filter((each) => each !== value);
}
