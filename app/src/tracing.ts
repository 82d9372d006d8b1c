import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, context, propagation, trace } from "@opentelemetry/api";
import type { Context, Span } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { ExportResultCode, W3CTraceContextPropagator } from "@opentelemetry/core";
import type { ExportResult } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from "fastify";
import type { Settings } from "./settings.ts";

/** Fields of each log line within a traced request. */
export interface TraceIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** Spans that wait to be sent; further ones are dropped, so that a collector that is away costs no memory. */
const QUEUE_LENGTH = 2048;
/** Soon enough for a person who has just made the request and looks for it. */
const SEND_EVERY_MILLISECONDS = 1000;
const SEND_TIMEOUT_MILLISECONDS = 5000;
/** Time for the last spans when the process ends; a collector that does not answer holds it up no longer. */
const FLUSH_MILLISECONDS = 2000;

/** What is asked every few seconds by itself or by a browser, as metrics.ts leaves it out of the calls. */
const UNTRACED = new Set(["/health", "/metrics", "/favicon.ico"]);

/** Follows each request through this process: takes its trace over from the caller, or begins one, and sends its span. */
export class Tracing {
  readonly #provider: TracerProvider;
  readonly #exporter: ReportingExporter;
  readonly #requests = new WeakMap<IncomingMessage, { readonly span: Span; readonly within: Context }>();

  /** @param endpoint where spans are sent, in OTLP over HTTP */
  constructor(endpoint: string, { appName }: Settings) {
    this.#exporter = new ReportingExporter(
      new OTLPTraceExporter({
        url: `${endpoint.replace(/\/+$/, "")}/v1/traces`,
        timeoutMillis: SEND_TIMEOUT_MILLISECONDS,
      }),
    );
    this.#provider = new TracerProvider({
      // What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes before the name.
      resource: defaultResource()
        .merge(resourceFromAttributes({ "service.name": appName }))
        .merge(detectResources({ detectors: [envDetector] })),
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: this.#exporter,
          maxQueueSize: QUEUE_LENGTH,
          scheduledDelayMillis: SEND_EVERY_MILLISECONDS,
          exportTimeoutMillis: 2 * SEND_TIMEOUT_MILLISECONDS,
        }),
      ],
    });
    trace.setGlobalTracerProvider(this.#provider);
    context.setGlobalContextManager(new AsyncLocalStorageContextManager());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    // Each fetch is a span of its own, and carries the trace on.
    new UndiciInstrumentation().enable();
  }

  /** Begins the span of a request. It must be ended, which the hooks of `follow` do. */
  begin(request: IncomingMessage): TraceIds | undefined {
    const path = (request.url ?? "").replace(/\?.*$/s, "");
    if (UNTRACED.has(path) || request.headers["user-agent"]?.startsWith("kube-probe/") === true) return undefined;
    const method = request.method ?? "GET";
    const caller = propagation.extract(ROOT_CONTEXT, request.headers);
    const span = trace.getTracer("quorum-app").startSpan(
      method,
      {
        kind: SpanKind.SERVER,
        // The query is left out: it may carry what must not be in a trace.
        attributes: { "http.request.method": method, "url.path": path, "url.scheme": "http" },
      },
      caller,
    );
    this.#requests.set(request, { span, within: trace.setSpan(caller, span) });
    const { traceId, spanId } = span.spanContext();
    return { traceId, spanId };
  }

  /** Ends the span of a request, the first time that it is called for it. */
  end({ raw }: FastifyRequest, status: number): void {
    const span = this.#requests.get(raw)?.span;
    if (span === undefined) return;
    this.#requests.delete(raw);
    span.setAttribute("http.response.status_code", status);
    if (status >= 500) span.setAttribute("error.type", String(status)).setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  }

  /** Has each request handled within its trace. Hooks and routes must be registered after this. */
  follow(app: FastifyInstance): void {
    this.#exporter.log = app.log;
    app.addHook("onRequest", (request, reply, done) => {
      const found = this.#requests.get(request.raw);
      if (found === undefined) {
        done();
        return;
      }
      const { span, within } = found;
      const { method, url: route } = request.routeOptions;
      if (route !== undefined) span.updateName(`${String(method)} ${route}`).setAttribute("http.route", route);
      reply.header("x-trace-id", span.spanContext().traceId);
      context.with(within, done);
    });
    app.addHook("onError", (request, _reply, error, done) => {
      this.#requests.get(request.raw)?.span.recordException(error);
      done();
    });
    app.addHook("onResponse", (request, reply, done) => {
      this.end(request, reply.statusCode);
      done();
    });
    app.addHook("onRequestAbort", (request, done) => {
      this.end(request, 499);
      done();
    });
  }

  /** Sends what is left, for as long as that may take. */
  async stop(): Promise<void> {
    await Promise.race([this.#provider.shutdown().catch(() => undefined), sleep(FLUSH_MILLISECONDS)]);
  }
}

/** Says once that spans are not taken, and once that they are again: a collector that is away must not fill the log. */
class ReportingExporter implements SpanExporter {
  log: FastifyBaseLogger | undefined;
  readonly #inner: SpanExporter;
  #lost = 0;

  constructor(inner: SpanExporter) {
    this.#inner = inner;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#inner.export(spans, (result) => {
      if (result.code !== ExportResultCode.SUCCESS) {
        if (this.#lost === 0) this.log?.warn({ err: result.error }, "traces are not taken, so they are dropped");
        this.#lost += spans.length;
      } else if (this.#lost > 0) {
        this.log?.info({ lostSpans: this.#lost }, "traces are taken again");
        this.#lost = 0;
      }
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }
}
