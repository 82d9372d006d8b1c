import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { binaryPath } from "../../local/toolchain.ts";
import { OwnHosts } from "../cluster/own-hosts.ts";
import { declared, Msgd, msgdPort, notify, outside, pay, PayChain, paySections, times } from "../cluster/pay-chain.ts";
import { eventually } from "../cluster/quorum.ts";

const host = "mesh-71";
const refused = /^(error ECONNRESET|error UND_ERR_SOCKET|502 )/;
const monitoring = {
  prometheus: { enabled: false },
  zipkin: { enabled: true, maxSpans: 10_000, cpuMillis: 20, memoryMiB: 384 },
  collector: { agent: { enabled: false }, gateway: { cpuMillis: 10 } },
};
const sections = (wanted: Parameters<typeof paySections>[0] = {}) => paySections({ monitoring, ...wanted });

let own: OwnHosts;
let chain: PayChain;
let msgd: Msgd | undefined;

beforeAll(async () => {
  own = await OwnHosts.make({ name: "mesh-story", hosts: { [host]: "10.210.0.71" }, sections: sections() });
  msgd = await Msgd.start();
  chain = new PayChain(own);
  await own.up();
});

afterAll(async () => {
  await own.remove();
  await msgd?.end();
});

interface Span {
  readonly id: string;
  readonly parentId?: string;
  readonly kind?: string;
  readonly localEndpoint?: { readonly serviceName?: string };
}

