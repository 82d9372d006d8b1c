import { describe, expect, it } from "vitest";
import { SettingsError, readSettings } from "../src/settings.ts";

function problems(env: NodeJS.ProcessEnv, args: readonly string[] = []): string[] {
  try {
    readSettings(env, args);
  } catch (error) {
    if (error instanceof SettingsError) return error.message.split("\n");
    throw error;
  }
  throw new Error("the settings were accepted");
}

describe("readSettings", () => {
  it("needs nothing set", () => {
    expect(readSettings({}, [])).toEqual({
      role: "web",
      appName: "web",
      host: "0.0.0.0",
      port: 8080,
      logLevel: "info",
      shutdownDelaySeconds: 5,
      shutdownTimeoutSeconds: 20,
      deadlockSeconds: 123,
      tracesEndpoint: undefined,
    });
  });

  it("takes every variable", () => {
    const env = {
      ROLE: "web",
      APP_NAME: "metricsdemo",
      HOST: "::",
      PORT: "80",
      LOG_LEVEL: "debug",
      SHUTDOWN_DELAY_SECONDS: "0",
      SHUTDOWN_TIMEOUT_SECONDS: "7.5",
      DEADLOCK_SECONDS: "0.25",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://otel-gateway.monitoring.svc:4318",
    };
    expect(readSettings(env, [])).toEqual({
      role: "web",
      appName: "metricsdemo",
      host: "::",
      port: 80,
      logLevel: "debug",
      shutdownDelaySeconds: 0,
      shutdownTimeoutSeconds: 7.5,
      deadlockSeconds: 0.25,
      tracesEndpoint: "http://otel-gateway.monitoring.svc:4318",
    });
  });

  it("takes the role from the command line before ROLE", () => {
    expect(readSettings({ ROLE: "not-a-role" }, ["web"]).role).toBe("web");
  });

  it.each([
    [
      { PORT: "http" },
      'PORT is "http", but it must be a whole number from 0 to 65535; correct it, or unset it for 8080',
    ],
    [{ PORT: "" }, 'PORT is "", but it must be a whole number from 0 to 65535; correct it, or unset it for 8080'],
    [
      { PORT: "65536" },
      'PORT is "65536", but it must be a whole number from 0 to 65535; correct it, or unset it for 8080',
    ],
    [
      { PORT: "tcp://10.96.0.1:80" },
      'PORT is "tcp://10.96.0.1:80", but it must be a whole number from 0 to 65535; correct it, or unset it for 8080',
    ],
    [
      { HOST: "example.com" },
      'HOST is "example.com", but it must be an IP address; correct it, or unset it for 0.0.0.0',
    ],
    [{ ROLE: "wbe" }, 'ROLE is "wbe", but it must be one of web; correct it, or leave it out for web'],
    [{ ROLE: "toString" }, 'ROLE is "toString", but it must be one of web; correct it, or leave it out for web'],
    [
      { APP_NAME: "<b>" },
      'APP_NAME is "<b>", but it must be a DNS label: 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends; correct it, or unset it for web',
    ],
    [
      { LOG_LEVEL: "verbose" },
      'LOG_LEVEL is "verbose", but it must be one of fatal, error, warn, info, debug, trace, silent; correct it, or unset it for info',
    ],
    [
      { SHUTDOWN_DELAY_SECONDS: "-1" },
      'SHUTDOWN_DELAY_SECONDS is "-1", but it must be a number from 0 to 600; correct it, or unset it for 5',
    ],
    [
      { SHUTDOWN_TIMEOUT_SECONDS: "1e9" },
      'SHUTDOWN_TIMEOUT_SECONDS is "1e9", but it must be a number from 0 to 600; correct it, or unset it for 20',
    ],
    [
      { DEADLOCK_SECONDS: "86401" },
      'DEADLOCK_SECONDS is "86401", but it must be a number from 0 to 86400; correct it, or unset it for 123',
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "otel-gateway:4318" },
      'OTEL_EXPORTER_OTLP_ENDPOINT is "otel-gateway:4318", but it must be an http or https URL; correct it, or unset it for no traces',
    ],
  ])("refuses %o", (env, message) => {
    expect(problems(env)).toEqual([message]);
  });

  it("refuses an unknown role and further words on the command line", () => {
    expect(problems({}, ["wbe", "now"])).toEqual([
      'the command line is "wbe now", but one argument at most is taken: the role; remove the others',
      'the role on the command line is "wbe", but it must be one of web; correct it, or leave it out for web',
    ]);
  });

  it("reports all problems at once", () => {
    expect(problems({ ROLE: "x", PORT: "x", HOST: "x", LOG_LEVEL: "x" })).toHaveLength(4);
  });
});
