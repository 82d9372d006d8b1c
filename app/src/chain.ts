import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Settings } from "./settings.ts";

/** What a service of the chain answers: who served, in which version, and what the next one answered it. */
interface Answer {
  readonly service: string;
  readonly version: string;
  readonly message: string;
  readonly next?: Answer;
}

/** What a caller gave that the next service must see too, besides the request's id. */
const CARRIED = ["baggage"] as const;
/** The caller's trace. Where this process traces, a call carries its own span instead. */
const TRACE_CONTEXT = ["traceparent", "tracestate"] as const;

/** Longest text that is taken over from a caller. */
const LONGEST_MESSAGE = 200;

/** Pays, and has the customer told of it: `/pay` calls svcb. */
export function svca(app: FastifyInstance, settings: Settings): void {
  alive(app);
  serve(app, "/pay", "pay", "pay: calls svcb, which calls msgd", async (request) => {
    const message = `${settings.appName}:${settings.version}-pays-ok`;
    return answer(settings, "paid", await callNext(request, new URL("/notify", settings.notifyUrl), message, settings));
  });
}

/** Tells the customer: `/notify` calls msgd, which is outside the mesh. */
export function svcb(app: FastifyInstance, settings: Settings): void {
  alive(app);
  serve(app, "/notify", "notify", "notify: passes ?msg= on to msgd", async (request) => {
    const message = given(request) ?? `${settings.appName}:${settings.version}-notifies`;
    return answer(settings, "notified", await callNext(request, new URL("/send", settings.sendUrl), message, settings));
  });
}

/** Sends messages to customers: here it only writes them into its log. */
export function msgd(app: FastifyInstance, settings: Settings): void {
  alive(app);
  serve(app, "/send", "send", "send: takes ?msg=", async (request) => {
    const message = given(request) ?? "";
    request.log.info({ received: message }, "message sent");
    return answer(settings, `sent ${message}`);
  });
}

/** Another service did not do its part. The caller learns which and how; the status says that this one is not to blame. */
class NextServiceError extends Error {
  readonly statusCode = 502;
}

async function callNext(request: FastifyRequest, url: URL, message: string, settings: Settings): Promise<Answer> {
  const { callTimeoutMillis } = settings;
  url.searchParams.set("msg", message);
  let response: Response;
  try {
    response = await fetch(url, {
      headers: passedOn(request, settings),
      signal: AbortSignal.timeout(callTimeoutMillis),
    });
  } catch (error) {
    const { name, cause, message: words } = error as Error;
    const reason =
      name === "TimeoutError"
        ? `no answer within ${String(callTimeoutMillis)} ms`
        : ((cause as NodeJS.ErrnoException | undefined)?.code ?? words);
    throw new NextServiceError(`${url.host} cannot be reached: ${reason}`, { cause: error });
  }
  if (!response.ok)
    throw new NextServiceError(`${url.host} answered ${String(response.status)}: ${await start(response)}`);
  return (await response.json()) as Answer;
}

function passedOn({ id, headers }: FastifyRequest, { tracesEndpoint }: Settings): Record<string, string> {
  const names = tracesEndpoint === undefined ? [...CARRIED, ...TRACE_CONTEXT] : CARRIED;
  const given = names.flatMap((name): [string, string][] => {
    const value = headers[name];
    return typeof value === "string" ? [[name, value]] : [];
  });
  return { ...Object.fromEntries(given), "x-request-id": id };
}

/** The first words of an answer that is none of ours: a proxy says there why it refused. */
async function start(response: Response): Promise<string> {
  return (await response.text()).slice(0, LONGEST_MESSAGE);
}

function given({ query }: FastifyRequest): string | undefined {
  const { msg } = query as { readonly msg?: string };
  return msg;
}

function answer({ appName, version }: Settings, message: string, next?: Answer): Answer {
  return { service: appName, version, message, ...(next && { next }) };
}

function serve(
  app: FastifyInstance,
  url: string,
  action: string,
  summary: string,
  handler: (request: FastifyRequest) => Promise<Answer>,
): void {
  const handle = async (request: FastifyRequest, reply: FastifyReply) => {
    try {
      return await handler(request);
    } catch (error) {
      if (!(error instanceof NextServiceError)) throw error;
      request.log.warn({ err: error }, "the next service failed");
      return reply.code(error.statusCode).send({ error: error.message, requestId: request.id });
    }
  };
  const options = {
    exposeHeadRoute: false,
    schema: { querystring: { type: "object", properties: { msg: { type: "string", maxLength: LONGEST_MESSAGE } } } },
  };
  // By GET too, so that a person with a browser or curl can try the chain.
  app.get(url, { ...options, config: { action, summary } }, handle);
  app.post(url, { ...options, config: { action } }, handle);
}

/** The liveness check, at the address that every role of the sample has. */
function alive(app: FastifyInstance): void {
  const config = { action: "aliveCheck", summary: "alive: the liveness check", control: true };
  app.get("/api/job/alive/check", { exposeHeadRoute: false, config }, () => Promise.resolve("Alive"));
}
