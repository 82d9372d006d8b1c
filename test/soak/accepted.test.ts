import { test } from "vitest";
import { expectAccepted, expectMutatedAccepted } from "../cluster/random-configs.ts";

const run = Date.now().toString(36).slice(-5);

test("100 valid configurations, drawn at random, are accepted by the API server", async () => {
  await expectAccepted(100, `soak-${run}`);
});

test("200 mutated configurations that are taken are accepted by the API server", async () => {
  await expectMutatedAccepted(200, `mutated-${run}`);
});
