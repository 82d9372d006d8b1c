import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { controlPlaneProblems } from "../../../components/plan/control-plane/control-plane-checks.ts";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { etcdManifest } from "../../../components/plan/control-plane/etcd-manifest.ts";
import { etcdMembers } from "../../../components/plan/control-plane/etcd-members.ts";
import { hostScripts } from "../../../components/plan/control-plane/host-scripts.ts";
import type { HostSettings, KubeadmSettings } from "../../../components/plan/control-plane/hosts.ts";
import { initDocuments } from "../../../components/plan/control-plane/kubeadm-config.ts";
import { planChange } from "../../../components/plan/control-plane/plan-change.ts";
import { machinesOf, replaceOperation, replaceProblems } from "../../../components/plan/control-plane/replace.ts";
import { renewOperation } from "../../../components/plan/control-plane/renew.ts";
import { controlPlaneLayout } from "../../../components/plan/control-plane/targets.ts";
import { openPorts } from "../../../components/plan/control-plane/site.ts";
import { formatProblem } from "../../../components/plan/problems.ts";
import { settings } from "./settings.ts";

type Hosts = Record<string, Partial<HostSettings>>;

function layout(hosts: Hosts, more: Partial<KubeadmSettings> = {}): KubeadmSettings {
  const placed = Object.entries(hosts).map(([name, host], index): [string, HostSettings] => [
    name,
    { address: `192.0.2.${index + 1}`, role: "control-plane", ...host },
  ]);
  return settings({ hosts: Object.fromEntries(placed), endpoint: "k8s.example.com:8443", metrics: true, ...more });
}

const redundant = { goal: "control-plane-redundancy" as const };
const ownEvents = { etcd: { ...settings().etcd, events: "own" as const } };
const haproxy = { balancer: { kind: "haproxy" as const, address: "192.0.2.200", port: 8443 }, endpoint: undefined };
const etcd = { role: "etcd" as const };

const layouts: [string, KubeadmSettings][] = [
  ["one host with a redundant control plane", layout({ a: {} }, { ...redundant, ...haproxy })],
  ["two hosts with one", layout({ a: {}, b: { reliability: 80 } }, redundant)],
  ["etcd on hosts of its own", layout({ a: {}, b: {}, e1: etcd, e2: etcd, e3: etcd })],
  ["events beside", layout({ a: {}, b: {}, c: {} }, ownEvents)],
  [
    "events on hosts of their own",
    layout({ a: {}, b: {}, c: {}, v1: { role: "events" }, v2: { role: "events" }, v3: { role: "events" } }, ownEvents),
  ],
  [
    "two members on each of two hosts of three",
    layout({ a: { etcdMembers: 2 }, b: { etcdMembers: 2 }, c: { etcdMembers: 1 } }),
  ],
];
const byName = Object.fromEntries(layouts);
const planOf = (name: string) => planControlPlane(byName[name]!);

describe("members", () => {
  const shown = (input: KubeadmSettings) =>
    etcdMembers(input).map(({ name, host, ports, manifest, dataDir, madeBy }) =>
      [name, host, ports.client, ports.peer, ports.metrics, manifest.split("/").at(-1), dataDir, madeBy].join(" "),
    );

  it.each([
    [
      "one host with a redundant control plane",
      [
        "a a 2379 2380 2381 etcd.yaml /var/lib/etcd quorum",
        "a.2 a 2389 2390 2391 etcd2.yaml /var/lib/etcd2 quorum",
        "a.3 a 2399 2400 2401 etcd3.yaml /var/lib/etcd3 quorum",
      ],
    ],
    [
      "events beside",
      [
        ...["a", "b", "c"].map((host) => `${host} ${host} 2379 2380 2381 etcd.yaml /var/lib/etcd kubeadm`),
        ...["a", "b", "c"].map(
          (host) => `${host}.events ${host} 2479 2480 2481 events-etcd.yaml /var/lib/events-etcd quorum`,
        ),
      ],
    ],
  ])("of %s", (name, expected) => {
    expect(shown(byName[name]!)).toEqual(expected);
  });

  it("never share a name, a port of their host or a folder", () => {
    for (const [, input] of layouts) {
      const members = etcdMembers(input);
      const distinct = (of: (member: (typeof members)[0]) => string[]) => {
        const all = members.flatMap(of);
        expect(new Set(all).size).toBe(all.length);
      };
      distinct(({ name }) => [name]);
      distinct(({ host, ports }) => Object.values(ports).map((port) => `${host}:${port}`));
      distinct(({ host, dataDir }) => [`${host}${dataDir}`]);
    }
  });

  it("are static pods as kubeadm's own, with names, ports, data and quota of theirs", () => {
    const input = layout({ a: {} }, { etcd: { ...ownEvents.etcd, quotaMiB: 4096, eventsQuotaMiB: 512 } });
    const [main, events] = etcdMembers(input).map((member) => parse(etcdManifest(input, member)) as Pod);
    expect(main?.metadata.labels).toEqual({ component: "etcd", tier: "control-plane" });
    expect(events?.metadata).toMatchObject({ name: "events-etcd", labels: { component: "events-etcd" } });
    const container = events?.spec.containers[0];
    expect(container?.command).toEqual(
      expect.arrayContaining([
        "--name=a.events",
        "--data-dir=/var/lib/events-etcd",
        "--listen-client-urls=https://127.0.0.1:2479,https://192.0.2.1:2479",
        "--listen-metrics-urls=http://127.0.0.1:2481,http://192.0.2.1:2481",
        "--initial-cluster-token=quorum-events",
        "--quota-backend-bytes=536870912",
        "--client-cert-auth=true",
        "--peer-client-cert-auth=true",
      ]),
    );
    expect(main?.spec.containers[0]?.command).toContain("--quota-backend-bytes=4294967296");
    expect(container?.ports).toEqual([{ containerPort: 2481, name: "probe-port", protocol: "TCP" }]);
    expect(events?.spec).toMatchObject({ priorityClassName: "system-node-critical", hostNetwork: true });
  });
});

