import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { root } from "../cluster/quorum.ts";

const host = "mesh-71";
/** The machine itself, as its local hosts see it: where msgd runs, outside the mesh and the cluster. */
const outside = "10.210.0.1";
const msgdPort = 9997;
const half = { "v0.1": { weight: 50 }, "v0.2": { weight: 50 } };

interface Wanted {
  readonly versions?: object;
  readonly svcb?: object;
  readonly external?: object;
}

/** What the requests of one run came to: status and versions, or the error, to how often. */
interface Asked {
  readonly seen: Readonly<Record<string, number>>;
  /** When the first request of each kind began, and the last one, in milliseconds since 1970. */
  readonly last: Readonly<Record<string, number>>;
  readonly slowestMillis: number;
}

/** Asks from inside a pod: for so many requests, or for so long. */
const asker = `
const [url, count, seconds, width, method] = process.argv.slice(2);
const seen = {}, last = {}; let begun = 0, slowestMillis = 0;
const end = Date.now() + Number(seconds) * 1000;
const versions = (body) => { try { const found = []; for (let at = JSON.parse(body); at; at = at.next) found.push(at.version ?? at.error); return found.join(" "); } catch { return body; } };
await Promise.all(Array.from({ length: Number(width) }, async () => {
  while (begun < Number(count) && Date.now() < end) {
    begun++; const at = Date.now(); let key;
    try { const answer = await fetch(url, { method, signal: AbortSignal.timeout(20_000) }); key = answer.status + " " + versions(await answer.text()); }
    catch (error) { key = "error " + (error.cause?.code ?? error.message); }
    key = key.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID").slice(0, 200);
    slowestMillis = Math.max(slowestMillis, Date.now() - at); seen[key] = (seen[key] ?? 0) + 1; last[key] = at;
  }
}));
console.log(JSON.stringify({ seen, last, slowestMillis }));`;

let own: OwnHosts;
let msgd: ChildProcess;

function sections({ versions = half, svcb = {}, external }: Wanted) {
  const common = { image: "app", replicas: 1, resources: { cpuMillis: 10, memoryMiB: 96 } };
  const off = { enabled: false };
  return {
    services: {
      front: { ...common, role: "web", calls: ["svca"] },
      stranger: { ...common, role: "web" },
      svca: {
        ...common,
        role: "svca",
        servicePort: 80,
        calls: [{ service: "svcb", methods: ["GET"], paths: ["/notify"] }],
      },
      svcb: {
        ...common,
        role: "svcb",
        servicePort: 80,
        env: { SEND_URL: `http://${outside}:${msgdPort}` },
        calls: external === undefined ? [] : ["msgd"],
        versions,
        ...svcb,
      },
    },
    jobs: {},
    mesh: { mode: "install", build: "stock", cni: { binDir: "/usr/lib/cni" }, ...(external && { external }) },
    monitoring: {
      prometheus: { retentionDays: 1, storageGiB: 1, scrapeIntervalSeconds: 5, cpuMillis: 20 },
      alertmanager: off,
      grafana: off,
      loki: off,
      zipkin: off,
      collector: { agent: off },
      kubeStateMetrics: off,
      nodeExporter: off,
      metricsServer: off,
    },
  };
}
const declared = { msgd: { address: outside, port: msgdPort, protocol: "http" } };

async function ask(
  from: string,
  url: string,
  { count = 1, seconds = 60, width = 1, method = "GET" } = {},
): Promise<Asked> {
  const [app = "", workload = app] = from.split("/");
  const args = [url, String(count), String(seconds), String(width), method];
  const node = ["node", "--input-type=module", "--eval", asker, "--", ...args];
  return JSON.parse(await own.kubectl(["exec", "-n", "apps", `deploy/${workload}`, "-c", app, "--", ...node])) as Asked;
}
const pay = "http://svca/pay";
const svcb = "http://svcb/notify";

beforeAll(async () => {
  msgd = spawn(process.execPath, [join(root, "app/src/main.ts"), "msgd"], {
    env: { PATH: process.env["PATH"], HOST: outside, PORT: String(msgdPort), LOG_LEVEL: "warn" },
    stdio: "ignore",
  });
  own = await OwnHosts.make({ name: "mesh-story", hosts: { [host]: "10.210.0.71" }, sections: sections({}) });
  await own.up();
});

afterAll(async () => {
  await own.remove();
  msgd.kill("SIGKILL");
  await once(msgd, "close");
});

