import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import {
  balancerHealthPort,
  balancerImageProblems,
  balancerImages,
  type BalancerPlan,
  balancerProblems,
  type BalancerSettings,
  balancerReferences,
} from "../../../components/plan/control-plane/balancer.ts";
import {
  checkScript,
  haproxyConfig,
  haproxyConfigHash,
  keepalivedConfig,
} from "../../../components/plan/control-plane/balancer-files.ts";
import {
  haproxyManifest,
  keepalivedManifest,
  kubeVipManifest,
} from "../../../components/plan/control-plane/balancer-pods.ts";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { formatPlan } from "../../../components/plan/control-plane/format-plan.ts";
import type { KubeadmSettings } from "../../../components/plan/control-plane/hosts.ts";
import { initDocuments } from "../../../components/plan/control-plane/kubeadm-config.ts";
import { effectOf } from "../../../components/plan/control-plane/losses.ts";
import { openPorts } from "../../../components/plan/control-plane/site.ts";
import { controlPlaneLayout } from "../../../components/plan/control-plane/targets.ts";
import { imageCatalog } from "../../../config/parse.ts";
import { ensureCheckers, findProgram } from "../../../local/packages.ts";
import { members, settings } from "./settings.ts";

const haproxy: BalancerSettings = { kind: "haproxy", address: "192.0.2.200", port: 8443 };
const kubeVip: BalancerSettings = { kind: "kube-vip", address: "192.0.2.200" };
const behind = (balancer: BalancerSettings, count = 3, more: Partial<KubeadmSettings> = {}) =>
  members(count, { endpoint: undefined, balancer, ...more });

function balancerOf(input: KubeadmSettings): BalancerPlan {
  const { balancer } = planControlPlane(input);
  if (balancer === undefined) throw new Error("the plan has no balancer");
  return balancer;
}

describe("the plan of a control plane behind a balancer of its own", () => {
  const plan = planControlPlane(behind(haproxy));

  it("has the virtual address for its endpoint, which the certificate names", () => {
    expect(plan.endpoint).toBe("192.0.2.200:8443");
    const input = behind(haproxy, 3, { endpoint: "k8s.example.com:8443" });
    const named = planControlPlane(input);
    expect(named.endpoint).toBe("k8s.example.com:8443");
    const cluster = initDocuments(input, named).find(({ kind }) => kind === "ClusterConfiguration");
    expect(cluster).toMatchObject({ controlPlaneEndpoint: "k8s.example.com:8443" });
    expect((cluster?.["apiServer"] as { certSANs: string[] }).certSANs).toContain("192.0.2.200");
  });

  it("gives the hosts falling priorities by name, and the address its last number as router", () => {
    expect(plan.balancer).toMatchObject({
      routerId: 200,
      hosts: [
        { name: "h0", priority: 101 },
        { name: "h1", priority: 100 },
        { name: "h2", priority: 99 },
      ],
      servers: [
        { name: "h0", address: "192.0.2.1", port: 6443 },
        { name: "h1", address: "192.0.2.2", port: 6443 },
        { name: "h2", address: "192.0.2.3", port: 6443 },
      ],
    });
    expect(balancerOf(behind({ ...haproxy, address: "192.0.3.0" })).routerId).toBe(1);
    expect(balancerOf(behind({ ...haproxy, routerId: 7 })).routerId).toBe(7);
  });

  it("passes on to every API server of a host that has several", () => {
    const one = settings({ goal: "control-plane-redundancy", balancer: haproxy });
    expect(balancerOf(one).servers.map(({ name, port }) => `${name}:${port}`)).toEqual(["a:6443", "a.2:6453"]);
  });

  it("loses no API with any one host, whichever holds the address", () => {
    expect(plan.placements.map(({ holdsEndpoint }) => holdsEndpoint)).toEqual([false, false, false]);
    for (const { host } of plan.placements) {
      expect(effectOf(plan.placements, new Set([host]))).toMatchObject({ reads: "all", writes: true, data: "safe" });
    }
    expect(effectOf(plan.placements, new Set(["h0", "h1"]))).toMatchObject({ reads: "cached", writes: false });
    expect(plan.warnings.filter((warning) => /endpoint/.test(warning))).toEqual([]);
  });

  it("gives each control-plane host its balancer before its API server, and a worker none", () => {
    const hosts = { ...members(3).hosts, w: { address: "192.0.2.99", role: "worker" as const } };
    const { steps } = planControlPlane(behind(haproxy, 3, { hosts }));
    const of = (name: string) => steps.filter(({ host }) => host === name).map(({ action }) => action);
    expect(of("h0").indexOf("balancer")).toBeLessThan(of("h0").indexOf("init"));
    expect(of("h1").indexOf("balancer")).toBeLessThan(of("h1").indexOf("join"));
    expect(of("w")).not.toContain("balancer");
    expect(steps.find(({ action }) => action === "balancer")?.summary).toBe(
      "HAProxy at port 8443; keepalived, priority 101 for 192.0.2.200",
    );
  });

  it("tells the firewall and the reader of it", () => {
    expect(openPorts(plan)).toContainEqual({
      port: "8443",
      protocol: "TCP",
      on: "h0, h1, h2, 192.0.2.200",
      from: "all hosts, people",
      what: "HAProxy before the API",
    });
    expect(openPorts(plan)).toContainEqual(
      expect.objectContaining({ port: "112", protocol: "VRRP", from: "h0, h1, h2" }),
    );
    expect(formatPlan(plan, "text")).toContain(
      "192.0.2.200 is held by the first of h0, h1, h2 that is well (keepalived); HAProxy at port 8443",
    );
    const alone = planControlPlane(behind(haproxy, 1));
    expect(openPorts(alone).map(({ protocol }) => protocol)).not.toContain("VRRP");
    expect(openPorts(planControlPlane(members(3))).map(({ what }) => what)).not.toContain("HAProxy before the API");
  });

  it("is without one where somebody else balances, and as it was before there was the choice", () => {
    expect(planControlPlane(members(3)).balancer).toBeUndefined();
    expect(planControlPlane(members(3, { balancer: { kind: "given" } }))).toEqual(planControlPlane(members(3)));
  });
});

