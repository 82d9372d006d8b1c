import { describe, expect, it } from "vitest";
import { type ExistingCluster, existingReport } from "../../../components/plan/control-plane/existing-cluster.ts";

const now = new Date("2026-11-23T12:00:00Z");
const inDays = (days: number) => new Date(now.getTime() + days * 86_400_000 + 1000);
const node = (name: string, kubelet = "1.37.2", ready = true) => ({ name, kubelet, ready });
const member = (pod: string, share = 0.1, more: { ready?: boolean; leader?: boolean } = {}) => ({
  pod,
  ready: more.ready ?? true,
  metrics: { value: { leader: more.leader ?? true, bytes: share * 2048 * 1024 ** 2, quota: 2048 * 1024 ** 2 } },
});

const well: ExistingCluster = {
  version: { value: "1.37.2" },
  nodes: { value: [node("a"), node("b"), node("c", "1.35.4")] },
  etcd: { value: [member("etcd-a"), member("etcd-b"), member("etcd-c")] },
  failing: { value: [] },
  certificates: [{ what: "API server", ends: { value: inDays(300) } }],
  backups: { value: [{ name: "agents/etcd-backup", last: inDays(-1) }] },
};

const rowOf = (cluster: Partial<ExistingCluster>, what: string) =>
  existingReport({ ...well, ...cluster }, now).find((row) => row.what === what);

describe("what is read of a cluster that is not ours", () => {
  it("of one that is well holds no warning", () => {
    expect(existingReport(well, now)).toEqual([
      { what: "API server", found: "1.37.2" },
      { what: "nodes", found: "3, 3 Ready" },
      { what: "kubelets", found: "1.37.2 and 1.35.4" },
      { what: "readiness", found: "every check of /readyz passes" },
      { what: "etcd members", found: "3, 3 ready, 1 may fail" },
      { what: "etcd quota: etcd-a", found: "10 % of 2048 MiB used" },
      { what: "etcd quota: etcd-b", found: "10 % of 2048 MiB used" },
      { what: "etcd quota: etcd-c", found: "10 % of 2048 MiB used" },
      { what: "certificate: API server", found: "300 days left" },
      { what: "backups of etcd", found: "agents/etcd-backup: 23 h ago" },
    ]);
  });

  it.each<[string, Partial<ExistingCluster>, string, string, RegExp]>([
    [
      "a kubelet that is newer",
      { nodes: { value: [node("a", "1.38.0")] } },
      "kubelets",
      "1.38.0",
      /^a: a kubelet may be no newer/,
    ],
    [
      "a kubelet that is too old",
      { nodes: { value: [node("a", "1.33.9")] } },
      "kubelets",
      "1.33.9",
      /up to 3 minors older than 1\.37/,
    ],
    [
      "a node that is away",
      { nodes: { value: [node("a"), node("b", "1.37.2", false)] } },
      "nodes",
      "2, 1 Ready",
      /not Ready: b/,
    ],
    [
      "an even number of members",
      { etcd: { value: [member("x"), member("y")] } },
      "etcd members",
      "2, 2 ready, 0 may fail",
      /2 members tolerate no more than 1/,
    ],
    [
      "a member that is down",
      { etcd: { value: [member("x"), member("y"), member("z", 0.1, { ready: false })] } },
      "etcd members",
      "3, 2 ready, 0 may fail",
      /not ready: z/,
    ],
    [
      "a quota that is used up",
      { etcd: { value: [member("x", 0.9)] } },
      "etcd quota: x",
      "90 % of 2048 MiB used",
      /refuses writes/,
    ],
    [
      "no leader",
      { etcd: { value: [member("x", 0.1, { leader: false })] } },
      "etcd quota: x",
      "10 % of 2048 MiB used",
      /no leader/,
    ],
    [
      "a certificate that ends",
      { certificates: [{ what: "k", ends: { value: inDays(10) } }] },
      "certificate: k",
      "10 days left",
      /make it anew/,
    ],
    [
      "a certificate that has ended",
      { certificates: [{ what: "k", ends: { value: inDays(-5) } }] },
      "certificate: k",
      "ended 5 days ago",
      /make it anew/,
    ],
    [
      "a backup that is old",
      { backups: { value: [{ name: "b", last: inDays(-4) }] } },
      "backups of etcd",
      "b: 95 h ago",
      /older than 48 h: b/,
    ],
    [
      "a backup that never was",
      { backups: { value: [{ name: "b", last: undefined }] } },
      "backups of etcd",
      "b: never",
      /older than 48 h: b/,
    ],
    ["no backup", { backups: { value: [] } }, "backups of etcd", "none seen", /no CronJob saves etcd/],
    ["a check that fails", { failing: { value: ["etcd"] } }, "readiness", "etcd fail", /readyz/],
  ])("warns of %s", (_, cluster, what, found, warning) => {
    const row = rowOf(cluster, what);
    expect(row?.found).toBe(found);
    expect(row?.warning).toMatch(warning);
  });

  it("compares a distribution's version without its suffix", () => {
    expect(rowOf({ version: { value: "1.37.2+k3s1" } }, "kubelets")?.warning).toBeUndefined();
  });

  it("says what could not be read, and why", () => {
    const reason = 'pods is forbidden: User "viewer" cannot list resource "pods"';
    expect(rowOf({ etcd: { reason } }, "etcd members")).toEqual({
      what: "etcd members",
      found: `not known: ${reason}`,
    });
    const quota = { value: [{ pod: "x", ready: true, metrics: { reason: "connection refused" } }] };
    expect(rowOf({ etcd: quota }, "etcd quota: x")?.found).toBe("not known: connection refused");
  });

  it("asks nothing else of an API server that does not answer", () => {
    const silent = existingReport({ ...well, version: { reason: "no route to host" } }, now);
    expect(silent).toEqual([{ what: "API server", found: "not known: no route to host" }]);
  });
});
