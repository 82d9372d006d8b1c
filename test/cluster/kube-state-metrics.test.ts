import { describe, expect, test } from "vitest";
import { leftOut } from "./left-out.ts";
import { eventually, list, query } from "./quorum.ts";

const part = "kube-state-metrics";
const reason = leftOut(part);
const deployment = '{namespace="apps",deployment="metricsdemo"}';

describe.skipIf(reason !== undefined)(part, () => {
  test("answers on the cluster and on itself", async () => {
    await eventually("both endpoints are up", 60, async () =>
      (await query(`count(up{job="${part}"} == 1)`)) === 2 ? true : undefined,
    );
    expect(await query(`count(up{job="${part}",endpoint="self"} == 1)`)).toBe(1);
  });

  test("tells of the cluster's objects as they are", async () => {
    expect(await query(`kube_deployment_spec_replicas${deployment}`)).toBe(2);
    const pods = await list("pods", "apps", "app=metricsdemo");
    await eventually("each pod of the app", 30, async () =>
      (await query('count(kube_pod_info{namespace="apps",pod=~"metricsdemo-.*"})')) === pods.length ? true : undefined,
    );
    expect(await query("count(kube_node_info)")).toBe((await list("nodes", "default")).length);
  });

  test("may read what it is told to watch: no list fails", async () => {
    expect((await query('sum(rate(kube_state_metrics_list_total{result="error"}[5m]))')) ?? 0).toBe(0);
    expect((await query('sum(rate(kube_state_metrics_watch_total{result="error"}[5m]))')) ?? 0).toBe(0);
  });
});