describe("bad settings of a balancer", () => {
  const textsOf = (input: KubeadmSettings) => balancerProblems(input).map(({ key, text }) => `${key} ${text}`);
  const key = "quorum:controlPlane.balancer";
  const free = "set a free address of the hosts' network";

  it.each<[string, KubeadmSettings, string]>([
    [
      "an address that a host has",
      behind({ ...haproxy, address: "192.0.2.2" }),
      `${key}.address is 192.0.2.2, but that is the address of host h1, and a virtual address moves from host to host; ${free}`,
    ],
    [
      "an address that no host can have",
      behind({ ...haproxy, address: "224.0.0.18" }),
      `${key}.address is 224.0.0.18, but it must be one that a host can have; ${free}`,
    ],
    [
      "an address of the pods",
      behind({ ...kubeVip, address: "10.244.7.7" }),
      `${key}.address is 10.244.7.7, but it must be outside podSubnet 10.244.0.0/16; ${free}`,
    ],
    [
      "an address of the Services",
      behind({ ...haproxy, address: "10.96.0.1" }),
      `${key}.address is 10.96.0.1, but it must be outside serviceSubnet 10.96.0.0/16; ${free}`,
    ],
    [
      "the API server's own port",
      behind({ ...haproxy, port: 6443 }),
      `${key}.port is 6443, but HAProxy shares its hosts with API servers, which listen at 6443 on every address of theirs; set another, for example 8443`,
    ],
    [
      "the port of a second API server",
      settings({ goal: "control-plane-redundancy", balancer: { ...haproxy, port: 6453 } }),
      `${key}.port is 6453, but HAProxy shares its hosts with API servers, which listen at 6453 on every address of theirs; set another, for example 8443`,
    ],
    [
      "the port of etcd",
      behind({ ...haproxy, port: 2379 }),
      `${key}.port is 2379, but etcd's clients has that port on the same hosts; set another, for example 8443`,
    ],
    [
      "a NodePort",
      behind({ ...haproxy, port: 30443 }),
      `${key}.port is 30443, but 30000 to 32767 are for NodePort Services; set another, for example 8443`,
    ],
    [
      "an endpoint elsewhere",
      behind(haproxy, 3, { endpoint: "192.0.2.201:6443" }),
      "quorum:controlPlane.endpoint is 192.0.2.201:6443, but it must lead to the balancer, and its address is 192.0.2.200 and its port is 8443; leave it out, or set it to 192.0.2.200:8443 or a DNS name for that address with port 8443",
    ],
    [
      "a name with another port",
      behind(kubeVip, 3, { endpoint: "k8s.example.com:8443" }),
      "quorum:controlPlane.endpoint is k8s.example.com:8443, but it must lead to the balancer, and its port is 6443; leave it out, or set it to 192.0.2.200:6443 or a DNS name for that address with port 6443",
    ],
  ])("%s is refused by key", (_, input, message) => {
    expect(textsOf(input)).toEqual([message]);
    expect(() => planControlPlane(input)).toThrow(message);
  });

  it("are told together, with those of the hosts", () => {
    const input = behind({ ...haproxy, address: "192.0.2.1", port: 6443 }, 4);
    expect(() => planControlPlane(input)).toThrow(/^the control plane has 3 problems:/);
  });

  it("none are good ones", () => {
    expect(textsOf(behind(haproxy))).toEqual([]);
    expect(textsOf(behind(kubeVip, 3, { endpoint: "k8s.example.com:6443" }))).toEqual([]);
    expect(textsOf(members(3, { balancer: { kind: "given" } }))).toEqual([]);
  });

  it("include one whose image cannot be had", () => {
    expect(balancerImageProblems(kubeVip, ["kube-vip", "grafana"]).map(({ key: at, text }) => `${at} ${text}`)).toEqual(
      [
        `${key}.kind is kube-vip, but its image kube-vip is unavailable here; put it into the registry that quorum:images.mirror names, or set kind to haproxy, or to given with an endpoint`,
      ],
    );
    expect(balancerImageProblems(haproxy, ["kube-vip"])).toEqual([]);
    expect(balancerImageProblems(haproxy, ["keepalived"])[0]?.text).toContain("keepalived is unavailable here");
    expect(balancerImageProblems(undefined, ["kube-vip"])).toEqual([]);
  });
});

