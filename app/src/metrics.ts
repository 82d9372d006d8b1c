import type { FastifyInstance, FastifyRequest } from "fastify";
import { Counter, Histogram, Registry, collectDefaultMetrics } from "prom-client";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Short name of what the route does: its `action` label. A route without one is not counted. */
    action?: string;
    /** What the index page says of the route; without it the route is not listed. */
    summary?: string;
  }
}

/** `url` and `action` of calls that match no route: one value, so that a scanner cannot grow the number of series. */
const UNMATCHED = "(unmatched)";

/** `response` of a call whose caller closed the connection first; the code that nginx made usual for it. */
const CALLER_GAVE_UP = "499";

/** Upper bounds in seconds: from what nobody notices, past the second above which a service counts as slow, to when callers give up. */
const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * Serves `/metrics`, counts every call in `application_api` and times it in `application_api_duration_seconds`, by route template.
 * Routes must be registered after this.
 */
export function measure(app: FastifyInstance, appName: string): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const calls = new Counter({
    name: "application_api",
    help: "Calls of the API, by route template, without probes and scrapes",
    labelNames: ["method", "response", "url", "action", "app"],
    registers: [registry],
  });
  const durations = new Histogram({
    name: "application_api_duration_seconds",
    help: "Seconds from a call counted in application_api to its answer, or until its caller gave up",
    labelNames: ["method", "url", "action", "app"],
    buckets: DURATIONS,
    registers: [registry],
  });
  const began = new WeakMap<FastifyRequest, number>();

  app.addHook("onRoute", ({ method, url, config }) => {
    // A series that first appears with the value 1 hides that first call from rate() and delta(): start at 0.
    if (method !== "GET" || config?.action === undefined) return;
    calls.inc({ method, response: "200", url, action: config.action, app: appName }, 0);
    durations.zero({ method, url, action: config.action, app: appName });
  });
  app.addHook("onRequest", (request, _reply, done) => {
    began.set(request, performance.now());
    done();
  });

  function count(request: FastifyRequest, response: string): void {
    if (!isApiCall(request)) return;
    const { url = UNMATCHED, config } = request.routeOptions;
    const { method } = request;
    const { action = UNMATCHED } = config;
    calls.inc({ method, response, url, action, app: appName });
    const start = began.get(request);
    if (start !== undefined)
      durations.observe({ method, url, action, app: appName }, (performance.now() - start) / 1000);
  }
  app.addHook("onResponse", (request, reply, done) => {
    count(request, String(reply.statusCode));
    done();
  });
  // Without this a service that hangs until its callers give up would show no calls at all.
  app.addHook("onRequestAbort", (request, done) => {
    count(request, CALLER_GAVE_UP);
    done();
  });

  app.get("/metrics", { config: { summary: "metrics for Prometheus" } }, async (_request, reply) => {
    const text = await registry.metrics();
    return reply.type(registry.contentType).send(text);
  });
}

/**
 * Whether a request is a call of the API: not a scrape, a readiness check or an icon, and not from the kubelet. The
 * kubelet calls the liveness check every few seconds, so `sum(application_api)` would grow with nobody using the
 * service; a person's or a job's call of the same address counts. A proxy in the pod that forwards probes keeps their
 * User-Agent.
 */
export function isApiCall(request: FastifyRequest): boolean {
  if (request.headers["user-agent"]?.startsWith("kube-probe/") === true) return false;
  return request.is404 || request.routeOptions.config.action !== undefined;
}
