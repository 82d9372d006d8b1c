import { createServer } from "./server.ts";
import type { Lifecycle } from "./server.ts";
import { SettingsError, readSettings } from "./settings.ts";
import type { Settings } from "./settings.ts";
import { exitOnSignal } from "./shutdown.ts";
import type { Tracing } from "./tracing.ts";

const LISTEN_PROBLEMS: Readonly<Record<string, (settings: Settings) => string>> = {
  EADDRINUSE: ({ port }) =>
    `PORT is ${String(port)}, but another process listens on it; set PORT to a free port or stop that process`,
  EACCES: ({ port }) =>
    `PORT is ${String(port)}, but this user may not listen on it; set PORT to 1024 or higher, or in Kubernetes set the pod's sysctl net.ipv4.ip_unprivileged_port_start to 0`,
  EADDRNOTAVAIL: ({ host }) =>
    `HOST is ${host}, but this machine has no such address; set HOST to one of its addresses, or unset it to listen on all`,
};

/** Loaded only where it is used: a process without it starts sooner. */
async function startTracing(settings: Settings): Promise<Tracing | undefined> {
  if (settings.tracesEndpoint === undefined) return undefined;
  const { Tracing } = await import("./tracing.ts");
  return new Tracing(settings.tracesEndpoint, settings);
}

async function main(): Promise<void> {
  const settings = readSettings(process.env, process.argv.slice(2));
  const lifecycle: Lifecycle = { draining: false };
  const tracing = await startTracing(settings);
  const app = createServer(settings, lifecycle, tracing);

  // A monitor, not a handler: the reason is logged as one structured line, and the process still dies of it.
  process.on("uncaughtExceptionMonitor", (error, origin) => {
    app.log.fatal({ err: error, origin }, "the process dies of an unhandled exception");
  });
  exitOnSignal(app, lifecycle, settings, () => tracing?.stop());

  try {
    await app.listen({ host: settings.host, port: settings.port, listenTextResolver: (url) => `listening on ${url}` });
  } catch (error) {
    const describe = LISTEN_PROBLEMS[(error as NodeJS.ErrnoException).code ?? ""];
    throw describe ? new SettingsError(describe(settings), { cause: error }) : error;
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exit(1);
}
