import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { editedDev, kubeconfig, kubectl, list, pods, quorum, root, setPath, succeed } from "./quorum.ts";

/** The lines of a preview that name a change. */
const changes = (output: string) => output.split("\n").filter((line) => /^\s*[~+-] /.test(line));

async function catalog(): Promise<string[]> {
  const { repositories } = (await (await fetch("http://localhost:5000/v2/_catalog")).json()) as {
    repositories: string[];
  };
  const tags = repositories.map(async (name) => {
    const answer = (await (await fetch(`http://localhost:5000/v2/${name}/tags/list`)).json()) as {
      tags: string[] | null;
    };
    return (answer.tags ?? []).map((tag) => `${name}:${tag}`);
  });
  return (await Promise.all(tags)).flat().sort();
}

describe("a changed configuration", () => {
  test("an edit of replicas previews as that one change, and nothing is changed by looking, the registry included", async () => {
    const edited = editedDev("replicas", (config) =>
      setPath(config, ["quorum:services", "metricsdemo", "replicas"], 3),
    );
    const before = await catalog();
    const { stdout } = await succeed(["preview", "--config-file", edited]);
    expect(changes(stdout)).toEqual([expect.stringMatching(/Deployment apps\/metricsdemo\s+spec\.replicas: 2 → 3/)]);
    expect(await pods()).toHaveLength(2);
    expect(await catalog()).toEqual(before);
  });

  test("rules and dashboards that cannot be are refused by name, all at once, and nothing is applied", async () => {
    const folder = mkdtempSync(join(root, ".quorum", "test-files-"));
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return relative(root, join(folder, name));
    };
    try {
      const rule = { alert: "Shop", expr: "rate(up)", labels: { severity: "warning" } };
      const rules = file("shop.yaml", stringify({ groups: [{ name: "shop", rules: [rule] }] }));
      const dashboard = file("twin.json", JSON.stringify({ uid: "Dm0tD0Qik", title: "Twin", panels: [] }));
      const edited = editedDev("refused", (config) => {
        setPath(config, ["quorum:monitoring", "prometheus", "rules"], [rules]);
        setPath(config, ["quorum:monitoring", "grafana", "dashboards"], [dashboard]);
        setPath(config, ["quorum:monitoring", "prometheus", "retentionDays"], 3650);
        setPath(config, ["quorum:monitoring", "alertmanager", "receivers"], { mail: { webhook: {} } });
      });
      const inForce = async () => JSON.stringify(await list("configmaps", "monitoring"));
      const before = await inForce();
      const { code, stderr } = await quorum(["up", "--config-file", edited]);
      expect(code).not.toBe(0);
      for (const name of ["shop.yaml", "Dm0tD0Qik", "retentionDays", "receivers.mail"]) expect(stderr).toContain(name);
      expect(await inForce()).toBe(before);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("an edit of the app's code previews without a build or a push", async () => {
    const before = await catalog();
    const copy = mkdtempSync(join(tmpdir(), "quorum-app-"));
    try {
      for (const file of ["Dockerfile", "package.json", "package-lock.json"])
        copyFileSync(join(root, "app", file), join(copy, file));
      const edited = editedDev("code", (config) =>
        setPath(config, ["quorum:images", "builds", "app", "context"], copy),
      );
      const { stdout } = await succeed(["preview", "--config-file", edited]);
      expect(changes(stdout).join("\n")).toMatch(/Deployment apps\/metricsdemo.*image/s);
      expect(await catalog()).toEqual(before);
    } finally {
      rmSync(copy, { recursive: true });
    }
  });

  test("a service that is added comes up; one that is removed takes its objects with it, and no others", async () => {
    const second = {
      image: "app",
      role: "web",
      replicas: 1,
      port: 8080,
      scrape: false,
      traces: false,
      config: { "greeting.txt": "hello" },
    };
    const edited = editedDev("second", (config) => setPath(config, ["quorum:services", "second"], second));
    const others = (await pods()).map(({ uid }) => uid).sort();
    try {
      await succeed(["up", "--config-file", edited]);
      expect((await pods("second")).map(({ ready }) => ready)).toEqual([true]);
      const greeting = await kubectl([
        "exec",
        "--namespace",
        "apps",
        "deploy/second",
        "--",
        "node",
        "-e",
        "console.log(require('fs').readFileSync('/etc/second/greeting.txt','utf8'))",
      ]);
      expect(greeting.trim()).toBe("hello");

      const changed = editedDev("second", (config) =>
        setPath(config, ["quorum:services", "second"], { ...second, config: { "greeting.txt": "good day" } }),
      );
      const [old] = await pods("second");
      await succeed(["up", "--config-file", changed]);
      const [anew] = await pods("second");
      expect(anew?.uid).not.toBe(old?.uid);
    } finally {
      const down = await succeed(["up"]);
      expect(changes(down.stdout).every((line) => line.trim().startsWith("-"))).toBe(true);
    }
    for (const kind of ["deployments", "services", "serviceaccounts", "configmaps"]) {
      expect(
        (await list(kind, "apps")).map(({ metadata }) => metadata.name).filter((name) => name.startsWith("second")),
      ).toEqual([]);
    }
    expect((await pods()).map(({ uid }) => uid).sort()).toEqual(others);
  });

  test("a change made by hand in the cluster is shown as drift and put right", async () => {
    await kubectl(["set", "env", "deployment/metricsdemo", "--namespace", "apps", "ROLE=other"]);
    expect(changes((await succeed(["preview"])).stdout).join("\n")).toMatch(/Deployment apps\/metricsdemo.*ROLE|env/s);
    await succeed(["up"]);
    const [deployment] = await list("deployments", "apps");
    expect(JSON.stringify(deployment?.spec)).toContain('{"name":"ROLE","value":"web"}');
  });
});

describe("an own cluster", () => {
  test("npm start -- --context NAME uses it, through the user's kubeconfig, which it leaves alone", async () => {
    const folder = mkdtempSync(join(tmpdir(), "quorum-kube-"));
    const file = join(folder, "config");
    const config = parse(readFileSync(kubeconfig, "utf8")) as {
      contexts: { name: string }[];
      "current-context": string;
    };
    const [context] = config.contexts;
    if (context === undefined) throw new Error("the kubeconfig has no context");
    context.name = "somebodys-cluster";
    config["current-context"] = "";
    writeFileSync(file, stringify(config));
    const before = readFileSync(file, "utf8");
    try {
      // An own cluster has a StorageClass and metrics of its own; this one has those that the stack made.
      const edited = editedDev("context", (config) => {
        setPath(config, ["quorum:storage"], { provisioner: "local-path", retain: false });
        setPath(config, ["quorum:monitoring", "metricsServer"], { enabled: true });
        setPath(config, ["quorum:images", "digests"], "allowed");
      });
      const { stdout } = await succeed(["start", "--context", "somebodys-cluster", "--config-file", edited], {
        KUBECONFIG: file,
      });
      // How many nodes somebody's cluster has, where its API servers are and which of its parts answer with their series, the
      // stack does not know: its policies are wider, a quota is larger, and Prometheus looks for less. Its etcd is not the
      // stack's to look after, so the pods that did so go, and with them the largest containers.
      const care = (kind: string, prefix = "") =>
        ["etcd-backup", "etcd-maintenance", "restore-drill"].map(
          (name) => `- ${kind} monitoring-agents/${prefix}${name}`,
        );
      expect(changes(stdout).map((line) => line.split("  ")[0])).toEqual([
        ...["apps", "monitoring", "monitoring-agents"].map((namespace) => `~ v1 LimitRange ${namespace}/quorum`),
        "~ v1 ResourceQuota monitoring-agents/quorum",
        ...[
          "monitoring/part-otel-events",
          "monitoring/part-prometheus-server",
          "monitoring-agents/part-otel-agent",
        ].map((policy) => `~ networking.k8s.io/v1 NetworkPolicy ${policy}`),
        "~ v1 ConfigMap monitoring/prometheus-config",
        "~ v1 ConfigMap monitoring/prometheus-rules",
        ...care("networking.k8s.io/v1 NetworkPolicy", "part-"),
        ...care("v1 ServiceAccount"),
        ...care("v1 ConfigMap"),
        ...care("batch/v1 CronJob"),
      ]);
      expect(readFileSync(file, "utf8")).toBe(before);
    } finally {
      await succeed(["up"]);
      rmSync(folder, { recursive: true });
    }
  });
});
