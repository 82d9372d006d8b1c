import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InputError } from "../../components/plan/problems.ts";
import { parseConfig } from "../../config/parse.ts";
import type { KubeObject } from "../../engine/direct/objects.ts";
import { kubeconform } from "../conformance/checkers.ts";
import { kubernetesVersions } from "../conformance/schemas.ts";
import { type Json, type Mutation, mutate, mutation, neighbours, places } from "../mutation.ts";
import { objectsOf, runProgram } from "../program-objects.ts";
import { runnableSections, type Sections } from "../stacks.ts";
import { wholeConfig } from "../whole-config.ts";

const runs = 5000;
const hour = 3_600_000;

/** Whether a configuration is taken. One that is not must be refused by key, and nothing may crash. */
function isTaken(sections: Sections): boolean {
  try {
    parseConfig(sections);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    const { problems } = error as InputError;
    expect(problems.length).toBeGreaterThan(0);
    for (const { key, text } of problems) {
      // A file of the user's own, such as a dashboard, is named itself.
      expect(key).toMatch(/^(quorum:|\S+\.(json|ya?ml))/);
      expect(text.length).toBeGreaterThan(10);
    }
    return false;
  }
}

/** The objects of many configurations in one call: each stands for all that are the same to the last character. */
async function expectToFit(objects: ReadonlyMap<string, KubeObject>): Promise<void> {
  for (const version of kubernetesVersions) expect(await kubeconform([...objects.values()], version)).toEqual([]);
}

describe.each(["dev", "prod"] as const)("mutated configurations of %s", (stack) => {
  test(
    "5,000 of them: each is refused by key, or makes objects that fit the schemas; none crashes",
    { timeout: hour },
    async () => {
      const counts = { refused: 0, taken: 0, objects: 0 };
      const distinct = new Map<string, KubeObject>();
      const began = performance.now();
      const draws = fc.sample(fc.array(mutation, { minLength: 1, maxLength: 4 }), { numRuns: runs });
      for (const mutations of draws) {
        const sections = structuredClone(wholeConfig(runnableSections(stack)));
        for (const one of mutations) mutate(sections, one);
        if (!isTaken(sections)) {
          counts.refused++;
          continue;
        }
        counts.taken++;
        const objects = await made(sections, stack, mutations);
        counts.objects += objects.length;
        for (const object of objects) distinct.set(JSON.stringify(object), object);
      }
      const seconds = Math.round((performance.now() - began) / 1000);
      console.log(
        `${stack}: ${counts.refused} refused, ${counts.taken} taken, ${counts.objects} objects (${distinct.size} distinct), ${seconds} s`,
      );
      expect(counts.refused).toBeGreaterThan(0);
      expect(counts.taken).toBeGreaterThan(runs / 100);
      await expectToFit(distinct);
    },
  );
});

async function made(sections: Sections, stack: string, mutations: readonly Mutation[]): Promise<KubeObject[]> {
  try {
    return objectsOf(await runProgram(sections, { stack }), stack);
  } catch (error) {
    throw new Error(`taken, but the program fails on it: ${JSON.stringify(mutations)}`, { cause: error });
  }
}

describe("no key is dropped in silence", () => {
  test("each leaf that can have another value changes a resource or an output by it", { timeout: hour }, async () => {
    const whole = wholeConfig(runnableSections("dev"));
    const seen = async (sections: Sections) => {
      const { resources, outputs } = await runProgram(sections);
      return JSON.stringify([resources, outputs]);
    };
    const before = await seen(whole);
    const dropped: string[] = [];
    let changed = 0;
    for (const path of places(whole)) {
      const value = path.reduce((at: Json, key) => (at as Record<string, Json>)[key], whole);
      for (const other of neighbours(value)) {
        const sections = structuredClone(whole);
        const parent = path.slice(0, -1).reduce((at: Json, key) => (at as Record<string, Json>)[key], sections as Json);
        (parent as Record<string, Json>)[path.at(-1) ?? ""] = other;
        if (!isTaken(sections)) continue;
        if ((await seen(sections)) === before) dropped.push(path.join("."));
        else changed++;
        break;
      }
    }
    console.log(`${changed} leaves change something; ${dropped.length} do not`);
    expect(dropped).toEqual([]);
    expect(changed).toBeGreaterThan(100);
  });
});
