import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureImages } from "../../local/images.ts";
import { eventuallyTold, got, hookService, messagesOn } from "../cluster/hook.ts";
import { OwnStack, type Sections } from "../cluster/own-stack.ts";
import { eventually, kubectl, only } from "../cluster/quorum.ts";
import { Traffic } from "../cluster/traffic.ts";

const stack = new OwnStack("alerts");
const port = 9487;
const failingPort = 9484;
const token = "t0ken-of-the-hook";
const heartbeatSeconds = 10;
/** Three intervals of a group, in each of which a message might be sent again. */
const thriceSeconds = 15;
const down = ["ServiceDown", "shop"] as const;
const errors = ["ServiceErrorsHigh", "till"] as const;

const app = { image: "app", role: "web", replicas: 1, resources: { cpuMillis: 20, memoryMiB: 96 } };
const sections = (failPercent: number): Sections => ({
  services: {
    shop: app,
    till: { ...app, expose: { port: failingPort }, env: { FAIL_PERCENT: String(failPercent) } },
    hook: hookService(port),
  },
  monitoring: {
    prometheus: { enabled: true, scrapeIntervalSeconds: 5, retentionDays: 1, cpuMillis: 50 },
    metricsServer: { enabled: false },
    alertmanager: {
      enabled: true,
      // Long enough for what comes a moment apart, short enough to wait for.
      groupWaitSeconds: 2,
      groupIntervalSeconds: 5,
      receivers: { hook: { webhook: { call: "hook/alerts", bearerToken: token } } },
      deadMansSwitch: { call: "hook/heartbeat", intervalSeconds: heartbeatSeconds },
    },
  },
});
// From the beginning, as the alert on errors wants two minutes of them: the other stories are lived meanwhile.
const traffic = new Traffic(`http://localhost:${failingPort}/api/job/run/wakeUp`);

const scale = (replicas: number) =>
  kubectl(["scale", "deployment/shop", "--namespace", stack.apps, `--replicas=${replicas}`]);
const heartbeats = async () => (await got(port)).filter(({ path }) => path === "/heartbeat");

beforeAll(async () => {
  await ensureImages(["node", "prometheus", "alertmanager"], console.log);
  await stack.up(sections(100));
  traffic.start({ everyMilliseconds: 1000 });
}, 300_000);
afterAll(async () => {
  await traffic.stop();
  await stack.down();
}, 120_000);

describe("an alert", () => {
  test("that travels is told of by the heartbeat, each interval", async () => {
    // What the next test waits for takes its time too.
    await scale(0);
    const beats = await eventually("three heartbeats", 240, async () => {
      const all = await heartbeats();
      return all.length >= 3 ? all : undefined;
    });
    for (const { body, authorization } of beats) {
      expect(body.alerts.map(({ labels }) => labels["alertname"])).toEqual(["Watchdog"]);
      // The receiver's token is the receiver's alone.
      expect(authorization).toBeUndefined();
    }
    const pauses = beats.slice(1).map(({ at }, index) => (at - (beats[index]?.at ?? 0)) / 1000);
    for (const pause of pauses) expect(Math.abs(pause - heartbeatSeconds)).toBeLessThan(2);
  }, 260_000);

  test("on a service whose pods are gone reaches its receiver once, and so does its end", async () => {
    const [message] = await eventuallyTold(port, down, 1, 180);
    expect(message).toMatchObject({ status: "firing", receiver: "hook" });
    expect(message?.alerts).toHaveLength(1);
    expect(message?.alerts[0]).toMatchObject({
      status: "firing",
      labels: { alertname: "ServiceDown", severity: "critical", namespace: stack.apps, service: "shop" },
      annotations: { runbook_url: "docs/runbooks/service-down.md" },
    });
    await sleep(thriceSeconds * 1000);
    expect(await messagesOn(port, ...down)).toHaveLength(1);

    await scale(1);
    const told = await eventuallyTold(port, down, 2, 120);
    await sleep(10_000);
    expect(await messagesOn(port, ...down)).toHaveLength(2);
    expect(told.map(({ status }) => status)).toEqual(["firing", "resolved"]);
    const posts = (await got(port)).filter(({ path }) => path === "/alerts");
    expect(new Set(posts.map(({ authorization }) => authorization))).toEqual(new Set([`Bearer ${token}`]));
    expect(posts.filter(({ body }) => body.commonLabels["alertname"] === "Watchdog")).toEqual([]);
  }, 400_000);

  test("on an app that answers with errors reaches its receiver once, and so does its end once it is mended", async () => {
    const [message] = await eventuallyTold(port, errors, 1, 180);
    expect(traffic.statuses).toEqual(new Set([500]));
    expect(message).toMatchObject({ status: "firing", receiver: "hook" });
    expect(message?.alerts).toHaveLength(1);
    expect(message?.alerts[0]).toMatchObject({
      status: "firing",
      labels: { alertname: "ServiceErrorsHigh", severity: "critical", namespace: stack.apps, service: "till" },
      annotations: {
        summary: "Service till answers with errors",
        description: expect.stringMatching(
          /^100% of the calls of alerts-apps\/till in the last hour ended in an error/,
        ),
        runbook_url: "docs/runbooks/service-errors.md",
      },
    });

    // It takes longer than three intervals: what comes twice meanwhile is found at the end.
    await stack.up(sections(0));
    // Whoever was refused comes again: until one call in seven of the last five minutes is a failed one, it is not over.
    traffic.start({ everyMilliseconds: 10 });
    const told = await eventuallyTold(port, errors, 2, 180);
    expect(traffic.statuses).toContain(200);
    await sleep(thriceSeconds * 1000);
    expect(await messagesOn(port, ...errors)).toHaveLength(2);
    expect(told.map(({ status }) => status)).toEqual(["firing", "resolved"]);
    expect(told[1]?.alerts.map(({ status, labels }) => [status, labels["service"]])).toEqual([["resolved", "till"]]);
  }, 500_000);

  test("says in Alertmanager's pages who is told of it", async () => {
    const pod = await only("pods", stack.monitoring, "app=alertmanager");
    const answer = await kubectl([
      ...["exec", "--namespace", stack.monitoring, pod.metadata.name, "--", "amtool", "config", "routes", "test"],
      "--config.file=/etc/alertmanager/alertmanager.yml",
      ...["alertname=ServiceDown", "severity=critical"],
    ]);
    expect(answer.trim()).toBe("hook");
  });
});
