import { describe, expect, it } from "vitest";
import { callEnvironment, callUrl, oneOffJobName } from "../../../components/plan/jobs/jobs.ts";

describe("a call's URL", () => {
  it.each([
    [{ port: 8080 }, "http://web:8080/api?x=1"],
    [{ port: 8080, servicePort: 80 }, "http://web/api?x=1"],
    [{ port: 80, expose: { port: 9376 } }, "http://web:9376/api?x=1"],
  ])("is by the port of the Service: %j", (service, url) => {
    expect(callUrl("web/api?x=1", { web: service })).toBe(url);
  });

  it("is by the whole name of the Service from another namespace", () => {
    expect(callUrl("web/api", { web: { port: 8080 } }, "shop-apps")).toBe("http://web.shop-apps.svc:8080/api");
    expect(callUrl("web/", { web: { port: 80 } }, "apps")).toBe("http://web.apps.svc/");
  });

  it("needs the service", () =>
    expect(() => callUrl("web/", {})).toThrow(/service web of the call web\/ is not there/));
});

it("a call is told to its program in seconds", () => {
  expect(callEnvironment({ url: "http://web/", timeoutSeconds: 10, retries: 3 })).toEqual({
    CALL_URL: "http://web/",
    CALL_TIMEOUT_SECONDS: "10",
    CALL_RETRIES: "3",
    CALL_PAUSE_SECONDS: "1",
    CALL_LONGEST_PAUSE_SECONDS: "30",
  });
});

describe("the name of a Job that runs once", () => {
  it("stands for its content", () => {
    expect(oneOffJobName("pi", { command: ["a"] })).toMatch(/^pi-[0-9a-f]{10}$/);
    expect(oneOffJobName("pi", { command: ["a"] })).toBe(oneOffJobName("pi", { command: ["a"] }));
    expect(oneOffJobName("pi", { command: ["a"] })).not.toBe(oneOffJobName("pi", { command: ["b"] }));
  });
});
