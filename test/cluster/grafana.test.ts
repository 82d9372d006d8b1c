import { afterAll, describe, expect, test } from "vitest";
import { shippedDashboards } from "../../components/monitoring/dashboards.ts";
import { type DatasourceUid, datasourceUids } from "../../components/plan/monitoring/dashboards.ts";
import { readDashboards } from "../monitoring/panels.ts";
import { leftOut } from "./left-out.ts";
import { eventually, kubectl, only } from "./quorum.ts";

const url = "http://localhost:3000";
/** What each datasource's own API answers to. */
const answers: Readonly<Record<DatasourceUid, string>> = {
  prometheus: "api/v1/query?query=up",
  loki: "loki/api/v1/labels",
  zipkin: "api/v2/services",
  alertmanager: "api/v2/status",
};
const byHand = { uid: "made-by-hand", title: "Made by hand" };
const reason = leftOut("grafana");

async function password(): Promise<string> {
  const path = "jsonpath={.data.admin-password}";
  const encoded = await kubectl(["get", "secret", "grafana-admin", "--namespace", "monitoring", "--output", path]);
  return Buffer.from(encoded, "base64").toString();
}

async function ask<T>(path: string, more: RequestInit = {}): Promise<T> {
  const authorization = `Basic ${Buffer.from(`admin:${await password()}`).toString("base64")}`;
  const headers = { authorization, "content-type": "application/json" };
  const answer = await fetch(`${url}${path}`, { ...more, headers });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

describe.skipIf(reason !== undefined)("grafana", () => {
  afterAll(() => ask(`/api/folders/${byHand.uid}`, { method: "DELETE" }).catch(() => undefined));

  test("answers /login, and shows nothing to who has not signed in", async () => {
    const login = await eventually("/login", 60, async () => {
      const answer = await fetch(`${url}/login`);
      return answer.ok ? answer : undefined;
    });
    expect(await login.text()).toContain("<title>Grafana</title>");
    expect((await fetch(`${url}/api/search`)).status).toBe(401);
  });

  test("has the datasources of the stack, each of which answers it", async () => {
    const found = await ask<{ uid: string }[]>("/api/datasources");
    expect(found.map(({ uid }) => uid).sort()).toEqual([...datasourceUids].sort());
    for (const uid of datasourceUids)
      expect(await ask<object>(`/api/datasources/proxy/uid/${uid}/${answers[uid]}`), uid).toBeTruthy();
  });

  test("has every dashboard of data/dashboards", async () => {
    const expected = readDashboards(shippedDashboards()).map(({ uid }) => uid);
    await eventually("every dashboard", 60, async () => {
      const found = await ask<{ uid: string }[]>("/api/search?type=dash-db&limit=5000");
      const there = found.map(({ uid }) => uid);
      const missing = expected.filter((uid) => !there.includes(uid));
      if (missing.length > 0) throw new Error(`there is no ${missing.join(", ")}`);
      return true;
    });
  });

  test("keeps what was made by hand through a restart", async () => {
    await ask("/api/folders", { method: "POST", body: JSON.stringify(byHand) });
    const before = (await only("pods", "monitoring", "app=grafana")).metadata;
    await kubectl(["delete", "pod", before.name, "--namespace", "monitoring"]);
    await kubectl(["rollout", "status", "statefulset/grafana", "--namespace", "monitoring", "--timeout=180s"]);
    expect((await only("pods", "monitoring", "app=grafana")).metadata.uid).not.toBe(before.uid);
    const folder = await eventually("the folder", 30, () => ask<{ title: string }>(`/api/folders/${byHand.uid}`));
    expect(folder.title).toBe(byHand.title);
  }, 300_000);
});
