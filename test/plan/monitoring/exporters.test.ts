import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { alertRules } from "../../../components/monitoring/alert-rules.ts";
import { watchedResources } from "../../../components/plan/monitoring/kube-state-metrics.ts";
import { nodeExporterFlags } from "../../../components/plan/monitoring/node-exporter.ts";
import { serviceRules } from "../../../components/plan/monitoring/service-rules.ts";

/** The value of a flag, as the expression that it is. */
function pattern(flag: string): RegExp {
  const found = nodeExporterFlags().find((each) => each.startsWith(`--collector.${flag}=`));
  if (found === undefined) throw new Error(`node-exporter is given no ${flag}`);
  return new RegExp(found.slice(found.indexOf("=") + 1));
}

describe("node-exporter", () => {
  it.each([
    ["filesystem.mount-points-exclude", "/var/lib/kubelet/pods/1/volumes/kubernetes.io~csi/data/mount", true],
    ["filesystem.mount-points-exclude", "/run/containerd/io.containerd.grpc.v1.cri/sandboxes/1/shm", true],
    ["filesystem.mount-points-exclude", "/var/lib/containerd/overlay/1", true],
    ["filesystem.mount-points-exclude", "/var/lib/kubelet", false],
    ["filesystem.mount-points-exclude", "/var/lib/etcd", false],
    ["filesystem.mount-points-exclude", "/", false],
    ["filesystem.mount-points-exclude", "/system", false],
    ["filesystem.fs-types-exclude", "overlay", true],
    ["filesystem.fs-types-exclude", "tmpfs", true],
    ["filesystem.fs-types-exclude", "cgroup2", true],
    ["filesystem.fs-types-exclude", "ext4", false],
    ["filesystem.fs-types-exclude", "nfs4", false],
    ["netdev.device-exclude", "veth1a2b3c4d", true],
    ["netdev.device-exclude", "cali0123456789a", true],
    ["netdev.device-exclude", "lo", true],
    ["netdev.device-exclude", "eth0", false],
    ["netdev.device-exclude", "enp0s31f6", false],
    ["netdev.device-exclude", "bond0", false],
    ["diskstats.device-exclude", "zram0", true],
    ["diskstats.device-exclude", "loop12", true],
    ["diskstats.device-exclude", "sda1", true],
    ["diskstats.device-exclude", "nvme0n1p2", true],
    ["diskstats.device-exclude", "sda", false],
    ["diskstats.device-exclude", "vda", false],
    ["diskstats.device-exclude", "nvme0n1", false],
    ["diskstats.device-exclude", "dm-0", false],
  ])("%s: %s is left out: %s", (flag, value, leftOut) => {
    expect(pattern(flag).test(value)).toBe(leftOut);
  });

  it("measures what is named and nothing else", () => {
    const flags = nodeExporterFlags();
    expect(flags).toContain("--collector.disable-defaults");
    expect(flags.filter((flag) => /^--collector\.[a-z]+$/.test(flag)).length).toBeGreaterThan(10);
  });
});

/** A family's kind of object, as its name begins. */
const kinds: Readonly<Record<string, string>> = {
  cronjob: "cronjobs",
  daemonset: "daemonsets",
  deployment: "deployments",
  horizontalpodautoscaler: "horizontalpodautoscalers",
  job: "jobs",
  namespace: "namespaces",
  node: "nodes",
  persistentvolume: "persistentvolumes",
  persistentvolumeclaim: "persistentvolumeclaims",
  pod: "pods",
  poddisruptionbudget: "poddisruptionbudgets",
  resourcequota: "resourcequotas",
  statefulset: "statefulsets",
};

describe("kube-state-metrics", () => {
  const dashboards = join(import.meta.dirname, "../../../data/dashboards");
  const pages = readdirSync(dashboards, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".json"))
    .map((path) => readFileSync(join(dashboards, path), "utf8"));
  const used = new Set(
    [...Object.values(alertRules()), ...pages].flatMap((text) =>
      [...text.matchAll(/\bkube_([a-z]+)/g)].map(([, kind]) => kind ?? ""),
    ),
  );

  it("tells of every kind of object that a rule or a dashboard asks for", () => {
    expect(used.size).toBeGreaterThan(8);
    expect([...used].filter((kind) => !watchedResources.some((resource) => resource === kinds[kind]))).toEqual([]);
  });
});

describe("what the configuration says of services", () => {
  it("is one series for each that is scraped", () => {
    const { groups } = parse(
      serviceRules("shop", { web: { scrape: true }, cache: { scrape: false }, api: { scrape: true } }),
    ) as { groups: { rules: unknown[] }[] };
    expect(groups[0]?.rules).toEqual([
      { record: "quorum:service_info", expr: "vector(1)", labels: { namespace: "shop", service: "api" } },
      { record: "quorum:service_info", expr: "vector(1)", labels: { namespace: "shop", service: "web" } },
    ]);
  });
});
