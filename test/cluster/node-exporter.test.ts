import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { caredForEtcd } from "./etcd-care.ts";
import { list, only, query } from "./quorum.ts";

const selector = "app=node-exporter";
const job = '{job="node-exporter"}';

async function counted(expression: string): Promise<number> {
  return (await query(`count(${expression})`)) ?? 0;
}

describe("node-exporter", () => {
  test("is on every node and answers at the node's address", async () => {
    const nodes = await list("nodes", "default");
    const pods = await list("pods", "monitoring-agents", selector);
    expect(pods).toHaveLength(nodes.length);
    const { status } = (await only("pods", "monitoring-agents", selector)) as unknown as { status: { hostIP: string } };
    expect((await fetch(`http://${status.hostIP}:9100/`)).status).toBe(200);
    expect(await query(`up${job}`)).toBe(1);
  });

  test("tells of the host: its memory, its disk, its processors", async () => {
    const memory = /^MemTotal:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
    expect(await query(`node_memory_MemTotal_bytes${job}`)).toBe(Number(memory) * 1024);
    expect(await query('node_filesystem_avail_bytes{job="node-exporter",mountpoint="/"}')).toBeGreaterThan(0);
    expect(await counted(`group by (cpu) (node_cpu_seconds_total${job})`)).toBeGreaterThanOrEqual(1);
    expect(await counted('node_network_receive_bytes_total{job="node-exporter",device="eth0"}')).toBe(1);
  });

  test("has no collector that fails, and as many series whatever runs on the node", async () => {
    expect(await counted(`node_scrape_collector_success${job} == 0`)).toBe(0);
    expect(await counted(`node_scrape_collector_success${job} == 1`)).toBeGreaterThan(10);
    expect(await counted('node_network_receive_bytes_total{job="node-exporter",device=~"veth.*|lo"}')).toBe(0);
    expect(
      await counted('node_filesystem_size_bytes{job="node-exporter",mountpoint=~"/(var/lib/kubelet|run)/.+"}'),
    ).toBe(0);
    expect(await query(`scrape_samples_scraped${job}`)).toBeLessThan(500);
  });

  test("tells what the care of etcd left on the host", async () => {
    await caredForEtcd();
    expect(await query(`node_textfile_scrape_error${job}`)).toBe(0);
    expect(await query("quorum_etcd_backup_keys")).toBeGreaterThan(100);
  });

  test("says of each series which node it is about", async () => {
    expect(await counted('node_time_seconds{job="node-exporter",node=""}')).toBe(0);
    expect(await counted('node_time_seconds{job="node-exporter",node!=""}')).toBe(
      (await list("nodes", "default")).length,
    );
  });
});