describe("seed 003's story on a real mesh", () => {
  test("before its ServiceEntry msgd is refused; with it, svcb alone reaches it, and no other host is reached", async () => {
    const url = `http://${outside}:${msgdPort}/send`;
    const [before = ""] = Object.keys((await ask("front", pay)).seen);
    expect(before).toMatch(/^502 /);
    own.change({ sections: sections({ external: declared }) });
    await own.up();
    expect((await ask("front", pay, { count: 20 })).seen).not.toHaveProperty("error");
    expect((await ask("svcb/svcb-v0-1", url)).seen).toEqual({ "200 v0.1": 1 });
    for (const other of ["front", "stranger", "svca"])
      expect(Object.keys((await ask(other, url)).seen)[0], other).toMatch(/^(error|502) /);
    for (const elsewhere of [`http://${outside}:5000/v2/`, "https://10.210.0.71:6443/"])
      expect(Object.keys((await ask("svcb/svcb-v0-1", elsewhere)).seen)[0], elsewhere).toMatch(/^(error|502) /);
  });

  test("weights 50 and 50 hold within bounds over 1,000 requests", async () => {
    const { seen } = await ask("front", pay, { count: 1000, seconds: 300, width: 8 });
    const [one = 0, two = 0] = ["200 v0.1 v0.1 v0.1", "200 v0.1 v0.2 v0.1"].map((key) => seen[key]);
    expect(one + two, JSON.stringify(seen)).toBe(1000);
    // Four standard deviations of 1,000 even draws: a right mesh is outside of it once in 16,000 runs.
    expect(Math.abs(one - 500)).toBeLessThan(64);
  });

  test("what is not declared gets 403 where it arrives, and arrives nowhere by a proxy that knows its callees", async () => {
    expect((await ask("svca", svcb)).seen).toHaveProperty("200 v0.1 v0.1");
    expect((await ask("svca", "http://svcb/health")).seen).toEqual({ "403 RBAC: access denied": 1 });
    expect((await ask("svca", svcb, { method: "POST" })).seen).toEqual({ "403 RBAC: access denied": 1 });
    expect(Object.keys((await ask("front", svcb)).seen)[0]).toMatch(/^(error|502) /);
    // One boundary taken away, the next one holds.
    await own.kubectl(["delete", "sidecars.networking.istio.io", "default", "front", "-n", "apps"]);
    await expect
      .poll(async () => (await ask("front", svcb)).seen, { timeout: 30_000 })
      .toEqual({ "403 RBAC: access denied": 1 });
  });

  test("all requests move to v0.2 without a failed one, and none goes to v0.1 after", async () => {
    const watched = ask("front", pay, { count: 1_000_000, seconds: 150, width: 4 });
    own.change({
      sections: sections({ external: declared, versions: { "v0.1": { weight: 0 }, "v0.2": { weight: 100 } } }),
    });
    await own.up();
    const done = Date.now();
    const { seen, last } = await watched;
    expect(Object.keys(seen).sort()).toEqual(["200 v0.1 v0.1 v0.1", "200 v0.1 v0.2 v0.1"]);
    expect(last["200 v0.1 v0.1 v0.1"]).toBeLessThan(done);
  });

  test("a version that fails is left out, and a canary step onto it is refused with its numbers", async () => {
    const canary = (at: number) => ({ to: "v0.2", steps: [50, 100], at, windowMinutes: 3, minRequests: 30 });
    const versions = { "v0.1": { weight: 100 }, "v0.2": { env: { FAIL_PERCENT: "100" } } };
    const route = { retries: { attempts: 0 } };
    own.change({ sections: sections({ external: declared, versions, svcb: { canary: canary(1), route } }) });
    await own.up();
    await ask("front", pay, { count: 200, width: 2 });
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    own.change({ sections: sections({ external: declared, versions, svcb: { canary: canary(2), route } }) });
    const { code, stderr } = await own.tryUp();
    expect(code).toBe(1);
    expect(stderr).toMatch(/canary svcb v0\.2 from 50 % to 100 %: refused, as v0\.2 fails more often/);
    expect(stderr).toMatch(/v0\.2: \d+ requests, 100\.0 % failed/);
    const outliers = { consecutive5xx: 3, intervalSeconds: 1, ejectionSeconds: 60, maxEjectionPercent: 100 };
    own.change({
      sections: sections({ external: declared, versions, svcb: { canary: canary(1), route: { ...route, outliers } } }),
    });
    await own.up();
    const { seen } = await ask("front", pay, { count: 100 });
    const failed = Object.entries(seen).filter(([key]) => key.includes("svcb answered 500"));
    expect(failed.reduce((sum, [, times]) => sum + times, 0)).toBeLessThanOrEqual(5);
    expect(JSON.stringify(seen)).toContain("no healthy upstream");
  });

  test("a slow version trips the timeout, and what is too much is answered at once", async () => {
    const versions = { "v0.1": { weight: 100, env: { DELAY_MILLIS: "1500" } } };
    const slow = { versions, svcb: { route: { timeoutMillis: 500, retries: { attempts: 0 } } } };
    own.change({ sections: sections({ external: declared, ...slow }) });
    await own.up();
    const { seen, slowestMillis } = await ask("svca", svcb, { count: 5 });
    expect(seen).toEqual({ "504 upstream request timeout": 5 });
    expect(slowestMillis).toBeLessThan(1500);
    const connections = { max: 1, pending: 1, requests: 2 };
    own.change({
      sections: sections({ external: declared, versions, svcb: { route: { connections, retries: { attempts: 0 } } } }),
    });
    await own.up();
    const { seen: overloaded } = await ask("svca", svcb, { count: 40, width: 20 });
    const refused = Object.entries(overloaded).filter(([key]) => key.startsWith("503 "));
    expect(
      refused.reduce((sum, [, times]) => sum + times, 0),
      JSON.stringify(overloaded),
    ).toBeGreaterThan(20);
  });
});
