import { describe, expect, test } from "vitest";
import { eventually, editedDev, kubectl, only, prometheusUrl, query, setPath, succeed } from "./quorum.ts";

interface Target {
  readonly health: string;
  readonly labels: Record<string, string>;
}

async function targets(): Promise<Target[]> {
  const answer = await fetch(`${prometheusUrl}/api/v1/targets?state=active`);
  return ((await answer.json()) as { data: { activeTargets: Target[] } }).data.activeTargets;
}

async function scrapeInterval(): Promise<string | undefined> {
  const answer = await fetch(`${prometheusUrl}/api/v1/status/config`);
  return /scrape_interval: (\S+)/.exec(((await answer.json()) as { data: { yaml: string } }).data.yaml)?.[1];
}

describe("Prometheus", () => {
  test("finds the business services of the apps namespace by their label, and itself, and nothing else", async () => {
    const found = await eventually("both pods are scraped", 30, async () => {
      const all = await targets();
      return all.filter(({ labels, health }) => labels["job"] === "business-metrics" && health === "up").length === 2
        ? all
        : undefined;
    });
    expect([...new Set(found.map(({ labels }) => labels["job"]))].sort()).toEqual(["business-metrics", "prometheus"]);
    const business = found.filter(({ labels }) => labels["job"] === "business-metrics");
    for (const { labels } of business) expect(labels).toMatchObject({ namespace: "apps", service: "metricsdemo" });
  });

  test("answers the seed's own query", async () => {
    const expression = "sum by (response, action, url, app) (delta(application_api[1m]))";
    expect(await eventually(expression, 30, () => query(expression))).toBeTypeOf("number");
  });

  test("takes a changed configuration without a restart", async () => {
    const pod = await only("pods", "monitoring", "app=prometheus-server");
    const before = await scrapeInterval();
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
    await eventually("the old interval is back", 150, async () =>
      (await scrapeInterval()) === before ? true : undefined,
    );
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
