import { randomBytes, randomInt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countLogs, searchLogs } from "./loki.ts";
import { eventually, kubectl } from "./quorum.ts";

const namespace = "logs-story";
const id = randomBytes(4).toString("hex");
const secrets = {
  password: `hunter-${randomBytes(6).toString("hex")}`,
  token: randomBytes(24).toString("hex"),
  card: `4${Array.from({ length: 15 }, () => randomInt(10)).join("")}`,
};
const traceId = randomBytes(16).toString("hex");
const lines = [
  JSON.stringify({
    level: "warn",
    msg: `order ${id} paid`,
    traceId,
    requestId: `request-${id}`,
    password: secrets.password,
  }),
  `order ${id} is sent with Authorization: Bearer ${secrets.token}, paid by ${secrets.card}, password=${secrets.password}`,
];
const container = {
  name: "shop",
  image: "localhost:5000/library/busybox:1.35.0",
  command: ["sh", "-c", 'echo "$LINES"; exec sleep 600'],
  env: [{ name: "LINES", value: lines.join("\n") }],
};
const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "orders", namespace, labels: { app: "orders-app" } },
  spec: { terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, containers: [container] },
};

interface Pods {
  readonly items: {
    readonly metadata: { readonly name: string; readonly namespace: string };
    readonly status: { readonly phase: string };
  }[];
}

beforeAll(async () => {
  await kubectl(["create", "namespace", namespace]);
  await kubectl(["apply", "--filename", "-"], JSON.stringify(pod));
}, 30_000);
afterAll(() => kubectl(["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"]));

const ours = `{namespace="${namespace}"}`;
/** Both lines of the pod, once they are there. */
const bothLines = () =>
  eventually("the pod's lines are in Loki", 60, async () => {
    const found = await searchLogs(`{source="pods",namespace="${namespace}"} |= "${id}"`);
    return found.length >= lines.length ? found : undefined;
  });

describe("logs", () => {
  test("of the test's pod are found by what a person knows of it", async () => {
    await bothLines();
    const found = await searchLogs(`{app="orders-app"} | trace_id="${traceId}" | level="warn"`);
    expect(found).toHaveLength(1);
    expect(found[0]?.fields).toMatchObject({
      source: "pods",
      namespace,
      pod: "orders",
      container: "shop",
      app: "orders-app",
      node: "local-1",
      request_id: `request-${id}`,
    });
  }, 70_000);

  test("have no secret in them, and all the rest", async () => {
    const found = await bothLines();
    expect(found.map(({ text }) => text).sort()).toEqual(
      [
        `order ${id} is sent with Authorization: Bearer [redacted], paid by [redacted], password=[redacted]`,
        (lines[0] ?? "").replace(secrets.password, "[redacted]"),
      ].sort(),
    );
    for (const secret of Object.values(secrets)) expect(await searchLogs(`${ours} |= "${secret}"`)).toEqual([]);
  }, 70_000);

  test("of every running pod of the cluster are there", async () => {
    // An agent that was there before this Loki, in an earlier life of the stack, does not read again what it has delivered.
    const volume = ["get", "pvc", "data-loki-0", "--namespace", "monitoring"];
    const begin = await kubectl([...volume, "--output", "jsonpath={.metadata.creationTimestamp}"]);
    await eventually("every running pod that wrote anything has a line", 60, async () => {
      const { items } = JSON.parse(await kubectl(["get", "pods", "--all-namespaces", "--output", "json"])) as Pods;
      const counted = await countLogs(`sum by (namespace, pod) (count_over_time({source="pods"}[24h]))`);
      const there = new Set(counted.map((labels) => `${labels["namespace"]}/${labels["pod"]}`));
      const missing = items.filter(
        ({ metadata, status }) => status.phase === "Running" && !there.has(`${metadata.namespace}/${metadata.name}`),
      );
      const silent = await Promise.all(
        missing.map(async ({ metadata }) => {
          const said = ["logs", metadata.name, "--namespace", metadata.namespace, `--since-time=${begin}`];
          return (await kubectl([...said, "--all-containers", "--tail=1"])) === "";
        }),
      );
      const named = missing.filter((_pod, index) => silent[index] === false).map(({ metadata }) => metadata.name);
      if (named.length > 0) throw new Error(`no line of ${named.join(", ")}`);
      // A pod that says nothing is no proof: most do say something.
      return missing.length < items.length / 2 ? true : undefined;
    });
  }, 70_000);

  test("of the node's own programs are there", async () => {
    const [line] = await eventually("a line of the kubelet", 60, async () => {
      const found = await searchLogs(`{source="node",app="kubelet"}`, 1);
      return found.length > 0 ? found : undefined;
    });
    expect(line?.fields).toMatchObject({ node: "local-1", file: "kubelet.log" });
  }, 70_000);

  test("have the cluster's events among them", async () => {
    const found = await eventually("the event of the pod's start", 60, async () => {
      const events = await searchLogs(`{source="events",namespace="${namespace}"} | name="orders" | reason="Started"`);
      return events.length > 0 ? events : undefined;
    });
    expect(found).toHaveLength(1);
    expect(found[0]?.text).toMatch(/^Started Pod\/orders: /);
    expect(found[0]?.fields).toMatchObject({ kind: "Pod", level: "info" });
  }, 70_000);

  test("survive a restart of Loki, and go on after it", async () => {
    const before = (await bothLines()).map(({ text }) => text);
    await kubectl(["delete", "pod", "loki-0", "--namespace", "monitoring"]);
    await kubectl(["rollout", "status", "statefulset/loki", "--namespace", "monitoring", "--timeout=120s"]);
    expect((await bothLines()).map(({ text }) => text).sort()).toEqual(before.sort());
    const after = { ...pod, metadata: { ...pod.metadata, name: "later" } };
    await kubectl(["apply", "--filename", "-"], JSON.stringify(after));
    await eventually("a line that was written after it", 60, async () => {
      const found = await searchLogs(`{pod="later"} |= "${id}"`);
      return found.length === lines.length ? true : undefined;
    });
  }, 240_000);
});
