import fc from "fast-check";
import { it } from "vitest";
import { World } from "../plan/control-plane/encryption-world.ts";

it("every member can read every object at every moment, whatever is changed and wherever a run is cut short", () => {
  const setting = fc.record({
    provider: fc.constantFrom("secretbox" as const, "aescbc" as const, "identity" as const),
    resources: fc.constantFrom(["secrets"], ["configmaps"], ["configmaps", "secrets"]),
    keyGeneration: fc.integer({ min: 1, max: 2 }),
  });
  const change = fc.record({ setting, steps: fc.integer({ min: 1, max: 11 }) });
  fc.assert(
    fc.property(setting, fc.array(change, { minLength: 2, maxLength: 4 }), (first, changes) => {
      const world = new World();
      try {
        world.begin(first);
        for (const { setting: next, steps } of changes) world.up(next, steps);
        const last = changes.at(-1)?.setting ?? first;
        world.up(last);
        world.up(last);
      } finally {
        world.remove();
      }
    }),
    { numRuns: 20 },
  );
}, 1_200_000);
