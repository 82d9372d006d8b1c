import { describe, expect, test } from "vitest";
import { eventually, editedDev, kubectl, list, only, prometheusUrl, query, setPath, succeed } from "./quorum.ts";

interface Target {
  readonly health: string;
  readonly labels: Record<string, string>;
}

async function targets(): Promise<Target[]> {
  const answer = await fetch(`${prometheusUrl}/api/v1/targets?state=active`);
  return ((await answer.json()) as { data: { activeTargets: Target[] } }).data.activeTargets;
}

/** What is scraped on any stack like this one. */
const ofCluster = [
  "apiserver",
  "business-metrics",
  "cadvisor",
  "coredns",
  "etcd",
  "kube-controller-manager",
  "kube-proxy",
  "kube-scheduler",
  "kubelet",
  "prometheus",
];
/** Parts that a site may lack an image of; their objects have the names of their jobs. */
const parts = [
  ...["alertmanager", "grafana", "kube-state-metrics", "loki", "otel-events", "otel-gateway", "zipkin"],
  ...["node-exporter", "otel-agent"],
];
const onNodes = [
  ...["cadvisor", "etcd", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet"],
  ...["node-exporter", "otel-agent"],
];

async function partsThere(): Promise<string[]> {
  const kinds = "deployments,statefulsets,daemonsets";
  const found = [...(await list(kinds, "monitoring")), ...(await list(kinds, "monitoring-agents"))];
  return found.map(({ metadata }) => metadata.name).filter((name) => parts.includes(name));
}

async function scrapeInterval(): Promise<string | undefined> {
  const answer = await fetch(`${prometheusUrl}/api/v1/status/config`);
  return /scrape_interval: (\S+)/.exec(((await answer.json()) as { data: { yaml: string } }).data.yaml)?.[1];
}

describe("Prometheus", () => {
  test("finds the business services of the apps namespace by their label", async () => {
    const found = await eventually("both pods are scraped", 30, async () => {
      const all = (await targets()).filter(({ labels }) => labels["job"] === "business-metrics");
      return all.length === 2 && all.every(({ health }) => health === "up") ? all : undefined;
    });
    for (const { labels } of found)
      expect(labels).toMatchObject({ namespace: "apps", service: "metricsdemo", node: "local-1" });
  });

  test("scrapes every part that is there and the cluster, finds each up, and nothing else", async () => {
    const expected = [...ofCluster, ...(await partsThere())].sort();
    const found = await eventually("all that is expected is up", 60, async () => {
      const all = await targets();
      const up = all.filter(({ health }) => health === "up").map(({ labels }) => labels["job"]);
      return expected.every((job) => up.includes(job)) && up.length === all.length ? all : undefined;
    });
    expect([...new Set(found.map(({ labels }) => labels["job"]))].sort()).toEqual(expected);
    for (const { labels } of found.filter(({ labels }) => onNodes.includes(labels["job"] ?? "")))
      expect(labels, labels["job"]).toMatchObject({ node: "local-1" });
  });

  test("keeps of the cluster's series those that are named, and knows how many to expect", async () => {
    // One family for each job, and one that each leaves out.
    expect(await query('count(apiserver_request_sli_duration_seconds_bucket{le="1.0"})')).toBeGreaterThan(0);
    expect(await query('count(container_memory_working_set_bytes{namespace="apps",pod=~"metricsdemo.*"})')).toBe(2);
    expect(await query("etcd_server_has_leader")).toBe(1);
    for (const left of ["kubernetes_feature_enabled", "etcd_request_duration_seconds_bucket", "container_tasks_state"])
      expect(await query(`count(${left})`), left).toBeUndefined();
    const expected = await eventually("the expected number is recorded", 30, () =>
      query("quorum:prometheus_expected_series"),
    );
    expect(await query("prometheus_tsdb_head_series")).toBeLessThan(expected);
  });

  test("answers the seed's own query", async () => {
    const expression = "sum by (response, action, url, app) (delta(application_api[1m]))";
    expect(await eventually(expression, 30, () => query(expression))).toBeTypeOf("number");
  });

  test("takes a changed configuration without a restart", async () => {
    const pod = await only("pods", "monitoring", "app=prometheus-server");
    const edited = editedDev("scrape", (config) =>
      setPath(config, ["quorum:monitoring", "prometheus", "scrapeIntervalSeconds"], 7),
    );
    try {
      await succeed(["up", "--config-file", edited]);
      await eventually("the new interval is in force", 150, async () =>
        (await scrapeInterval()) === "7s" ? true : undefined,
      );
    } finally {
      await succeed(["up"]);
    }
    expect((await only("pods", "monitoring", "app=prometheus-server")).metadata.uid).toBe(pod.metadata.uid);
  });

  test("keeps its data through a restart", async () => {
    const samples = "count_over_time(sum(application_api)[1h:5s])";
    const before = await query(samples);
    if (before === undefined) throw new Error("there are no samples yet");
    const { metadata } = await only("pods", "monitoring", "app=prometheus-server");
    await kubectl(["delete", "pod", "--namespace", "monitoring", metadata.name, "--wait=true"]);
    const after = await eventually("Prometheus answers again", 90, async () => {
      const { metadata: anew } = await only("pods", "monitoring", "app=prometheus-server");
      return anew.uid === metadata.uid ? undefined : query(samples);
    });
    // A new database would begin with one sample; the old one has lost at most the minute of the restart.
    expect(after).toBeGreaterThanOrEqual(before);
  });
});
