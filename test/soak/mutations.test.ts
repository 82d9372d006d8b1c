import fc from "fast-check";
import { vi, describe, expect, test } from "vitest";
import { InputError } from "../../components/plan/problems.ts";
import { parseConfig } from "../../config/parse.ts";
import { record } from "../recorder.ts";
import { runnableSections, type Sections } from "../stacks.ts";

type Json = unknown;

/** Every place of a configuration, as the keys that lead to it. */
function places(value: Json, path: readonly string[] = []): string[][] {
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

type Mutation = {
  readonly kind: "set" | "delete" | "rename" | "add";
  readonly at: number;
  readonly value: Json;
  readonly letter: string;
};

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom("set" as const, "delete" as const, "rename" as const, "add" as const),
  at: fc.nat(),
  value: strange,
  letter: fc.constantFrom("x", "_", "A", "-", "s"),
});

function mutate(sections: Sections, { kind, at, value, letter }: Mutation): void {
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

describe.each(["dev", "prod"] as const)("mutated configurations of %s", (stack) => {
  test("5,000 of them: each is refused by key, or taken whole; none crashes", () => {
    const counts = { refused: 0, taken: 0 };
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        const sections = structuredClone(runnableSections(stack));
        for (const one of mutations) mutate(sections, one);
        try {
          parseConfig(sections);
          counts.taken++;
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          const { problems } = error as InputError;
          expect(problems.length).toBeGreaterThan(0);
          for (const { key, text } of problems) {
            expect(key).toMatch(/^quorum:/);
            expect(text.length).toBeGreaterThan(10);
          }
          counts.refused++;
        }
      }),
      { numRuns: 5000 },
    );
    console.log(`${stack}: ${counts.refused} refused, ${counts.taken} taken`);
    expect(counts.refused).toBeGreaterThan(0);
    expect(counts.taken).toBeGreaterThan(0);
  });

  test("100 that are taken make objects whose names a cluster allows", { timeout: 1_800_000 }, async () => {
    let made = 0;
    for (const mutations of fc.sample(fc.array(mutation, { minLength: 1, maxLength: 2 }), { numRuns: 3000, seed: 7 })) {
      if (made === 100) break;
      const sections = structuredClone(runnableSections(stack));
      for (const one of mutations) mutate(sections, one);
      try {
        parseConfig(sections);
      } catch {
        // Refused; the test above looks at how.
        continue;
      }
      vi.resetModules();
      const recording = await record(() => import("../../index.ts"), { stack, preview: true, config: sections });
      for (const { type, inputs } of recording.resources) {
        if (!type.startsWith("kubernetes:")) continue;
        const { name } = inputs["metadata"] as { name: string };
        expect(name, type).toMatch(/^[a-z0-9]([-a-z0-9.:]*[a-z0-9])?$/);
        expect(name.length, type).toBeLessThanOrEqual(253);
      }
      made++;
    }
    expect(made).toBe(100);
  });
});
