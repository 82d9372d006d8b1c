import { describe, expect, test } from "vitest";
import { appUrl, eventually, kubectl, list, prometheusUrl, query, readStart, succeed } from "./quorum.ts";

describe("npm start", () => {
  test("ends well and prints where everything is", () => {
    const { started } = readStart();
    expect(started.code).toBe(0);
    expect(started.stdout).toContain(appUrl);
    expect(started.stdout).toContain(prometheusUrl);
    expect(started.stdout).toMatch(/localhost:5000\/quorum\/app:dev@sha256:[0-9a-f]{64}/);
  });

  test("every part with an address answers there, or is left out and listed", async () => {
    const { stdout } = readStart().started;
    const urls = [...stdout.matchAll(/^urls\.(\S+)\s+(\S+)$/gm)].map(([, name = "", url = ""]) => ({ name, url }));
    const skipped = [...stdout.matchAll(/^skipped\.\d+\.name\s+(\S+)$/gm)].map(([, name]) => name);
    const answering: string[] = [];
    // The pages of Prometheus are in no package registry: where its image is built here, it has its API alone.
    const paths: Readonly<Record<string, string>> = { prometheus: "/api/v1/status/buildinfo" };
    for (const { name, url } of urls) if ((await fetch(`${url}${paths[name] ?? ""}`)).ok) answering.push(name);
    const reached = ["app", "prometheus", "alertmanager", "grafana", "zipkin", "headlamp"];
    expect([...answering, ...skipped]).toEqual(expect.arrayContaining(reached));
    expect(answering).toHaveLength(urls.length);
  });

  test("has turned a bare host into a real node that is ready", async () => {
    const [node] = JSON.parse(await kubectl(["get", "nodes", "--output", "json"])).items;
    expect(node.metadata.name).toBe("local-1");
    expect(node.status.nodeInfo.kubeletVersion).toBe("v1.37.2");
    expect(node.status.conditions).toContainEqual(expect.objectContaining({ type: "Ready", status: "True" }));
  });

  test("serves the app on the seed's port, by two pods and the pushed digest", async () => {
    expect((await fetch(`${appUrl}/health`)).status).toBe(200);
    const pods = await list("pods", "apps", "app=metricsdemo");
    const images = pods.map((pod) => (pod.spec["containers"] as { image: string }[])[0]?.image);
    expect(images).toHaveLength(2);
    for (const image of images) expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
  });

  test("within 20 s Prometheus has the app's counter, and it grows with calls", async () => {
    await fetch(`${appUrl}/api/job/run/wakeUp`);
    const before = await eventually("sum(application_api) has a value", 20, () => query("sum(application_api)"));
    for (let call = 0; call < 25; call++) expect((await fetch(`${appUrl}/api/job/run/wakeUp`)).status).toBe(200);
    const after = await eventually("the 25 calls are counted", 20, async () => {
      const value = await query("sum(application_api)");
      return value !== undefined && value >= before + 25 ? value : undefined;
    });
    expect(after).toBeGreaterThanOrEqual(before + 25);
  });

  test("gives the seed's labels to the Service, for Prometheus to find", async () => {
    const [service] = await list("services", "apps", "apptype=business");
    expect(service?.metadata.labels).toMatchObject({ apptype: "business", instancetype: "web" });
    expect(service?.spec["ports"]).toContainEqual(
      expect.objectContaining({ name: "portapi", port: 9376, protocol: "TCP" }),
    );
  });

  test("a volume is bound by the default StorageClass, and metrics-server answers", async () => {
    const classes = await list("storageclasses", "default");
    expect(classes.map(({ metadata }) => metadata.name)).toContain("local-path");
    const claims = await list("persistentvolumeclaims", "monitoring");
    expect(claims.map(({ status }) => status["phase"])).toEqual(claims.map(() => "Bound"));
    expect(claims.length).toBeGreaterThan(0);
    await eventually("kubectl top nodes", 60, async () =>
      (await kubectl(["top", "nodes"])).includes("local-1") ? true : undefined,
    );
  });

  test("names resolve in the cluster", async () => {
    const [pod] = await list("pods", "apps", "app=metricsdemo");
    const script = "require('dns').promises.lookup('metricsdemo').then(({address}) => console.log(address))";
    const address = await kubectl([
      "exec",
      "--namespace",
      "apps",
      pod?.metadata.name ?? "",
      "--",
      "node",
      "-e",
      script,
    ]);
    const [service] = await list("services", "apps", "apptype=business");
    expect(address.trim()).toBe(service?.spec["clusterIP"]);
  });

  test("a second start changes nothing, says so, and leaves every pod alone", async () => {
    // Pods of jobs come and go by their schedules.
    const podIds = async () =>
      (await list("pods", "apps", "!quorum.dev/job")).map(({ metadata }) => metadata.uid).sort();
    const before = await podIds();
    const again = await succeed(["start"]);
    expect(again.stdout).toMatch(/nothing to change: \d+ objects/);
    expect(await podIds()).toEqual(before);
  });

  test("status names every part, running, with its log", async () => {
    const { stdout } = await succeed(["local", "status", "--json"]);
    const parts = JSON.parse(stdout) as { name: string; state: string; log: string }[];
    const running = parts.filter(({ state }) => state === "running").map(({ name }) => name);
    expect(running).toEqual(expect.arrayContaining(["registry", "registry-hosts", "load-balancer", "host-local-1"]));
    for (const { log } of parts) expect(log).toMatch(/\.log$/);
  });
});
