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
      failPercent: 0,
      delayMillis: 0,
      version: "v0.1",
      notifyUrl: "http://svcb",
      sendUrl: "http://msgd:9997",
      callTimeoutMillis: 10_000,
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
      FAIL_PERCENT: "12.5",
      DELAY_MILLIS: "60000",
      VERSION: "v0.2",
      NOTIFY_URL: "http://svcb.apps:81",
      SEND_URL: "https://msgd.example.com",
      CALL_TIMEOUT_MILLIS: "250",
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
      failPercent: 12.5,
      delayMillis: 60_000,
      version: "v0.2",
      notifyUrl: "http://svcb.apps:81",
      sendUrl: "https://msgd.example.com",
      callTimeoutMillis: 250,
      tracesEndpoint: "http://otel-gateway.monitoring.svc:4318",
    });
  });

  it("has msgd listen where the others call it", () => {
    expect(readSettings({ ROLE: "msgd" }, []).port).toBe(9997);
    expect(readSettings({ ROLE: "msgd", PORT: "80" }, []).port).toBe(80);
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
    [
      { ROLE: "wbe" },
      'ROLE is "wbe", but it must be one of web, svca, svcb, msgd; correct it, or leave it out for web',
    ],
    [
      { ROLE: "toString" },
      'ROLE is "toString", but it must be one of web, svca, svcb, msgd; correct it, or leave it out for web',
    ],
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
      { FAIL_PERCENT: "101" },
      'FAIL_PERCENT is "101", but it must be a number from 0 to 100; correct it, or unset it for 0',
    ],
    [
      { FAIL_PERCENT: "10%" },
      'FAIL_PERCENT is "10%", but it must be a number from 0 to 100; correct it, or unset it for 0',
    ],
    [
      { DELAY_MILLIS: "0.5" },
      'DELAY_MILLIS is "0.5", but it must be a whole number from 0 to 60000; correct it, or unset it for 0',
    ],
    [
      { DELAY_MILLIS: "60001" },
      'DELAY_MILLIS is "60001", but it must be a whole number from 0 to 60000; correct it, or unset it for 0',
    ],
    [
      { VERSION: "v 0.2" },
      'VERSION is "v 0.2", but it must be 1 to 63 of a-z, A-Z, 0-9, ., _ and -; correct it, or unset it for v0.1',
    ],
    [
      { NOTIFY_URL: "svcb:80" },
      'NOTIFY_URL is "svcb:80", but it must be an http or https URL; correct it, or unset it for http://svcb',
    ],
    [
      { SEND_URL: "msgd" },
      'SEND_URL is "msgd", but it must be an http or https URL; correct it, or unset it for http://msgd:9997',
    ],
    [
      { CALL_TIMEOUT_MILLIS: "1m" },
      'CALL_TIMEOUT_MILLIS is "1m", but it must be a whole number from 0 to 60000; correct it, or unset it for 10000',
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
      'the role on the command line is "wbe", but it must be one of web, svca, svcb, msgd; correct it, or leave it out for web',
    ]);
  });

  it("reports all problems at once", () => {
    expect(problems({ ROLE: "x", PORT: "x", HOST: "x", LOG_LEVEL: "x" })).toHaveLength(4);
  });
});