describe("the images of a balancer", () => {
  it("are in the catalogue, and come from the mirror where there is one", () => {
    const catalog = imageCatalog();
    for (const balancer of [haproxy, kubeVip])
      expect(Object.keys(catalog)).toEqual(expect.arrayContaining(balancerImages(balancer)));
    expect(balancerReferences(haproxy, { catalog, mirror: "localhost:5000" })).toEqual({
      haproxy: "localhost:5000/library/haproxy:2.6.12",
      keepalived: "localhost:5000/magnaz/keepalived:v2.2.7",
    });
    expect(balancerImages({ kind: "given" })).toEqual([]);
  });
});

describe("HAProxy's figures", () => {
  it("are told at each host's own address, where the control plane is scraped, and nowhere else", () => {
    const scraped = balancerOf(behind(haproxy, 3, { metrics: true }));
    for (const host of scraped.hosts)
      expect(haproxyConfig(scraped, host)).toMatch(
        new RegExp(`bind ${host.address}:8405\n.*\n.*use-service prometheus-exporter if \\{ path /metrics \\}\n`),
      );
    const silent = balancerOf(behind(haproxy));
    for (const host of silent.hosts) expect(haproxyConfig(silent, host)).not.toContain("prometheus-exporter");
    expect(controlPlaneLayout(behind(haproxy)).targets).not.toHaveProperty("haproxy");
    expect(controlPlaneLayout(behind(haproxy, 3, { metrics: true })).targets["haproxy"]).toEqual(
      [0, 1, 2].map((index) => ({ address: `192.0.2.${index + 1}:8405`, node: `h${index}`, pod: `haproxy-h${index}` })),
    );
  });
});

