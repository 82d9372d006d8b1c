import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensureImages } from "../../local/images.ts";
import { eventuallyTold, got, hookService, messagesOn } from "../cluster/hook.ts";
import { OwnStack, type Sections } from "../cluster/own-stack.ts";
import { eventually, kubectl, pods } from "../cluster/quorum.ts";

const stack = new OwnStack("alert-pair");
const port = 9488;
const app = { image: "app", role: "web", replicas: 1, resources: { cpuMillis: 20, memoryMiB: 96 } };
const on = (service: string) => ["ServiceDown", service] as const;
/** Longer than a member says nothing after its start, and than Prometheus takes to tell it of what fires. */
const settledMs = 90_000;

const sections = (groupWaitSeconds: number): Sections => ({
  services: { shop: app, cart: app, hook: hookService(port) },
  monitoring: {
    prometheus: { enabled: true, replicas: 2, scrapeIntervalSeconds: 5, retentionDays: 1, cpuMillis: 50 },
    metricsServer: { enabled: false },
    alertmanager: {
      enabled: true,
      replicas: 2,
      groupWaitSeconds,
      groupIntervalSeconds: 5,
      receivers: { hook: { webhook: { call: "hook/alerts" } } },
      deadMansSwitch: { call: "hook/heartbeat", intervalSeconds: 30 },
    },
  },
});

const scale = (service: string, replicas: number) =>
  kubectl(["scale", `deployment/${service}`, "--namespace", stack.apps, `--replicas=${replicas}`]);
const inMember = (ordinal: number, ...command: string[]) =>
  kubectl(["exec", "--namespace", stack.monitoring, `alertmanager-${ordinal}`, "--", ...command]);
const amtool = (ordinal: number, ...args: string[]) =>
  inMember(ordinal, "amtool", ...args, "--alertmanager.url=http://localhost:9093");
const statuses = async (service: string) => (await messagesOn(port, ...on(service))).map(({ status }) => status);

/** As when a host is lost: no time to say anything. */
async function kill(...names: string[]): Promise<void> {
  await kubectl(["delete", "pod", "--namespace", stack.monitoring, "--force", "--grace-period=0", ...names]);
}

const bothReady = (what: string) =>
  eventually(`both pods of ${what} are ready`, 180, async () => {
    const all = await pods(what, stack.monitoring);
    return all.length === 2 && all.every(({ ready }) => ready) ? true : undefined;
  });

/** Both members know of each other. */
const together = () =>
  eventually("both members are one cluster", 120, async () => {
    const shown = await Promise.all([0, 1].map((ordinal) => amtool(ordinal, "cluster", "show", "--output=json")));
    const members = shown.map((text) => JSON.parse(text) as { status: string; peers: unknown[] });
    return members.every(({ status, peers }) => status === "ready" && peers.length === 2) ? true : undefined;
  });

beforeAll(async () => {
  await ensureImages(["node", "prometheus", "alertmanager"], console.log);
  await stack.up(sections(2));
});
afterAll(() => stack.down());

describe("a pair of Alertmanagers beside a pair of Prometheus", () => {
  it("is one cluster, which both servers tell of what fires", async () => {
    await together();
    await eventually("a heartbeat", 180, async () => ((await got(port)).length > 0 ? true : undefined));
    for (const ordinal of [0, 1]) expect(await amtool(ordinal, "alert", "query")).toContain("Watchdog");
  });

  it("tells of an alert once, though one of each is killed while it fires", async () => {
    await scale("shop", 0);
    await eventuallyTold(port, on("shop"), 1, 180);
    await kill("alertmanager-0", "prometheus-0");
    await bothReady("alertmanager");
    await bothReady("prometheus-server");
    await sleep(settledMs);
    expect(await statuses("shop")).toEqual(["firing"]);
    await together();
  });

  it("tells of an alert once, though one of each is killed before it was told", async () => {
    await scale("cart", 0);
    // It fires after a minute.
    await sleep(40_000);
    expect(await statuses("cart")).toEqual([]);
    await kill("alertmanager-1", "prometheus-1");
    await eventuallyTold(port, on("cart"), 1, 120);
    await bothReady("alertmanager");
    await bothReady("prometheus-server");
    await sleep(settledMs);
    expect(await statuses("cart")).toEqual(["firing"]);
    expect(await statuses("shop")).toEqual(["firing"]);
  });

  it("tells of the ends once, though its configuration changes; and forgets no silence", async () => {
    await amtool(0, "silence", "add", "alertname=Nothing", "--comment=a story", "--duration=1h", "--author=story");
    const before = (await pods("alertmanager", stack.monitoring)).map(({ uid }) => uid);
    // It also gives the two services their pods back.
    await stack.up(sections(3));
    const after = await pods("alertmanager", stack.monitoring);
    expect(after.filter(({ uid }) => before.includes(uid))).toEqual([]);
    for (const ordinal of [0, 1]) {
      expect(await amtool(ordinal, "config", "show")).toContain("group_wait: 3s");
      expect(await amtool(ordinal, "silence", "query", "--output=json")).toContain("a story");
    }
    for (const service of ["shop", "cart"]) await eventuallyTold(port, on(service), 2, 180);
    await sleep(settledMs);
    for (const service of ["shop", "cart"]) expect(await statuses(service)).toEqual(["firing", "resolved"]);
    const { stdout } = await stack.preview(sections(3));
    expect(stdout).toMatch(/^0 to be created, 0 to be changed, 0 to be deleted/m);
  });
});
