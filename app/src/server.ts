import Fastify, { LogController } from "fastify";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { destination } from "pino";
import { injectFaults } from "./faults.ts";
import { indexPage } from "./index-page.ts";
import type { Entry } from "./index-page.ts";
import { isApiCall, measure } from "./metrics.ts";
import { requestId } from "./request-id.ts";
import { roles } from "./roles.ts";
import type { Settings } from "./settings.ts";
import type { Tracing } from "./tracing.ts";

/** What the server must know of the process around it. */
export interface Lifecycle {
  /** True from the first signal on: not ready, and no connection is kept. */
  draining: boolean;
}

/**
 * The service of `settings.role`, not yet listening.
 *
 * @param tracing where requests are traced
 */
export function createServer(settings: Settings, lifecycle: Lifecycle, tracing?: Tracing): FastifyInstance {
  const app = Fastify({
    logger: {
      level: settings.logLevel,
      base: { app: settings.appName, role: settings.role },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      // pino's own choice writes behind the caller's back: a crash would lose lines or put its reason before them.
      stream: destination({ dest: 1, sync: true }),
    },
    logController: new RequestLog({ requestIdLogLabel: "requestId" }),
    genReqId: requestId,
    // The first that is done with a request, before anything is logged of it.
    ...(tracing && {
      childLoggerFactory: (logger, bindings, options, request) =>
        logger.child({ ...bindings, ...tracing.begin(request) }, options),
    }),
    // Idle connections must outlive the 60 s after which common load balancers and proxies drop theirs: whoever closes
    // first must not be the server, or a request that is already on its way is lost.
    keepAliveTimeout: 72_000,
    // A connection that sends nothing counts as one with late headers, so this must not be the shorter one.
    http: { headersTimeout: 75_000 },
    requestTimeout: 120_000,
    // A request that still arrives on an open connection while the server closes is served, not refused.
    return503OnClosing: false,
    // An address that cannot be decoded matches no route and meets no hook.
    frameworkErrors: (error, request, reply) => {
      answerError(error, request, reply);
      tracing?.end(request, reply.statusCode);
    },
  });

  tracing?.follow(app);
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers({ "x-request-id": request.id, "x-content-type-options": "nosniff", "cache-control": "no-store" });
    done();
  });
  // On sending, not on receiving: a request in flight when the signal comes must free its connection too.
  app.addHook("onSend", (_request, reply, _payload, done) => {
    if (lifecycle.draining) reply.header("connection", "close");
    done();
  });
  app.setNotFoundHandler((request, reply) => reply.code(404).send({ error: "not found", requestId: request.id }));
  app.setErrorHandler(answerError);

  app.addHook("onRequestAbort", (request, done) => {
    request.log[isApiCall(request) ? "info" : "debug"](described(request), "request given up by its caller");
    done();
  });

  const entries: Entry[] = [];
  app.addHook("onRoute", ({ method, url, config }) => {
    if (method === "GET" && config?.summary !== undefined) entries.push({ url, summary: config.summary });
  });
  measure(app, settings.appName);
  injectFaults(app, settings);
  app.get("/", { config: { action: "index", control: true } }, (_request, reply) =>
    reply.type("text/html; charset=utf-8").send(indexPage(settings.appName, entries)),
  );
  app.get("/health", { config: { summary: "readiness" } }, (_request, reply) =>
    lifecycle.draining ? reply.code(503).send({ status: "draining" }) : reply.send({ status: "ready" }),
  );
  // Browsers ask by themselves: neither a call of the API nor an error.
  app.get("/favicon.ico", (_request, reply) => reply.code(204).send());
  roles[settings.role](app, settings);
  return app;
}

/** One line for each request, when it ends; what comes every few seconds by itself is at debug level. */
class RequestLog extends LogController {
  override incomingRequest(request: FastifyRequest): void {
    request.log.debug(described(request), "request received");
  }

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const fields = { ...described(request), status: reply.statusCode, durationMs: Math.round(reply.elapsedTime) };
    if (error) request.log.error({ ...fields, err: error }, "request failed");
    else request.log[isApiCall(request) ? "info" : "debug"](fields, "request completed");
  }
}

/** The query is left out: it may carry what must not be in a log. */
function described(request: FastifyRequest): { method: string; path: string } {
  return { method: request.method, path: request.url.replace(/\?.*$/s, "") };
}

/** What went wrong inside is for the log; the caller gets the id to find it there. */
function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status = error.statusCode ?? 500;
  reply.header("x-request-id", request.id);
  if (status < 500) return reply.code(status).send({ error: error.message, requestId: request.id });
  request.log.error({ err: error }, "request failed");
  return reply.code(status).send({ error: "internal error", requestId: request.id });
}
