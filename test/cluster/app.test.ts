import { describe, expect, test } from "vitest";
import { type Load, loadProgram } from "./constant-load.ts";
import { appUrl, eventually, kubectl, list, pods } from "./quorum.ts";

/** A call from inside the cluster to one pod, past the Service. */
async function callPod(from: string, ip: string, path: string): Promise<string> {
  const script = `fetch('http://${ip}:80${path}').then((answer) => answer.text()).then(console.log, (error) => console.log('no answer: ' + error.message))`;
  return kubectl(["exec", "--namespace", "apps", from, "--", "node", "-e", script]);
}

async function serve(): Promise<void> {
  await eventually("two ready pods", 90, async () => {
    const found = await pods();
    return found.length === 2 && found.every(({ ready }) => ready) ? true : undefined;
  });
  expect((await fetch(`${appUrl}/health`)).status).toBe(200);
}

describe("a fault of the app", () => {
  test("kill/me crashes one container; it is started again, its last words say why, and the app serves", async () => {
    await serve();
    const [victim, other] = await pods();
    if (victim === undefined || other === undefined) throw new Error("two pods were expected");
    await callPod(other.name, victim.ip, "/api/job/kill/me");
    const after = await eventually("the killed container runs again", 90, async () =>
      (await pods()).find((pod) => pod.name === victim.name && pod.restarts === victim.restarts + 1 && pod.ready),
    );
    expect(after.uid).toBe(victim.uid);
    expect(await kubectl(["logs", "--namespace", "apps", "--previous", victim.name])).toMatch(/self-?kill/i);
    expect((await pods()).find(({ name }) => name === other.name)?.restarts).toBe(other.restarts);
    await serve();
  });

  test("alive/deadlock makes the liveness probe fail, and the container is started again", async () => {
    await serve();
    const [victim, other] = await pods();
    if (victim === undefined || other === undefined) throw new Error("two pods were expected");
    expect(await callPod(other.name, victim.ip, "/api/job/alive/deadlock")).toMatch(/deadlocked/i);
    await eventually("the deadlocked container runs again", 120, async () =>
      (await pods()).find((pod) => pod.name === victim.name && pod.restarts === victim.restarts + 1 && pod.ready),
    );
    const events = await list("events", "apps");
    const reasons = events
      .map((event) => event as unknown as { reason: string; message: string; involvedObject: { name: string } })
      .filter(({ involvedObject }) => involvedObject.name === victim.name);
    expect(reasons).toContainEqual(
      expect.objectContaining({ reason: "Unhealthy", message: expect.stringContaining("Liveness") }),
    );
    expect(reasons).toContainEqual(expect.objectContaining({ reason: "Killing" }));
    await serve();
  });
});

describe("a rolling update under constant load in the cluster", () => {
  const job = "load";

  test("loses no request, with new connections and with kept ones", async () => {
    await serve();
    const [pod] = await list("pods", "apps", "app=metricsdemo");
    const image = (pod?.spec["containers"] as { image: string }[])[0]?.image;
    const command = loadProgram("http://metricsdemo:9376/api/job/run/wakeUp", "performance.now() < 35_000");
    const restricted = {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    };
    const resources = { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "256Mi" } };
    const manifest = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: job, namespace: "apps" },
      spec: {
        backoffLimit: 0,
        activeDeadlineSeconds: 120,
        template: {
          spec: {
            restartPolicy: "Never",
            automountServiceAccountToken: false,
            securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: "RuntimeDefault" } },
            containers: [{ name: job, image, command, securityContext: restricted, resources }],
          },
        },
      },
    };
    try {
      await kubectl(["apply", "--filename", "-"], JSON.stringify(manifest));
      await eventually("the load runs", 30, async () =>
        (await list("pods", "apps", `job-name=${job}`)).find(({ status }) => status["phase"] === "Running"),
      );
      const before = (await pods()).map(({ uid }) => uid);
      await kubectl(["rollout", "restart", "deployment/metricsdemo", "--namespace", "apps"]);
      await kubectl(["rollout", "status", "deployment/metricsdemo", "--namespace", "apps", "--timeout", "90s"]);
      expect((await pods()).filter(({ uid, ready }) => ready && before.includes(uid))).toEqual([]);
      await kubectl(["wait", "--for=condition=complete", `job/${job}`, "--namespace", "apps", "--timeout", "90s"]);
      const logs = await kubectl(["logs", "--namespace", "apps", `job/${job}`]);
      const { sent, failed } = JSON.parse(logs) as Load;
      expect(failed).toEqual({});
      // Enough of them to have met the moment at which a pod went away.
      expect(sent).toBeGreaterThan(1000);
    } finally {
      await kubectl(["delete", "job", job, "--namespace", "apps", "--ignore-not-found", "--wait=true"]);
    }
  });
});
