import { describe, expect, it } from "vitest";
import type { Kubectl } from "../../engine/direct/kubectl.ts";
import { askExistingCluster } from "../../engine/existing-cluster.ts";

const metrics = [
  "etcd_server_has_leader 1",
  "etcd_mvcc_db_total_size_in_bytes 2.097152e+07",
  "etcd_server_quota_backend_bytes 2.147483648e+09",
].join("\n");
const ready = [{ type: "Ready", status: "True" }];

/** Answers by the words that kubectl is called with; an Error is thrown. */
function kubectlWith(answers: readonly (readonly [string, string | Error])[]): { kubectl: Kubectl; asked: string[] } {
  const asked: string[] = [];
  const call = (args: readonly string[]) => {
    const words = args.join(" ");
    asked.push(words);
    const answer = answers.find(([start]) => words.startsWith(start))?.[1] ?? new Error(`the server has no ${words}`);
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  return { kubectl: { call } as unknown as Kubectl, asked };
}

const answers: [string, string | Error][] = [
  ["get --raw /version", '{"gitVersion": "v1.37.2"}'],
  [
    "get nodes",
    JSON.stringify({
      items: [{ metadata: { name: "a" }, status: { nodeInfo: { kubeletVersion: "v1.36.3" }, conditions: ready } }],
    }),
  ],
  ["get pods", JSON.stringify({ items: [{ metadata: { name: "etcd-a" }, status: { conditions: ready } }] })],
  ["get --raw /api/v1/namespaces/kube-system/pods/etcd-a:2381/proxy/metrics", metrics],
  ["get --raw /readyz?verbose", new Error("[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed")],
  [
    "get cronjobs",
    JSON.stringify({
      items: [
        {
          metadata: { name: "etcd-backup", namespace: "agents" },
          status: { lastSuccessfulTime: "2026-11-23T06:00:00Z" },
        },
        { metadata: { name: "report", namespace: "apps" } },
      ],
    }),
  ],
  ["get --raw /api/v1/nodes/a/proxy/metrics", "kubelet_certificate_manager_client_ttl_seconds 86400\n"],
];

describe("a cluster that is not ours", () => {
  it("is asked by calls that only read", async () => {
    const { kubectl, asked } = kubectlWith(answers);
    const found = await askExistingCluster(kubectl);
    expect(found).toMatchObject({
      version: { value: "1.37.2" },
      nodes: { value: [{ name: "a", kubelet: "1.36.3", ready: true }] },
      etcd: {
        value: [
          { pod: "etcd-a", ready: true, metrics: { value: { leader: true, bytes: 20_971_520, quota: 2_147_483_648 } } },
        ],
      },
      failing: { value: ["etcd"] },
      backups: { value: [{ name: "agents/etcd-backup", last: new Date("2026-11-23T06:00:00Z") }] },
    });
    const kubelet = found.certificates.find(({ what }) => what === "kubelet of a")?.ends;
    expect(kubelet && "value" in kubelet && Math.round((kubelet.value.getTime() - Date.now()) / 3_600_000)).toBe(24);
    for (const words of asked) expect(words).toMatch(/^(get|config view) /);
  });

  it("says why a part of it cannot be read, and goes on with the rest", async () => {
    const forbidden = new Error(
      'Error from server (Forbidden): pods is forbidden: User "viewer" cannot list resource "pods"',
    );
    const { kubectl } = kubectlWith([["get pods", forbidden], ...answers]);
    const { etcd, nodes } = await askExistingCluster(kubectl);
    expect(etcd).toEqual({ reason: '(Forbidden): pods is forbidden: User "viewer" cannot list resource "pods"' });
    expect(nodes).toMatchObject({ value: [{ name: "a" }] });
  });

  it("whose etcd is not in it says so", async () => {
    const { etcd } = await askExistingCluster(kubectlWith([["get pods", '{"items": []}'], ...answers]).kubectl);
    expect(etcd).toEqual({ reason: "no pod of kube-system has the label component=etcd: etcd runs elsewhere" });
  });

  it("that does not answer is asked one question", async () => {
    const { kubectl, asked } = kubectlWith([["get --raw /version", new Error("connection refused")]]);
    expect((await askExistingCluster(kubectl)).version).toEqual({ reason: "connection refused" });
    expect(asked).toHaveLength(1);
  });
});