/** Leads a port of this machine to the collector's gateway, so that msgd outside the cluster can send it spans. */
async function forwardCollector(): Promise<{ endpoint: string; end: () => void }> {
  const target = ["-n", "monitoring", "port-forward", "service/otel-gateway", ":4318"];
  const child = spawn(binaryPath("kubernetes", "kubectl"), ["--kubeconfig", own.kubeconfig, ...target], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const port = await eventually("a way to the collector", 30, () =>
    Promise.resolve(/127\.0\.0\.1:(\d+)/.exec(said)?.[1]),
  );
  return { endpoint: `http://127.0.0.1:${port}`, end: () => child.kill("SIGKILL") };
}

describe("seed 003's story on a real mesh", () => {
  test("before its ServiceEntry msgd is refused; with it, svcb alone reaches it, and no other host is reached", async () => {
    const url = `http://${outside}:${msgdPort}/send`;
    expect(await chain.one("front", pay)).toMatch(/^502 /);
    expect(await chain.one("svcb/svcb-v0-1", url)).toMatch(refused);
    own.change({ sections: sections({ external: declared }) });
    await own.up();
    const { seen } = await chain.ask("front", pay, { count: 20 });
    expect(times(seen, /^200 v0\.1 v0\.[12] v0\.1$/), JSON.stringify(seen)).toBe(20);
    expect(await chain.one("svcb/svcb-v0-1", url)).toBe("200 v0.1");
    for (const other of ["front", "stranger", "svca"]) expect(await chain.one(other, url), other).toMatch(refused);
    for (const from of ["svcb/svcb-v0-1", "front", "stranger", "svca"])
      for (const elsewhere of [`http://${outside}:5000/v2/`, "https://10.210.0.71:6443/", "http://10.210.0.71:10248/"])
        expect(await chain.one(from, elsewhere), `${from} to ${elsewhere}`).toMatch(refused);
  });

  test("weights 50 and 50 hold within bounds over 1,000 requests", async () => {
    const { seen } = await chain.ask("front", pay, { count: 1000, seconds: 300, width: 8 });
    const [one = 0, two = 0] = ["200 v0.1 v0.1 v0.1", "200 v0.1 v0.2 v0.1"].map((key) => seen[key]);
    expect(one + two, JSON.stringify(seen)).toBe(1000);
    // Four standard deviations of 1,000 even draws: a right mesh is outside of it once in 16,000 runs.
    expect(Math.abs(one - 500)).toBeLessThan(64);
  });

  test("one payment is one trace in Zipkin, of all three services, their proxies' spans between the apps'", async () => {
    const way = await forwardCollector();
    try {
      await msgd?.end();
      msgd = await Msgd.start(way.endpoint);
      await eventually("msgd to be back", 30, async () =>
        (await chain.one("front", pay)).startsWith("200 ") ? true : undefined,
      );
      const trace = randomBytes(16).toString("hex");
      const headers = { traceparent: `00-${trace}-${randomBytes(8).toString("hex")}-01` };
      expect(await chain.one("front", pay, { headers })).toMatch(/^200 /);
      const path = `/api/v1/namespaces/monitoring/services/zipkin:9411/proxy/api/v2/trace/${trace}`;
      const names = ({ localEndpoint }: Span) => localEndpoint?.serviceName ?? "";
      // Each app's span has its proxy's above it: nobody began a trace of its own.
      const aboveMsgd = async () => {
        const spans = JSON.parse(await own.kubectl(["get", "--raw", path])) as Span[];
        const byId = new Map(spans.map((span) => [span.id, span]));
        const above = ({ parentId }: Span): string[] => {
          const parent = parentId === undefined ? undefined : byId.get(parentId);
          return parent === undefined ? [] : [`${names(parent)} ${parent.kind ?? ""}`.trim(), ...above(parent)];
        };
        return spans.filter((span) => names(span) === "msgd" && span.kind === "SERVER").map(above);
      };
      await expect
        .poll(() => aboveMsgd().catch((error: unknown) => String(error)), { timeout: 60_000, interval: 1000 })
        .toEqual([
          [
            "svcb.apps CLIENT",
            "svcb CLIENT",
            "svcb SERVER",
            "svcb.apps SERVER",
            "svca.apps CLIENT",
            "svca CLIENT",
            "svca SERVER",
            "svca.apps SERVER",
            "front.apps CLIENT",
          ],
        ]);
    } finally {
      way.end();
    }
  });

  test("all requests move to v0.2 without a failed one, and none goes to v0.1 after", async () => {
    const watched = chain.ask("front", pay, { count: 1_000_000, seconds: 90, width: 4 });
    const began = Date.now();
    own.change({
      sections: sections({ external: declared, versions: { "v0.1": { weight: 0 }, "v0.2": { weight: 100 } } }),
    });
    await own.up();
    const done = Date.now();
    const { seen, last } = await watched;
    console.log(`up took ${Math.round((done - began) / 1000)} s`, seen);
    expect(Object.keys(seen).sort()).toEqual(["200 v0.1 v0.1 v0.1", "200 v0.1 v0.2 v0.1"]);
    expect(last["200 v0.1 v0.1 v0.1"]).toBeLessThan(done);
    expect((await chain.ask("front", pay, { count: 200, width: 4 })).seen).toEqual({ "200 v0.1 v0.2 v0.1": 200 });
  });

  test("what is not declared gets 403 where it arrives, and arrives nowhere by a proxy that knows its callees", async () => {
    expect((await chain.ask("svca", notify)).seen).toSatisfy((seen: object) =>
      /^200 /.test(Object.keys(seen)[0] ?? ""),
    );
    expect(await chain.one("svca", "http://svcb/health")).toBe("403 RBAC: access denied");
    expect(await chain.one("svca", notify, { method: "POST" })).toBe("403 RBAC: access denied");
    expect(await chain.one("front", notify)).toMatch(refused);
    // One boundary taken away, the next one holds.
    await own.kubectl(["delete", "sidecars.networking.istio.io", "default", "front", "-n", "apps"]);
    await expect
      .poll(() => chain.one("front", notify), { timeout: 60_000, interval: 1000 })
      .toBe("403 RBAC: access denied");
    // And where the caller has no proxy of its own in between, its plain text is refused.
    const path = "jsonpath={.items[0].status.podIP}";
    const address = await own.kubectl(["get", "pods", "-n", "apps", "-l", "app=svcb", "-o", path]);
    const { stdout } = await own.trySsh(
      host,
      `curl -s -m 5 -o /dev/null -w '%{http_code}' http://${address}:8080/notify`,
    );
    expect(stdout.trim()).toBe("000");
  });
});