/** The programs themselves, of the versions in the images. */
describe("the programs accept what is generated", () => {
  const folder = mkdtempSync(join(tmpdir(), "balancer-"));
  const cases: [string, KubeadmSettings][] = [
    ["one host", behind(haproxy, 1)],
    ["one host with two API servers", settings({ goal: "control-plane-redundancy", balancer: haproxy })],
    ["three hosts", behind(haproxy)],
    [
      "three hosts and a worker",
      behind(haproxy, 3, { hosts: { ...members(3).hosts, w: { address: "192.0.2.99", role: "worker" } } }),
    ],
    ["two hosts", behind(haproxy, 2, { goal: "control-plane-redundancy" })],
    ["seven hosts at another port and router", behind({ ...haproxy, port: 9443, routerId: 255 }, 7)],
    ["three hosts that are scraped", behind(haproxy, 3, { metrics: true })],
  ];

  // Installing may take a minute.
  beforeAll(async () => {
    await ensureCheckers(console.log);
    mkdirSync(join(folder, "etc"));
    execFileSync("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=kubernetes"],
      ...["-keyout", join(folder, "ca.key"), "-out", join(folder, "ca.crt")],
    ]);
    writeFileSync(join(folder, "check.sh"), "#!/bin/bash\ntrue\n", { mode: 0o755 });
  }, 180_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  // keepalived wants one that is there, and no loopback.
  const device =
    Object.entries(networkInterfaces()).find(([, of]) => of?.some(({ internal }) => !internal))?.[0] ?? "eth0";
  const check = (program: string, flags: readonly string[], text: string) => {
    const file = join(folder, "checked");
    writeFileSync(file, text);
    const path = `${process.env["PATH"]}:/usr/sbin`;
    return execFileSync(program, [...flags, file], { stdio: "pipe", env: { ...process.env, PATH: path } }).toString();
  };
  // The files that a configuration names must be there; on this machine they are elsewhere.
  const haproxyAccepts = (text: string) =>
    check("haproxy", ["-c", "-f"], text.replaceAll("/etc/haproxy/ca.crt", join(folder, "ca.crt")));
  const keepalivedAccepts = (text: string) =>
    check("keepalived", ["-t", "-f"], text.replaceAll("/etc/keepalived/check.sh", join(folder, "check.sh")));

  it.each(cases)("for %s", (_, input) => {
    const balancer = balancerOf(input);
    for (const host of balancer.hosts) {
      haproxyAccepts(haproxyConfig(balancer, host));
      keepalivedAccepts(keepalivedConfig(balancer, host, device));
    }
  });

  it("and would not accept a mistake", () => {
    const balancer = balancerOf(behind(haproxy));
    const [host] = balancer.hosts as [BalancerPlan["hosts"][0]];
    expect(() => haproxyAccepts(haproxyConfig(balancer, host).replace("roundrobin", "roundrobbin"))).toThrow();
    expect(() =>
      haproxyAccepts(haproxyConfig(balancer, host).replace("srv_is_up(ready/h0)", "srv_is_up(ready/h9)")),
    ).toThrow();
    expect(() =>
      keepalivedAccepts(keepalivedConfig(balancer, host, device).replace("advert_int 1", "advert 1")),
    ).toThrow();
  });
});

/** Both ways in which it can ask, against a server that answers as HAProxy does. */
describe("keepalived's check", () => {
  const folder = mkdtempSync(join(tmpdir(), "balancer-check-"));
  const server = createServer((request, response) => {
    response.statusCode = request.url === "/healthz" ? 200 : 503;
    response.end("said");
  });
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  /** @param programs all that the container has */
  const check = (path: string, port: number, programs: readonly string[]) => {
    const bin = mkdtempSync(join(folder, "bin-"));
    for (const program of ["timeout", ...programs])
      symlinkSync(findProgram(program) ?? `/bin/${program}`, join(bin, program));
    const script = checkScript.replaceAll(String(balancerHealthPort), String(port));
    return new Promise<number | null>((resolve) => {
      const child = spawn("/bin/sh", ["-s", path], { env: { PATH: bin }, stdio: ["pipe", "ignore", "ignore"] });
      child.once("close", resolve);
      child.stdin.end(script);
    });
  };

  it.each(["wget", "bash"].filter(findProgram))("tells by %s whether the answer is good", async (program) => {
    const { port } = server.address() as AddressInfo;
    expect(await check("/healthz", port, [program])).toBe(0);
    expect(await check("/api-server", port, [program])).not.toBe(0);
    const nobody = 1;
    expect(await check("/healthz", nobody, [program])).not.toBe(0);
  });
});

