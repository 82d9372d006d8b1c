import { test } from "vitest";
import { expectAccepted } from "../cluster/random-configs.ts";

test("200 valid configurations, drawn at random, are accepted by the API server", async () => {
  await expectAccepted(200, `soak-${Date.now().toString(36).slice(-5)}`);
});
