import { isIP } from "node:net";
import { roles } from "./roles.ts";
import type { RoleName } from "./roles.ts";

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

export interface Settings {
  /** Which service this process is. From the first argument, else ROLE. @default "web" */
  readonly role: RoleName;
  /** APP_NAME: the service's name in metrics, logs and pages; a DNS label. @default the role */
  readonly appName: string;
  /** HOST: IP address to listen on; `::` serves IPv4 and IPv6. @default "0.0.0.0" */
  readonly host: string;
  /** PORT: 0 to 65535; 0 lets the system choose one. @default 8080, and 9997 for msgd */
  readonly port: number;
  /** LOG_LEVEL. @default "info" */
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** SHUTDOWN_DELAY_SECONDS: 0 to 600; how long the listener goes on to serve after SIGTERM. @default 5 */
  readonly shutdownDelaySeconds: number;
  /** SHUTDOWN_TIMEOUT_SECONDS: 0 to 600; how long requests in flight may then take. @default 20 */
  readonly shutdownTimeoutSeconds: number;
  /** DEADLOCK_SECONDS: 0 to 86400; how long a deadlocked liveness check takes. @default 123 */
  readonly deadlockSeconds: number;
  /** FAIL_PERCENT: 0 to 100; the share of calls that are answered 500. @default 0 */
  readonly failPercent: number;
  /** DELAY_MILLIS: 0 to 60000; how much later calls are answered. @default 0 */
  readonly delayMillis: number;
  /** VERSION: what this copy of the service calls itself in its answers. @default "v0.1" */
  readonly version: string;
  /** NOTIFY_URL: where svca has customers told. @default "http://svcb" */
  readonly notifyUrl: string;
  /** SEND_URL: where svcb has messages sent. @default "http://msgd:9997" */
  readonly sendUrl: string;
  /** CALL_TIMEOUT_MILLIS: 1 to 60000; how long a call of another service may take. @default 10000 */
  readonly callTimeoutMillis: number;
  /** OTEL_EXPORTER_OTLP_ENDPOINT: URL of an OpenTelemetry Collector that takes traces over HTTP. @default none: nothing is traced */
  readonly tracesEndpoint: string | undefined;
}

/** Every problem of the environment, one a line. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/**
 * Reads the settings from the environment and the command line.
 * @throws {SettingsError} naming every variable that cannot be used
 */
export function readSettings(env: NodeJS.ProcessEnv, args: readonly string[]): Settings {
  const problems: string[] = [];

  function report(name: string, value: string, allowed: string, fix: string): void {
    problems.push(`${name} is ${JSON.stringify(value)}, but ${allowed}; ${fix}`);
  }

  function text(name: string, fallback: string, allowed: string, isAllowed: (value: string) => boolean): string {
    const value = env[name];
    if (value === undefined || isAllowed(value)) return value ?? fallback;
    report(name, value, `it must be ${allowed}`, `correct it, or unset it for ${fallback}`);
    return fallback;
  }

  function number(name: string, fallback: number, maximum: number, kind: "a whole number" | "a number"): number {
    const pattern = kind === "a number" ? /^\d+(\.\d+)?$/ : /^\d+$/;
    const allowed = `${kind} from 0 to ${String(maximum)}`;
    return Number(text(name, String(fallback), allowed, (value) => pattern.test(value) && Number(value) <= maximum));
  }

  function url(name: string, without: string): string | undefined {
    const value = env[name];
    // OpenTelemetry takes an empty variable for one that is not set.
    if (value === undefined || value === "") return undefined;
    if (!/^https?:$/.test(URL.parse(value)?.protocol ?? "")) {
      report(name, value, "it must be an http or https URL", `correct it, or unset it for ${without}`);
    }
    return value;
  }

  function urlOr(name: string, fallback: string): string {
    return url(name, fallback) ?? fallback;
  }

  function role(): RoleName {
    const [argument, ...others] = args;
    if (others.length > 0)
      report("the command line", args.join(" "), "one argument at most is taken: the role", "remove the others");
    const [name, value] = argument === undefined ? ["ROLE", env["ROLE"]] : ["the role on the command line", argument];
    if (value === undefined) return "web";
    if (isRoleName(value)) return value;
    report(name, value, `it must be one of ${Object.keys(roles).join(", ")}`, "correct it, or leave it out for web");
    return "web";
  }

  const chosenRole = role();
  const settings: Settings = {
    role: chosenRole,
    appName: text(
      "APP_NAME",
      chosenRole,
      "a DNS label: 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends",
      (value) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value),
    ),
    host: text("HOST", "0.0.0.0", "an IP address", (value) => isIP(value) !== 0),
    port: number("PORT", chosenRole === "msgd" ? 9997 : 8080, 65535, "a whole number"),
    logLevel: text("LOG_LEVEL", "info", `one of ${LOG_LEVELS.join(", ")}`, isLogLevel) as Settings["logLevel"],
    shutdownDelaySeconds: number("SHUTDOWN_DELAY_SECONDS", 5, 600, "a number"),
    shutdownTimeoutSeconds: number("SHUTDOWN_TIMEOUT_SECONDS", 20, 600, "a number"),
    deadlockSeconds: number("DEADLOCK_SECONDS", 123, 86_400, "a number"),
    failPercent: number("FAIL_PERCENT", 0, 100, "a number"),
    delayMillis: number("DELAY_MILLIS", 0, 60_000, "a whole number"),
    version: text("VERSION", "v0.1", "1 to 63 of a-z, A-Z, 0-9, ., _ and -", (value) => /^[\w.-]{1,63}$/.test(value)),
    notifyUrl: urlOr("NOTIFY_URL", "http://svcb"),
    sendUrl: urlOr("SEND_URL", "http://msgd:9997"),
    callTimeoutMillis: number("CALL_TIMEOUT_MILLIS", 10_000, 60_000, "a whole number"),
    tracesEndpoint: url("OTEL_EXPORTER_OTLP_ENDPOINT", "no traces"),
  };
  if (problems.length > 0) throw new SettingsError(problems.join("\n"));
  return settings;
}

function isRoleName(value: string): value is RoleName {
  return Object.hasOwn(roles, value);
}

function isLogLevel(value: string): boolean {
  return LOG_LEVELS.some((level) => level === value);
}
