import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import type { Lifecycle } from "./server.ts";
import type { Settings } from "./settings.ts";

/** Time for a request on a connection that was accepted just before the listener closed to arrive. */
const QUIET_MILLISECONDS = 250;

/**
 * Ends the process on SIGTERM without failing a request: not ready first, then serving on while endpoints and load
 * balancers let go of this replica, then the listener closes, requests in flight end, exit 0. SIGINT leaves out the
 * serving on. A further signal cuts the current wait short. Exit 1 if requests had to be cut off.
 *
 * @param finish what is still to be done then; it takes no longer than the requests might have
 */
export function exitOnSignal(
  app: FastifyInstance,
  lifecycle: Lifecycle,
  settings: Settings,
  finish: () => Promise<void> | undefined,
): void {
  const requests = new RequestsInFlight(app.server);
  let wait = new AbortController();

  async function pause(seconds: number): Promise<void> {
    wait = new AbortController();
    // The only rejection is the abort, and that means: go on now.
    await sleep(seconds * 1000, undefined, { signal: wait.signal }).catch(() => undefined);
  }

  async function close(): Promise<void> {
    const closed = app.close();
    // A connection opened in advance that never carried a request would hold the server open.
    await Promise.race([closed, requests.ended()]);
    app.server.closeAllConnections();
    await closed;
  }

  async function shutDown(signal: NodeJS.Signals): Promise<void> {
    const delaySeconds = signal === "SIGTERM" ? settings.shutdownDelaySeconds : 0;
    lifecycle.draining = true;
    app.log.info({ signal, delaySeconds }, "draining: not ready, still serving");
    await pause(delaySeconds);

    app.log.info({ requestsInFlight: requests.count }, "closing: no new connections");
    const timedOut = pause(settings.shutdownTimeoutSeconds).then(() => true);
    if (await Promise.race([close().then(() => false), timedOut])) {
      app.log.error(
        { requestsInFlight: requests.count, shutdownTimeoutSeconds: settings.shutdownTimeoutSeconds },
        "closed: requests were cut off; raise SHUTDOWN_TIMEOUT_SECONDS if they need longer",
      );
      process.exit(1);
    }
    app.log.info("closed: all requests ended");
    await Promise.race([finish(), timedOut]);
    process.exit(0);
  }

  function onSignal(signal: NodeJS.Signals): void {
    if (lifecycle.draining) wait.abort();
    else void shutDown(signal);
  }
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}

class RequestsInFlight {
  count = 0;
  #onNone: (() => void) | undefined;

  constructor(server: Server) {
    server.on("request", (_request, response) => {
      this.count += 1;
      response.once("close", () => {
        this.count -= 1;
        if (this.count === 0) this.#onNone?.();
      });
    });
  }

  /** Resolves when no request has been in flight for a moment. */
  async ended(): Promise<void> {
    do {
      if (this.count > 0) await new Promise<void>((resolve) => (this.#onNone = resolve));
      await sleep(QUIET_MILLISECONDS);
    } while (this.count > 0);
  }
}
