import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { isApiCall } from "./metrics.ts";
import type { Settings } from "./settings.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Whether the route looks at or steers the process itself: it answers as ever, whatever faults are set. @default false */
    control?: boolean;
  }
}

/**
 * Makes calls slow and fails a share of them, as the settings say: to see alerts, retries and circuit breakers at work. Only what
 * callers come for is touched: a probe that failed too would have the pod restarted, which is another fault. Each call is
 * drawn by itself, so a caller that tries again may fail again. The failure is an error of the handler as any other: counted,
 * traced and logged with its reason.
 */
export function injectFaults(app: FastifyInstance, { failPercent, delayMillis }: Settings): void {
  if (failPercent === 0 && delayMillis === 0) return;
  app.log.warn({ failPercent, delayMillis }, "faults are set: calls are made slow or fail");
  app.addHook("preHandler", async (request) => {
    if (request.is404 || request.routeOptions.config.control === true || !isApiCall(request)) return;
    if (delayMillis > 0) await sleep(delayMillis);
    if (Math.random() * 100 < failPercent) throw new Error(`FAIL_PERCENT is ${String(failPercent)}: made to fail`);
  });
}
