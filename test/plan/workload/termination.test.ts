import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSettings } from "../../../app/src/settings.ts";
import { planTermination } from "../../../components/plan/workload/termination.ts";

describe("planTermination", () => {
  it("shares out the usual half minute", () => {
    expect(planTermination(30)).toEqual({ preStopSeconds: 5, drainSeconds: 5, finishSeconds: 19 });
  });

  it("fits into any grace period, with time left for the process to end", () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 3600 }), (grace) => {
        const { preStopSeconds, drainSeconds, finishSeconds } = planTermination(grace);
        expect(Math.min(preStopSeconds, drainSeconds, finishSeconds)).toBeGreaterThan(0);
        expect(preStopSeconds + drainSeconds + finishSeconds).toBeLessThan(grace);
        const env = { SHUTDOWN_DELAY_SECONDS: String(drainSeconds), SHUTDOWN_TIMEOUT_SECONDS: String(finishSeconds) };
        expect(readSettings(env, [])).toMatchObject({
          shutdownDelaySeconds: drainSeconds,
          shutdownTimeoutSeconds: finishSeconds,
        });
      }),
    );
  });
});
