import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Load, load, loadProgram } from "../cluster/constant-load.ts";
import { OwnStack } from "../cluster/own-stack.ts";
import { eventually, kubectl, type KubernetesObject, only, pods, tryKubectl } from "../cluster/quorum.ts";

const stack = new OwnStack("workload");
const namespace = stack.apps;
// Little is set aside: the stories share two cores.
const small = { cpuMillis: 20, cpuLimitMillis: 500, memoryMiB: 96 };
const app = { image: "app", role: "web", resources: small };
const ports = { drained: 9481, scaled: 9482 };

const services = (password: string) => ({
  // Evicted one pod after the other, under load.
  drained: { ...app, replicas: 2, expose: { port: ports.drained } },
  scaled: {
    ...app,
    expose: { port: ports.scaled },
    autoscale: { minReplicas: 1, maxReplicas: 2, cpuPercent: 60, scaleInSeconds: 0 },
    resources: { ...small, cpuMillis: 50, cpuLimitMillis: 200 },
  },
  kept: {
    ...app,
    kind: "StatefulSet",
    replicas: 1,
    volumes: { data: { mountPath: "/var/lib/kept", storageGiB: 1 } },
  },
  secretive: {
    ...app,
    replicas: 1,
    secrets: { env: { DATABASE_PASSWORD: password }, files: { "key.pem": `key ${password}` } },
  },
  caller: { ...app, replicas: 1, calls: ["drained"] },
});

beforeAll(() => stack.up({ services: services("first-password") }), 240_000);
afterAll(() => stack.down(), 120_000);

/** Runs a program in the only pod of a service. */
const run = (service: string, command: readonly string[]) =>
  kubectl([
    "exec",
    "--namespace",
    namespace,
    `--container=${service}`,
    service === "kept" ? "kept-0" : `deploy/${service}`,
    "--",
    ...command,
  ]);
const node = (service: string, script: string) => run(service, ["node", "-e", script]);

/** A load from outside of the cluster, until it is told to stop. */
function beginLoad(url: string): () => Promise<Load> {
  let going = true;
  const ended = load(url, () => going);
  return () => {
    going = false;
    return ended;
  };
}

/** Asks for a pod's eviction, as a drain does, until the budget allows it; answers how often it did not. */
async function evict(pod: string): Promise<number> {
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace } };
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/eviction`;
  let refused = 0;
  await eventually(`eviction of ${pod}`, 90, async () => {
    const { code, stderr } = await tryKubectl(["create", "--raw", path, "--filename", "-"], JSON.stringify(eviction));
    if (code === 0) return true;
    expect(stderr).toMatch(/violate the pod's disruption budget/);
    refused++;
    return undefined;
  });
  return refused;
}

const ready = async (service: string, count: number) => {
  const found = await pods(service, namespace);
  return found.length === count && found.every((pod) => pod.ready) ? found : undefined;
};

describe.concurrent("a service", () => {
  test("whose pods are evicted one by one, as by a drain, fails no request from inside or outside", async () => {
    const before = await eventually("two pods", 30, () => ready("drained", 2));
    const url = `http://localhost:${ports.drained}/api/job/run/wakeUp`;
    await eventually("the balancer's port", 30, async () => (await fetch(url)).status === 200 || undefined);
    const stopped = "performance.now() > 120_000 || process.getBuiltinModule('fs').existsSync('/tmp/stop')";
    const inside = run("caller", loadProgram(`http://drained:${ports.drained}/api/job/run/wakeUp`, `!(${stopped})`));
    const stop = beginLoad(url);
    await sleep(2000);
    let refused = 0;
    for (const { name } of before) refused += await evict(name);
    const after = await eventually("two other pods", 60, () => ready("drained", 2));
    // Enough to meet the end of the last one.
    await sleep(12_000);
    await node("caller", "require('fs').writeFileSync('/tmp/stop', '')");
    const outside = await stop();
    expect(outside.failed).toEqual({});
    const { sent, failed } = JSON.parse(await inside) as Load;
    expect(failed).toEqual({});
    expect(Math.min(sent, outside.sent)).toBeGreaterThan(300);
    // The budget let the second go only when the first had been made up for.
    expect(refused).toBeGreaterThan(0);
    expect(after.filter(({ uid }) => before.some((pod) => pod.uid === uid))).toEqual([]);
  });

  test("scales out under CPU load and back in", async () => {
    const url = `http://localhost:${ports.scaled}/api/job/run/burn?milliseconds=500`;
    const stop = beginLoad(url);
    const replicas = async () => (await only("deployments", namespace, "app=scaled")).spec["replicas"];
    try {
      await eventually("two pods", 120, async () => ((await replicas()) === 2 ? true : undefined));
    } finally {
      await stop();
    }
    await eventually("one pod again", 120, async () => ((await replicas()) === 1 ? true : undefined));
  });

  test("with a volume of its own has its data after its pod is gone", async () => {
    await node("kept", "require('fs').writeFileSync('/var/lib/kept/note.txt', 'not to be lost')");
    const [pod] = await pods("kept", namespace);
    await kubectl(["delete", "pod", "kept-0", "--namespace", namespace, "--wait=true"]);
    const [anew] = await eventually("the pod again", 90, () => ready("kept", 1));
    expect(anew?.uid).not.toBe(pod?.uid);
    const read = await node(
      "kept",
      "process.stdout.write(require('fs').readFileSync('/var/lib/kept/note.txt', 'utf8'))",
    );
    expect(read).toBe("not to be lost");
  });

  test("gets new pods when a secret changes, and no pod template shows it", async () => {
    const shown =
      "process.stdout.write(process.env.DATABASE_PASSWORD + ', ' + require('fs').readFileSync('/etc/secretive-secrets/key.pem', 'utf8'))";
    expect(await node("secretive", shown)).toBe("first-password, key first-password");
    const [before] = await pods("secretive", namespace);
    const { stdout, stderr } = await stack.up({ services: services("second-password") });
    expect(await node("secretive", shown)).toBe("second-password, key second-password");
    const [after] = await pods("secretive", namespace);
    expect(after?.uid).not.toBe(before?.uid);
    const templates = JSON.parse(
      await kubectl(["get", "deployments,replicasets,pods", "--namespace", namespace, "--output", "json"]),
    ) as {
      items: KubernetesObject[];
    };
    const everything = JSON.stringify(templates) + stdout + stderr;
    for (const secret of ["first-password", "second-password"]) {
      expect(everything).not.toContain(secret);
      expect(everything).not.toContain(Buffer.from(secret).toString("base64"));
    }
  });
});
