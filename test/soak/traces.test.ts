import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OwnStack } from "../cluster/own-stack.ts";
import { searchLogs } from "../cluster/loki.ts";
import { appUrl, eventually, kubectl, pods } from "../cluster/quorum.ts";

const stack = new OwnStack("traces");
const port = 9486;
const url = `http://localhost:${port}`;

beforeAll(
  () =>
    stack.up({
      services: { shop: { image: "app", role: "web", replicas: 1, scrape: false, expose: { port } } },
      monitoring: {
        prometheus: { enabled: false },
        metricsServer: { enabled: false },
        zipkin: { enabled: true, maxSpans: 10_000, cpuMillis: 50, memoryMiB: 384 },
        collector: { gateway: { cpuMillis: 20 } },
      },
    }),
  300_000,
);
afterAll(() => stack.down(), 120_000);

interface Span {
  readonly traceId: string;
  readonly parentId?: string;
  readonly name: string;
  readonly localEndpoint: { readonly serviceName: string };
  readonly tags: Readonly<Record<string, string>>;
}

/** The spans that Zipkin has of a trace, as soon as it has any. */
const traceOf = (traceId: string, namespace = stack.monitoring) =>
  eventually(`trace ${traceId} in Zipkin`, 30, async () => {
    const path = `/api/v1/namespaces/${namespace}/services/zipkin:9411/proxy/api/v2/trace/${traceId}`;
    return JSON.parse(await kubectl(["get", "--raw", path])) as Span[];
  });

/** What the service's pods have logged, a line each. */
async function logLines(): Promise<Record<string, unknown>[]> {
  const text = await kubectl(["logs", "--namespace", stack.apps, "--selector", "app=shop", "--tail=-1"]);
  return text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const hex = (bytes: number) => randomBytes(bytes).toString("hex");

describe("a request", () => {
  test("is found by its caller's trace id in Zipkin, with its service and pod, and in the log", async () => {
    const [traceId, callerId] = [hex(16), hex(8)];
    const headers = { traceparent: `00-${traceId}-${callerId}-01` };
    const answer = await fetch(`${url}/api/job/run/wakeUp`, { headers });
    expect([answer.status, answer.headers.get("x-trace-id")]).toEqual([200, traceId]);
    const [pod] = await pods("shop", stack.apps);
    expect(await traceOf(traceId)).toMatchObject([
      {
        traceId,
        parentId: callerId,
        name: "get /api/job/run/wakeup",
        localEndpoint: { serviceName: "shop" },
        tags: {
          "k8s.namespace.name": stack.apps,
          "k8s.pod.name": pod?.name,
          "k8s.node.name": "local-1",
          "http.response.status_code": "200",
        },
      },
    ]);
    const own = (await logLines()).filter((line) => line["traceId"] === traceId);
    expect(own.map(({ msg }) => msg)).toEqual(["woken up", "request completed"]);
    expect(own.map(({ requestId }) => requestId)).toEqual(Array(2).fill(answer.headers.get("x-request-id")));
  });

  test("without a trace gets one, which the answer names", async () => {
    const traceId = (await fetch(url)).headers.get("x-trace-id") ?? "";
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    const [span, ...others] = await traceOf(traceId);
    expect(others).toEqual([]);
    expect(span?.name).toBe("get /");
    expect(span).not.toHaveProperty("parentId");
  });

  test("carries no secret to Zipkin", async () => {
    const traceId = hex(16);
    await fetch(`${url}/reset/password=hunter2`, { headers: { traceparent: `00-${traceId}-${hex(8)}-01` } });
    const text = JSON.stringify(await traceOf(traceId));
    expect(text).toContain("/reset/password=[redacted]");
    expect(text).not.toContain("hunter2");
  });
});

describe("a request to stack dev", () => {
  test("is found by one id in Zipkin and in Loki", async () => {
    const traceId = hex(16);
    await fetch(`${appUrl}/api/job/run/wakeUp`, { headers: { traceparent: `00-${traceId}-${hex(8)}-01` } });
    const [span] = await traceOf(traceId, "monitoring");
    expect(span).toMatchObject({
      localEndpoint: { serviceName: "metricsdemo" },
      tags: { "k8s.namespace.name": "apps" },
    });
    const found = await eventually(`trace ${traceId} in Loki`, 60, async () => {
      const lines = await searchLogs(`{app="metricsdemo"} | trace_id="${traceId}"`);
      return lines.length >= 2 ? lines : undefined;
    });
    const messages = found.map(({ text }) => (JSON.parse(text) as { msg: string }).msg);
    expect(messages.sort()).toEqual(["request completed", "woken up"]);
    expect(new Set(found.map(({ fields }) => fields["pod"]))).toEqual(new Set([span?.tags["k8s.pod.name"]]));
  }, 100_000);
});

describe("what the kubelet asks", () => {
  test("is no trace", async () => {
    const path = `/api/v1/namespaces/${stack.monitoring}/services/zipkin:9411/proxy/api/v2/traces?serviceName=shop&limit=100`;
    const traces = JSON.parse(await kubectl(["get", "--raw", path])) as Span[][];
    const paths = traces.flat().map(({ tags }) => tags["url.path"]);
    expect(paths).toContain("/api/job/run/wakeUp");
    expect(paths.filter((one) => ["/health", "/metrics", "/api/job/alive/check"].includes(one ?? ""))).toEqual([]);
  });
});

describe("an application whose gateway is gone", () => {
  const scale = (replicas: number) =>
    kubectl(["scale", "deployment/otel-gateway", "--namespace", stack.monitoring, `--replicas=${replicas}`]);

  test("serves on, says it once, and is traced again when the gateway is back", async () => {
    await scale(0);
    await eventually("the gateway to be gone", 60, async () =>
      (await pods("otel-gateway", stack.monitoring)).length === 0 ? true : undefined,
    );
    const said = async () => (await logLines()).filter(({ msg }) => String(msg).startsWith("traces are not taken"));
    await eventually("the application to notice", 60, async () => {
      const began = performance.now();
      expect((await fetch(`${url}/api/job/run/wakeUp`)).status).toBe(200);
      expect(performance.now() - began).toBeLessThan(2000);
      return (await said()).length > 0 ? true : undefined;
    });
    await scale(1);
    const traceId = await eventually("a request to be traced again", 90, async () => {
      const id = (await fetch(url)).headers.get("x-trace-id") ?? "";
      return (await logLines()).some(({ msg }) => msg === "traces are taken again") ? id : undefined;
    });
    expect(await traceOf(traceId)).toHaveLength(1);
    expect(await said()).toHaveLength(1);
    expect((await pods("shop", stack.apps)).map(({ restarts }) => restarts)).toEqual([0]);
  }, 240_000);
});