interface Pod {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly containers: readonly { readonly command: string[]; readonly ports: unknown }[] };
}

describe("kubeadm", () => {
  const cluster = (name: string) =>
    initDocuments(byName[name]!, planOf(name)).find(({ kind }) => kind === "ClusterConfiguration") as {
      etcd: { local?: object; external?: { endpoints: string[] } };
      apiServer: { extraArgs: { name: string; value: string }[] };
    };
  const flag = (name: string, wanted: string) =>
    cluster(name).apiServer.extraArgs.find((one) => one.name === wanted)?.value;

  it("is told of every member where it makes none, so that an API server outlives any of them", () => {
    expect(cluster("one host with a redundant control plane").etcd.external?.endpoints).toEqual([
      "https://192.0.2.1:2379",
      "https://192.0.2.1:2389",
      "https://192.0.2.1:2399",
    ]);
    expect(cluster("events beside").etcd).toHaveProperty("local");
  });

  it("sends events, and nothing else, to their own cluster", () => {
    const servers = [1, 2, 3].map((host) => `https://192.0.2.${host}:2479`).join(";");
    expect(flag("events beside", "etcd-servers-overrides")).toBe(`/events#${servers}`);
    expect(flag("two hosts with one", "etcd-servers-overrides")).toBeUndefined();
  });

  it("lets no two API servers of one address overwrite each other's port", () => {
    expect(flag("one host with a redundant control plane", "endpoint-reconciler-type")).toBe("none");
    expect(flag("two hosts with one", "endpoint-reconciler-type")).toBeUndefined();
  });
});

