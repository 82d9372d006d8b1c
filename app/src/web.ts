import type { FastifyInstance, RouteShorthandOptions } from "fastify";
import { burn } from "./burn.ts";
import type { Settings } from "./settings.ts";

/** Longest that one call may keep a core busy. */
const LONGEST_BURN_MILLISECONDS = 1000;

/** The sample service: work to be called by a schedule, a crash and a hang to be recovered from. */
export function web(app: FastifyInstance, settings: Settings): void {
  let deadlocked = false;

  app.get("/api/job/run/wakeUp", job("wakeUp", "wake up: the call of a scheduled job"), (request, reply) => {
    request.log.info("woken up");
    return reply.send("Woken up");
  });

  app.get<{ Querystring: { milliseconds: number } }>(
    "/api/job/run/burn",
    {
      ...job("burn", `burn: keeps a core busy for ?milliseconds=, 1 to ${String(LONGEST_BURN_MILLISECONDS)}`),
      schema: {
        querystring: {
          type: "object",
          properties: {
            milliseconds: { type: "integer", minimum: 1, maximum: LONGEST_BURN_MILLISECONDS, default: 100 },
          },
        },
      },
    },
    async ({ query }) => `Burnt ${String(await burn(query.milliseconds))} rounds`,
  );

  app.get("/api/job/kill/me", control("killMe", "kill me: the process crashes"), (_request, reply) => {
    // The answer goes out before the crash: a caller that saw its connection die would try again, and a proxy that
    // does so by itself would kill one replica after the other.
    reply.raw.once("close", () => {
      throw new Error("Selfkill: GET /api/job/kill/me was called");
    });
    return reply.header("connection", "close").send("Killed");
  });

  app.get("/api/job/alive/check", control("aliveCheck", "alive: the liveness check"), async () => {
    if (!deadlocked) return "Alive";
    await new Promise((resolve) => setTimeout(resolve, settings.deadlockSeconds * 1000));
    return "Deadlocked!!!";
  });

  app.get(
    "/api/job/alive/deadlock",
    control("aliveDeadlock", `deadlock me: the liveness check takes ${String(settings.deadlockSeconds)} s from now on`),
    (request, reply) => {
      deadlocked = true;
      request.log.warn({ deadlockSeconds: settings.deadlockSeconds }, "deadlocked");
      return reply.send("Deadlocked");
    },
  );
}

/** A HEAD request asks about an address and must not do its work, so these routes answer GET only. */
function job(action: string, summary: string): RouteShorthandOptions {
  return { exposeHeadRoute: false, config: { action, summary } };
}

/** What looks at or steers the process itself: no fault that is set may touch it. */
function control(action: string, summary: string): RouteShorthandOptions {
  return { exposeHeadRoute: false, config: { action, summary, control: true } };
}