describe("what HAProxy and keepalived are told", () => {
  const balancer = balancerOf(behind(haproxy));
  const [h0, h1] = balancer.hosts as [BalancerPlan["hosts"][0], BalancerPlan["hosts"][0]];

  it("keeps a watch for hours, and asks for readiness over verified TLS", () => {
    const text = haproxyConfig(balancer, h0);
    for (const side of ["client", "server", "tunnel"]) expect(text).toContain(`timeout ${side} 3h\n`);
    expect(text).toContain("bind :8443\n");
    expect(text.match(/^ {2}server h\d .* check-ssl .*verify required verifyhost kubernetes/gm)).toHaveLength(3);
    expect(text).toContain("uri /readyz");
  });

  it("is told apart by its hash, whatever changes in it", () => {
    const hash = haproxyConfigHash(balancer, h0);
    expect(haproxyConfig(balancer, h0)).toContain(`string "${hash}" if { path /config }`);
    expect(haproxyConfigHash(balancer, h1)).not.toBe(hash);
    expect(haproxyConfigHash({ ...balancer, servers: balancer.servers.slice(1) }, h0)).not.toBe(hash);
  });

  it("names the other hosts alone as peers, heard from the same segment only", () => {
    const text = keepalivedConfig(balancer, h1, "eth0");
    expect(text).toContain("unicast_src_ip 192.0.2.2\n");
    expect(
      text.match(/^ {4}192\.0\.2\.\d+ min_ttl 255 max_ttl 255$/gm)?.map((line) => line.trim().split(" ")[0]),
    ).toEqual(["192.0.2.1", "192.0.2.3"]);
    expect(text).toContain("vrrp_check_unicast_src");
    expect(text).toContain("192.0.2.200/32 dev eth0");
  });

  it("prefers any host that is well to one whose API server is not, and that to one without HAProxy", () => {
    const priorities = Array.from(
      { length: 7 },
      (_, index) => balancerOf(behind(haproxy, 7)).hosts[index]?.priority ?? 0,
    );
    const weight = Number(/weight (-\d+)/.exec(keepalivedConfig(balancer, h0, "lo"))?.[1]);
    expect(Math.max(...priorities) + weight).toBeLessThan(Math.min(...priorities));
    // A script without a weight takes its host out of the choice altogether.
    expect(/vrrp_script haproxy \{[^}]*\}/.exec(keepalivedConfig(balancer, h0, "lo"))?.[0]).not.toContain("weight");
  });

  it("runs in pods that may do no more than they must", () => {
    const pod = (text: string) =>
      parse(text) as { spec: { hostNetwork: boolean; containers: { securityContext: Record<string, unknown> }[] } };
    const rights = (text: string) => pod(text).spec.containers[0]?.securityContext;
    expect(rights(haproxyManifest("haproxy:1", "/x"))).toMatchObject({
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    });
    expect(rights(keepalivedManifest("keepalived:1", "/x"))).toMatchObject({
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_BROADCAST", "NET_RAW"] },
    });
    expect(pod(keepalivedManifest("keepalived:1", "/x")).spec.hostNetwork).toBe(true);
  });

  it("kube-vip holds its Lease for 5 s, renews within 3 and tries every second", () => {
    const text = kubeVipManifest(balancerOf(behind(kubeVip)), "kube-vip:1", "eth0");
    const { spec } = parse(text) as { spec: { containers: { env: { name: string; value: string }[] }[] } };
    const env = Object.fromEntries((spec.containers[0]?.env ?? []).map(({ name, value }) => [name, value]));
    expect(env).toMatchObject({
      address: "192.0.2.200",
      port: "6443",
      vip_interface: "eth0",
      vip_leaseduration: "5",
      vip_renewdeadline: "3",
      vip_retryperiod: "1",
    });
  });
});