describe.each(layouts)("the steps of %s", (_, input) => {
  const plan = planControlPlane(input);
  const scripts = hostScripts({ settings: input, plan, images: { haproxy: "haproxy:1", keepalived: "keepalived:1" } });

  it("are shell scripts that take away no member and no data", () => {
    for (const { name, script } of scripts) {
      execFileSync("sh", ["-n"], { input: script, stdio: "pipe" });
      expect(script, name).not.toMatch(/member remove|rm -r?f?r? .*\/var\/lib|kubeadm reset(?! there|'| on)/);
    }
    for (const { script } of renewOperation(plan).steps) execFileSync("bash", ["-n"], { input: script, stdio: "pipe" });
  });

  it("begin each etcd cluster by one member, and never before its host is prepared", () => {
    const begun = scripts.flatMap(({ name, script }) =>
      [...script.matchAll(/^etcd_member (\S+) (\S+) \S+ \S+ (begins|always|joins)/gm)].map((found) => ({
        step: name,
        member: found[2] ?? "",
        how: found[3] ?? "",
      })),
    );
    const generated = plan.etcd.filter(({ madeBy }) => madeBy === "quorum");
    expect(new Set(begun.map(({ member }) => member))).toEqual(new Set(generated.map(({ name }) => name)));
    for (const cluster of ["main", "events"] as const) {
      const names = generated.filter((one) => one.cluster === cluster).map(({ name }) => name);
      const beginners = new Set(
        begun.filter(({ member, how }) => names.includes(member) && how !== "joins").map(({ member }) => member),
      );
      expect(beginners.size).toBe(names.length === 0 ? 0 : 1);
    }
    const places = scripts.map(({ name }) => name);
    for (const { host } of generated) {
      const first = begun.find(({ step }) => step.startsWith(`${host}-`))?.step ?? "";
      expect(places.indexOf(`${host}-prepare`)).toBeLessThan(places.indexOf(first));
    }
  });

  it("are those that the plan shows, host by host", () => {
    const shown = plan.steps.map(({ host, action }) => `${host} ${action}`);
    const done = scripts
      .filter(({ name }) => name !== "kubeconfig")
      .map(({ name, host }) => {
        const [of = "", action = ""] = [name.slice(0, name.lastIndexOf("-")), name.split("-").at(-1)];
        // A ticket is shown at the host that seals it, all else at the host that it is for.
        return `${action === "ticket" ? host.name : of} ${action}`;
      });
    expect(shown).toEqual(done);
  });
});

describe("hosts of etcd alone", () => {
  const plan = planOf("etcd on hosts of its own");

  it("come after the authorities and before the first API server", () => {
    expect(plan.steps.map(({ host, action }) => `${host} ${action}`).slice(0, 8)).toEqual([
      "a prepare",
      "a network",
      "a authorities",
      "e1 prepare",
      "a ticket",
      "e1 etcd",
      "e2 prepare",
      "a ticket",
    ]);
    expect(plan.steps.find(({ host, action }) => host === "e3" && action === "etcd")?.summary).toBe(
      "runs etcd under a kubelet of its own: 3 members, quorum 2, tolerates the loss of 1",
    );
  });

  it("get the etcd authority and no other key", () => {
    const { script } = hostScripts({ settings: byName["etcd on hosts of its own"]!, plan }).find(
      ({ name }) => name === "e1-ticket",
    )!;
    expect(script).toContain("pki/etcd/ca.key");
    expect(script).not.toMatch(/pki\/ca\.key|sa\.key|admin\.conf/);
  });

  it("are renewed and replaced, by the word of a member that lives", () => {
    const input = byName["etcd on hosts of its own"]!;
    const host = machinesOf(plan).find(({ name }) => name === "e3")!;
    expect(replaceProblems(plan, "e3")).toEqual([]);
    expect(replaceOperation(input, plan, host).steps.map((step) => `${step.host}: ${step.what}`)).toEqual([
      "a: lets further hosts in from now on, if another did so before",
      "e1: removes the dead e3 from etcd",
    ]);
    const renewed = renewOperation(plan).steps.filter(({ what }) => what.startsWith("makes etcd's"));
    expect(renewed.map((step) => step.host)).toEqual(["e1", "e2", "e3"]);
  });

  it("cannot be asked to begin without the only control-plane host", () => {
    const alone = planControlPlane(layout({ a: {}, e1: etcd, e2: etcd, e3: etcd }));
    expect(replaceProblems(alone, "a").map(formatProblem)).toEqual([
      "quorum:controlPlane.hosts.a is the only control-plane host, but another one must hold the authorities to let a new machine in; run `npm run control-plane -- recover` with a backup",
    ]);
  });
});

describe("what is wrong", () => {
  it.each<[string, KubeadmSettings, string[]]>([
    [
      "hosts for events that share etcd",
      layout({ a: {}, v: { role: "events" } }),
      [
        "quorum:controlPlane.etcd.events is shared, but v has role events; set it to own, or give that host another role",
      ],
    ],
    [
      "an even number of hosts for events",
      layout(
        { a: {}, ...Object.fromEntries(["v1", "v2", "v3", "v4"].map((name) => [name, { role: "events" }])) },
        ownEvents,
      ),
      [
        "quorum:controlPlane.hosts has 4 events hosts (v1, v2, v3 and v4), but it must be an odd number: 4 members tolerate the loss of 1, as 3 do, and more can fail; leave out one of them or add another",
      ],
    ],
    [
      "members beside hosts of etcd alone",
      layout({ a: { etcdMembers: 1 }, e: { ...etcd, etcdMembers: 0 } }),
      [
        "quorum:controlPlane.hosts.a.etcdMembers is 1, but e has role etcd and hold every member; leave it out, or leave out the hosts with role etcd",
      ],
    ],
    [
      "a beginning without etcd",
      layout({ a: {}, b: { reliability: 80 } }, { ...redundant, firstHost: "a" }),
      [
        'quorum:controlPlane.firstHost is "a", but that host has no etcd member, and an API server starts only once etcd is there; set it to b, or leave it out',
      ],
    ],
    [
      "two API servers that nothing chooses between",
      layout({ a: {} }, { ...redundant, endpoint: undefined }),
      [
        "quorum:controlPlane.balancer is not given, but goal control-plane-redundancy has 2 API servers on a, at ports 6443 and 6453, and something must choose one that is ready; set it to {kind: haproxy, address: a free address}, set endpoint to a balancer of your own in front of both, or set goal to minimal",
      ],
    ],
    [
      "two API servers behind what balances nothing",
      layout({ a: {} }, { ...redundant, endpoint: undefined, balancer: { kind: "kube-vip", address: "192.0.2.200" } }),
      [
        "quorum:controlPlane.balancer.kind is kube-vip, but it balances nothing and goal control-plane-redundancy has 2 API servers on a; set it to haproxy, or set goal to minimal",
      ],
    ],
    [
      "a balancer at a further member's port",
      layout({ a: {} }, { ...redundant, ...haproxy, balancer: { ...haproxy.balancer, port: 2399 } }),
      [
        "quorum:controlPlane.balancer.port is 2399, but etcd member a.3 (client) has that port on the same hosts (further ones are 10 apart); set another, for example 8443",
      ],
    ],
  ])("%s", (_, input, expected) => {
    expect(controlPlaneProblems(input).map(formatProblem)).toEqual(expected);
  });
});

describe("what is scraped", () => {
  const targets = (name: string) =>
    Object.entries(controlPlaneLayout(byName[name]!).targets).map(
      ([job, found]) => `${job}: ${found.map(({ address }) => address).join(" ")}`,
    );

  it("is every one of several on a host, each at its port", () => {
    expect(targets("one host with a redundant control plane")).toEqual([
      "etcd: 192.0.2.1:2381 192.0.2.1:2391 192.0.2.1:2401",
      "apiserver: 192.0.2.1:6443 192.0.2.1:6453",
      "kube-controller-manager: 192.0.2.1:10257 192.0.2.1:10267",
      "kube-scheduler: 192.0.2.1:10259 192.0.2.1:10269",
      "haproxy: 192.0.2.1:8405",
    ]);
  });

  it("counts the members of each etcd cluster by themselves", () => {
    expect(targets("events on hosts of their own")).toEqual([
      "etcd-events: 192.0.2.4:2481 192.0.2.5:2481 192.0.2.6:2481",
    ]);
  });

  it("is what the firewall lets through", () => {
    const rows = openPorts(planOf("one host with a redundant control plane")).map(
      ({ port, what }) => `${port} ${what}`,
    );
    expect(rows).toEqual(
      expect.arrayContaining([
        "6443, 6453 Kubernetes API",
        "2379, 2389, 2399 etcd clients",
        "2380, 2390, 2400 etcd peers",
        "2381, 2391, 2401 etcd metrics",
      ]),
    );
  });
});

describe("a change from any layout to any other", () => {
  it("passes below no quorum that it began or ends with, in either cluster, or is refused with a way out", () => {
    const any = fc.constantFrom(...layouts.map(([name]) => name));
    fc.assert(
      fc.property(any, any, fc.subarray(["a", "b", "c", "e1", "v1"]), (from, to, dead) => {
        const [before, after] = [planOf(from), planOf(to)];
        const lost = dead.filter((name) => before.placements.some(({ host }) => host === name));
        const change = planChange(before, after, lost);
        for (const problem of change.problems) expect(formatProblem(problem)).toMatch(/, but .+; .+/);
        if (change.problems.length > 0) return;
        for (const steps of [change.members, change.events]) {
          for (const step of steps) expect(step.after.tolerance).toBeGreaterThanOrEqual(0);
          const last = steps.at(-1);
          if (last !== undefined) expect(last.after.voters % 2).toBe(1);
        }
      }),
    );
  });
});

it("every configuration of kubeadm is YAML of its kinds", () => {
  for (const [, input] of layouts) {
    for (const { script } of hostScripts({
      settings: input,
      plan: planControlPlane(input),
      images: { haproxy: "h", keepalived: "k" },
    })) {
      for (const [, text] of script.matchAll(
        /certificates-etcd\.yaml 600 <<'(?:QUORUM_FILE_*)'\n([\s\S]*?)\nQUORUM_FILE/g,
      ))
        expect(parseAllDocuments(text ?? "").map((document) => (document.toJS() as { kind: string }).kind)).toContain(
          "ClusterConfiguration",
        );
    }
  }
});
