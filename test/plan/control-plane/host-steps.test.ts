import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import {
  networkScript,
  nodeScript,
  prepareScript,
  type StepContext,
} from "../../../components/plan/control-plane/host-steps.ts";
import type { KubeadmSettings } from "../../../components/plan/control-plane/hosts.ts";
import { changeScript, initScript, kubeconfigScript } from "../../../components/plan/control-plane/init-step.ts";
import { joinScript, ticketScript } from "../../../components/plan/control-plane/join-step.ts";
import { FakeHost } from "./fake-host.ts";
import { members, settings } from "./settings.ts";

function contextOf(input: KubeadmSettings, mirror?: string): StepContext {
  return { settings: input, plan: planControlPlane(input), mirror };
}

const worker = { address: "192.0.2.99", role: "worker" as const };
const four = contextOf(members(3, { hosts: { ...members(3).hosts, w: worker } }));
const [first, second, , last] = four.plan.hosts as [
  (typeof four.plan.hosts)[0],
  (typeof four.plan.hosts)[0],
  (typeof four.plan.hosts)[0],
  (typeof four.plan.hosts)[0],
];

const scripts: Record<string, string> = {
  "prepare of the first host": prepareScript(four, first),
  "prepare of another host": prepareScript(four, second),
  "prepare of a local host": prepareScript(contextOf(settings({ local: true })), contextOf(settings()).plan.first),
  network: networkScript(four, first),
  init: initScript(four),
  change: changeScript(four),
  kubeconfig: kubeconfigScript,
  "ticket of a member": ticketScript(four, second),
  "ticket of a worker": ticketScript(four, last),
  join: joinScript(four, second),
  node: nodeScript(four, last),
};

describe.each(Object.entries(scripts))("the step %s", (_, script) => {
  it("is a shell script", () => {
    execFileSync("sh", ["-n"], { input: script, stdio: "pipe" });
  });

  it("takes away no member, no data and no process", () => {
    expect(script).not.toMatch(
      /kubeadm reset(?! there|'| on)|member remove|kubectl (delete|drain)|pkill|killall|\/var\/lib\/etcd\b.*rm|rm .*\/var\/lib/,
    );
  });
});

describe("on a host", () => {
  let host: FakeHost;
  const one = contextOf(settings({ local: true }));
  const { first: only } = one.plan;

  beforeEach(() => {
    host = new FakeHost();
    host.write("run/containerd/containerd.sock", "");
    host.write("proc/sys/net/ipv4/ip_forward", "1");
  });
  afterEach(() => rmSync(host.root, { recursive: true }));

  describe("prepare", () => {
    it("marks the machine as the cluster's and writes the kubelet's own settings", () => {
      const own = contextOf(
        settings({ hosts: { a: { address: "192.0.2.11", role: "control-plane", kubelet: { maxPods: 7 } } } }),
      );
      host.run(prepareScript(own, own.plan.first));
      expect(host.read("etc/kubernetes/quorum/cluster")).toBe("test\n");
      expect(host.read("etc/kubernetes/quorum/patches/kubeletconfiguration0+merge.yaml")).toContain("maxPods: 7");
      expect(host.read("etc/sysctl.d/90-quorum.conf")).toBe("net.ipv4.ip_forward = 1\n");
      expect(host.run(prepareScript(own, own.plan.first))).toBe("");
    });

    it("writes nothing outside its own folders on a local host", () => {
      host.run(prepareScript(one, only));
      expect([host.has("etc/sysctl.d"), host.has("etc/modules-load.d")]).toEqual([false, false]);
    });

    it("turns forwarding on", () => {
      host.write("proc/sys/net/ipv4/ip_forward", "0");
      host.run(prepareScript(one, only));
      expect(host.read("proc/sys/net/ipv4/ip_forward").trim()).toBe("1");
    });

    it("prints the same certificate each time for a host that is to join", () => {
      const printed = host.run(prepareScript(four, second));
      expect(printed).toMatch(/^-----BEGIN CERTIFICATE-----/);
      expect(host.run(prepareScript(four, second))).toBe(printed);
    });

    it.each<[string, (on: FakeHost) => void, string]>([
      [
        "who is not root",
        (on) => on.program("id", "case $1 in -u) echo 1000 ;; *) echo bob ;; esac"),
        "quorum:controlPlane.ssh.user is bob on a, but host steps need root; set it to root",
      ],
      [
        "another version",
        (on) => on.program("kubelet", 'echo "Kubernetes v1.36.0"'),
        "quorum:controlPlane.hosts.a has kubelet v1.36.0, but it must be v1.37.2 as quorum:controlPlane.kubernetesVersion says; install that version on 192.0.2.11",
      ],
      [
        "no container runtime",
        (on) => rmSync(join(on.root, "run"), { recursive: true }),
        "quorum:controlPlane.hosts.a has no container runtime at unix:///run/containerd/containerd.sock, but the kubelet needs one; start containerd on 192.0.2.11",
      ],
      [
        "a machine of a cluster that is not ours",
        (on) => on.write("etc/kubernetes/admin.conf", "other"),
        "quorum:controlPlane.hosts.a has /etc/kubernetes/admin.conf already, so 192.0.2.11 belongs to another cluster; run 'kubeadm reset' there, or use quorum:controlPlane.mode existing",
      ],
      [
        "a machine of another cluster of ours",
        (on) => on.write("etc/kubernetes/quorum/cluster", "prod\n"),
        "quorum:controlPlane.hosts.a belongs to cluster prod, but quorum:controlPlane.clusterName is test; set that name, or run 'kubeadm reset' on 192.0.2.11 and remove /etc/kubernetes/quorum",
      ],
    ])("refuses %s", (_, change, message) => {
      change(host);
      let error = "";
      try {
        host.run(prepareScript(one, only));
      } catch (thrown) {
        error = String((thrown as { stderr: string }).stderr);
      }
      expect(error.trim().replaceAll(host.root, "")).toBe(message);
    });
  });

  describe("network", () => {
    it("gives pods their range and every other host a route", () => {
      host.run(networkScript(four, first));
      expect(JSON.parse(host.read("etc/cni/net.d/10-quorum.conflist"))).toMatchObject({
        name: "quorum-h0",
        plugins: [
          { type: "ptp", ipam: { type: "host-local", ranges: [[{ subnet: "10.244.1.0/24" }]] } },
          { type: "portmap" },
        ],
      });
      expect(host.calls("ip ")).toEqual([
        "ip route replace 10.244.2.0/24 via 192.0.2.2",
        "ip route replace 10.244.3.0/24 via 192.0.2.3",
        "ip route replace 10.244.99.0/24 via 192.0.2.99",
      ]);
      expect(host.read("etc/systemd/system/quorum-network.service")).toContain("WantedBy=multi-user.target");
    });

    it("adds no rule that is there", () => {
      host.run(networkScript(one, only));
      expect(host.calls("iptables").filter((call) => call.includes(" -A "))).toHaveLength(3);
      host.program("iptables", "");
      host.run(networkScript(one, only));
      expect(host.calls("iptables").filter((call) => call.includes(" -A "))).toEqual([]);
    });
  });

  describe("init", () => {
    beforeEach(() => {
      host.run(prepareScript(one, only));
      host.calls();
    });
    const inits = () => host.calls("kubeadm init --config");

    it("begins the cluster once", () => {
      host.run(initScript(one));
      expect(inits()).toEqual([
        "kubeadm init --config /etc/kubernetes/quorum/init.yaml --skip-phases=show-join-command",
      ]);
      expect(host.has("etc/kubernetes/pki.new")).toBe(false);
      expect(host.run(kubeconfigScript)).toBe("admin\n");
      host.write("var/lib/kubelet/config.yaml", "");
      host.run(initScript(one));
      host.run(changeScript(one));
      const settle = "kubeadm upgrade node phase kubelet-config --patches /etc/kubernetes/quorum/patches";
      expect(host.calls("kubeadm")).toEqual([settle, settle]);
    });

    it("goes on after kubeadm was killed, over what it left", () => {
      host.kubeadm('"init --config"*');
      expect(() => host.run(initScript(one))).toThrow("kubeadm init failed on a (192.0.2.11)");
      const made = host.read("etc/kubernetes/pki/ca.key");
      host.kubeadm();
      host.calls();
      host.run(initScript(one));
      expect(inits()[0]).toContain(
        "--ignore-preflight-errors=FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml,",
      );
      expect(host.read("etc/kubernetes/pki/ca.key")).toBe(made);
    });

    it("makes all certificates or none, and keeps a CA that the site gave", () => {
      host.write("etc/kubernetes/pki/ca.crt", "given");
      host.write("etc/kubernetes/pki/ca.key", "given");
      host.kubeadm('"init phase certs all"*');
      expect(() => host.run(initScript(one))).toThrow();
      expect(host.has("etc/kubernetes/pki/sa.key")).toBe(false);
      host.kubeadm();
      host.run(initScript(one));
      expect([host.read("etc/kubernetes/pki/ca.key"), host.read("etc/kubernetes/pki/sa.pub")]).toEqual([
        "given",
        "made sa.pub\n",
      ]);
    });

    it("takes over certificates whole when it was killed while it did so", () => {
      host.run(initScript(one));
      rmSync(join(host.root, "etc/kubernetes/pki"), { recursive: true });
      rmSync(join(host.root, "etc/kubernetes/quorum/init.done"));
      for (const file of ["ca.crt", "ca.key", "sa.key", "sa.pub"])
        host.write(`etc/kubernetes/pki.new/${file}`, `staged ${file}`);
      host.write("etc/kubernetes/pki/ca.key", "staged ca.key");
      host.run(initScript(one));
      expect(host.read("etc/kubernetes/pki/ca.crt")).toBe("staged ca.crt");
      expect(host.read("etc/kubernetes/pki/sa.pub")).toBe("staged sa.pub");
    });

    it("sets a kubeconfig aside that was cut short", () => {
      host.kubeadm('"init --config"*');
      expect(() => host.run(initScript(one))).toThrow();
      host.kubeadm();
      host.write("etc/kubernetes/scheduler.conf", "");
      host.run(initScript(one));
      expect([host.has("etc/kubernetes/scheduler.conf"), host.has("etc/kubernetes/scheduler.conf.broken")]).toEqual([
        false,
        true,
      ]);
    });

    it("begins no second cluster beside one that answers", () => {
      const two = contextOf(members(3));
      host.program("timeout", "");
      expect(() => host.run(initScript(two))).toThrow(
        "quorum:controlPlane.firstHost is h0, but an API server answers at k8s.example.com:6443 and a second cluster must not begin; set firstHost to the host that began it",
      );
      expect(inits()).toEqual([]);
    });

    it("begins no cluster on another machine in place of one that is remembered", () => {
      expect(() => host.run(changeScript(one))).toThrow(
        "quorum:controlPlane.hosts.a.address is 192.0.2.11, but the cluster was not begun on that machine",
      );
      expect(inits()).toEqual([]);
    });

    it("brings changed settings to the cluster, phase by phase, and never begins it again", () => {
      host.run(initScript(one));
      host.write("etc/kubernetes/manifests/kube-apiserver.yaml", "old");
      host.write("etc/kubernetes/pki/apiserver.crt", "old");
      host.write("etc/kubernetes/pki/apiserver.key", "old");
      host.write("var/lib/kubelet/config.yaml", "old");
      host.calls();
      const changed = contextOf(settings({ local: true, certSans: ["k8s.example.com"] }));
      host.run(changeScript(changed));
      expect(host.calls("kubeadm").map((call) => call.replace(/ --.*/, ""))).toEqual([
        "kubeadm init phase certs apiserver",
        "kubeadm init phase control-plane all",
        "kubeadm init phase upload-config all",
        "kubeadm init phase addon all",
        "kubeadm upgrade node phase kubelet-config",
      ]);
      host.run(changeScript(changed));
      expect(host.calls("kubeadm")).toEqual([
        "kubeadm upgrade node phase kubelet-config --patches /etc/kubernetes/quorum/patches",
      ]);
    });

    it.each(["first", "second"])("is another step for each change of the kubelet of the %s host", (which) => {
      const step = (common: Readonly<Record<string, unknown>>, own: object) => {
        const context = contextOf(
          settings({
            kubelet: common,
            hosts: {
              a: { address: "192.0.2.11", role: "control-plane", ...(which === "first" ? own : {}) },
              b: { address: "192.0.2.12", role: "worker", ...(which === "first" ? {} : own) },
            },
          }),
        );
        const worker = context.plan.hosts.find(({ name }) => name === "b");
        if (worker === undefined) throw new Error("there is no second host");
        return which === "first" ? changeScript(context) : joinScript(context, worker);
      };
      const steps = [
        step({}, {}),
        step({ maxPods: 7 }, {}),
        step({}, { kubelet: { maxPods: 8 } }),
        step({}, { cpus: 4, memoryMiB: 8192 }),
      ];
      expect(new Set(steps).size).toBe(steps.length);
    });

    it("waits until the API server runs with what was changed", () => {
      host.run(initScript(one));
      host.write("etc/kubernetes/manifests/kube-apiserver.yaml", "old");
      host.write("var/lib/kubelet/config.yaml", "old");
      host.kubeadm(
        '"init phase control-plane all"*',
        `echo new > ${host.root}/etc/kubernetes/manifests/kube-apiserver.yaml`,
      );
      const changed = changeScript(contextOf(settings({ local: true, certSans: ["k8s.example.com"] })));
      expect(() => host.run(changed)).toThrow(
        "kube-apiserver of a is not ready with its changed settings; its last words are above (its log is on 192.0.2.11), and its earlier settings are back. Correct them and run up again",
      );
      const runsNew = `*config*hash*) cksum < ${host.root}/etc/kubernetes/manifests/kube-apiserver.yaml ;;`;
      // A pod that has no status yet is not ready.
      for (const ready of ["", "false"]) {
        host.write("etc/kubernetes/manifests/kube-apiserver.yaml", "old");
        host.program("kubectl", `case "$*" in ${runsNew} *containerStatuses*) echo ${ready} ;; esac`);
        expect(() => host.run(changed)).toThrow("is not ready with its changed settings");
      }
      host.write("etc/kubernetes/manifests/kube-apiserver.yaml", "old");
      host.program("kubectl", `case "$*" in ${runsNew} *containerStatuses*) echo true ;; esac`);
      host.run(changed);
      expect(host.read("etc/kubernetes/quorum/init.applied")).toContain("k8s.example.com");
    });

    describe("with an etcd", () => {
      const manifest = (flag: string, initial: readonly string[]) =>
        ["  - command:", "    - etcd", ...initial.map((one) => `    - ${one}`), `    - ${flag}`, ""].join("\n");
      const path = "etc/kubernetes/manifests/etcd.yaml";
      const grown = [
        "--initial-cluster=a=https://192.0.2.11:2380,b=https://192.0.2.12:2380",
        "--initial-cluster-state=existing",
      ];
      const alone = ["--initial-cluster=a=https://192.0.2.11:2380"];
      const changed = changeScript(contextOf(settings({ local: true, metrics: true })));

      beforeEach(() => {
        host.run(initScript(one));
        host.write("etc/kubernetes/manifests/kube-apiserver.yaml", "same");
        host.write("var/lib/kubelet/config.yaml", "same");
        host.calls();
        // kubeadm's own manifest names this host alone.
        host.write("made.yaml", manifest("--listen-metrics-urls=new", alone));
        host.kubeadm(
          '"init phase etcd local --dry-run"*',
          `cp ${host.root}/made.yaml "$KUBEADM_INIT_DRYRUN_DIR/etcd.yaml"`,
        );
      });
      const answers = (hash: string) =>
        host.program("kubectl", `case "$*" in *config*hash*) ${hash} ;; *containerStatuses*) echo true ;; esac`);

      it("brings it the changed flags, and keeps what it was told of its cluster", () => {
        host.write(path, manifest("--listen-metrics-urls=old", grown));
        answers(`cksum < ${host.root}/${path}`);
        host.run(changed);
        expect(host.read(path)).toBe(manifest("--listen-metrics-urls=new", grown));
        expect([host.has("etc/kubernetes/quorum/etcd"), host.has(`${path}.new`)]).toEqual([false, false]);
      });

      it("lets it run where nothing of it changes", () => {
        host.write(path, manifest("--listen-metrics-urls=new", grown));
        answers("echo same");
        host.run(changed);
        expect(host.read(path)).toBe(manifest("--listen-metrics-urls=new", grown));
        expect(host.calls("sleep")).toEqual([]);
      });

      it("goes no further until it is back, so that the next host's member runs meanwhile", () => {
        host.write(path, manifest("--listen-metrics-urls=old", alone));
        answers("echo same");
        expect(() => host.run(changed)).toThrow(
          "etcd of a is not ready with its changed settings; its last words are above (its log is on 192.0.2.11), and its earlier settings are back. Correct them and run up again",
        );
        expect(host.calls("kubeadm init phase addon")).toEqual([]);
      });
    });

    it.each<[string, Partial<KubeadmSettings>, string]>([
      [
        "another version",
        { kubernetesVersion: "1.38.0" },
        "quorum:controlPlane.kubernetesVersion is 1.38.0, but the cluster runs 1.37.2 and up changes no version; set it back, or run 'npm run control-plane -- upgrade 1.38.0'",
      ],
      [
        "other pod addresses",
        { network: { podSubnet: "10.200.0.0/16", serviceSubnet: "10.96.0.0/16", plugin: "routed" } },
        "quorum:controlPlane.network.podSubnet is 10.200.0.0/16, but the cluster was begun with 10.244.0.0/16 and cannot change it; set it back",
      ],
      [
        "another endpoint",
        { endpoint: "k8s.example.com:6443" },
        "quorum:controlPlane.endpoint is k8s.example.com:6443, but the cluster was begun with 192.0.2.11:6443 and cannot change it; set it back",
      ],
    ])("refuses %s of a cluster that runs", (_, change, message) => {
      host.run(initScript(one));
      host.calls();
      expect(() => host.run(changeScript(contextOf(settings({ local: true, ...change }))))).toThrow(message);
      expect(host.calls("kubeadm")).toEqual([]);
    });
  });

  describe("join", () => {
    const sealedFor = (joining: FakeHost, planned = second) => {
      const certificate = joining.run(prepareScript(four, planned));
      host.run(prepareScript(four, first));
      host.run(initScript(four));
      return host.run(ticketScript(four, planned), certificate);
    };
    let joining: FakeHost;

    beforeEach(() => {
      joining = new FakeHost();
      joining.write("run/containerd/containerd.sock", "");
      joining.write("proc/sys/net/ipv4/ip_forward", "1");
    });
    afterEach(() => rmSync(joining.root, { recursive: true }));

    it("opens a ticket that only this host can open, joins once, and keeps no secret of it", () => {
      const ticket = sealedFor(joining);
      expect(ticket).toMatch(/^-----BEGIN CMS-----/);
      expect(ticket).not.toContain("made ca.key");
      joining.calls();
      joining.run(joinScript(four, second), ticket);
      expect(joining.calls("kubeadm")).toEqual(["kubeadm join --config /etc/kubernetes/quorum/join.yaml"]);
      expect(joining.read("etc/kubernetes/pki/etcd/ca.key")).toBe("made etcd/ca.key\n");
      expect(joining.has("etc/kubernetes/quorum/join")).toBe(false);
      joining.write("var/lib/kubelet/config.yaml", "");
      joining.write("etc/kubernetes/manifests/kube-apiserver.yaml", "");
      joining.run(joinScript(four, second), ticket);
      expect(joining.calls("kubeadm")).toEqual([
        "kubeadm upgrade node phase kubelet-config --patches /etc/kubernetes/quorum/patches",
      ]);
    });

    it("takes changed settings as a member, without joining again", () => {
      joining.run(joinScript(four, second), sealedFor(joining));
      joining.write("var/lib/kubelet/config.yaml", "");
      joining.write("etc/kubernetes/manifests/kube-apiserver.yaml", "");
      joining.calls();
      const changed = contextOf({ ...four.settings, certSans: ["extra.example.com"] });
      joining.run(joinScript(changed, second));
      expect(joining.calls("kubeadm").map((call) => call.replace(/ --.*/, ""))).toEqual([
        "kubeadm init phase certs apiserver",
        "kubeadm init phase control-plane all",
        "kubeadm upgrade node phase kubelet-config",
      ]);
      expect(joining.read("etc/kubernetes/quorum/member.yaml")).toContain("advertiseAddress: 192.0.2.2");
    });

    it("gives a worker no key of the cluster", () => {
      const ticket = sealedFor(joining, last);
      joining.kubeadm('"join "*');
      expect(() => joining.run(joinScript(four, last), ticket)).toThrow("kubeadm join failed on w (192.0.2.99)");
      expect(joining.read("etc/kubernetes/quorum/join/discovery.conf")).toBe("bootstrap kubeconfig\n");
      expect(joining.has("etc/kubernetes/pki")).toBe(false);
    });

    it("goes on after kubeadm was killed, with the same ticket", () => {
      const ticket = sealedFor(joining);
      joining.kubeadm('"join "*');
      expect(() => joining.run(joinScript(four, second), ticket)).toThrow();
      joining.kubeadm();
      joining.calls();
      joining.run(joinScript(four, second), ticket);
      const [call] = joining.calls("kubeadm join");
      expect(call).toContain("--ignore-preflight-errors=");
      expect(call).toContain("--skip-phases=kubelet-start,kubelet-wait-bootstrap");
    });

    it("opens no ticket of another host", () => {
      const ticket = sealedFor(joining);
      const other = new FakeHost();
      other.write("run/containerd/containerd.sock", "");
      other.write("proc/sys/net/ipv4/ip_forward", "1");
      other.run(prepareScript(four, second));
      expect(() => other.run(joinScript(four, second), ticket)).toThrow(
        "the ticket of h1 was sealed to another machine",
      );
      expect(other.calls("kubeadm join")).toEqual([]);
      rmSync(other.root, { recursive: true });
    });

    it("seals nothing for a member's name at another address", () => {
      const certificate = joining.run(prepareScript(four, second));
      host.run(prepareScript(four, first));
      host.run(initScript(four));
      host.program("kubectl", "echo 192.0.2.77");
      expect(() => host.run(ticketScript(four, second), certificate)).toThrow(
        "quorum:controlPlane.hosts.h1.address is 192.0.2.2, but that host is in the cluster at 192.0.2.77; set it back, or replace the host with 'npm run control-plane -- replace h1'",
      );
    });
  });

  describe("node", () => {
    const request = (names: string) =>
      execFileSync("sh", [
        "-c",
        `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /O=system:nodes/CN=system:node:a -addext subjectAltName=${names} 2>/dev/null | base64 -w0`,
      ]).toString();
    /** kubectl with one pending request; the kubelet serves once it is approved. */
    const pending = (names: string) => {
      host.program(
        "kubectl",
        `case "$*" in "get csr"*) [ -e ${host.root}/approved ] || echo "csr-1 ${request(names)}" ;; "certificate approve"*) touch ${host.root}/approved ;; esac`,
      );
      host.program(
        "openssl",
        `case "$1" in s_client) [ -e ${host.root}/approved ] ;; *) exec /usr/bin/env PATH=/usr/bin:/bin openssl "$@" ;; esac`,
      );
    };

    it("approves the certificate that its kubelet asks for", () => {
      pending("DNS:a,IP:192.0.2.11");
      host.run(nodeScript(one, only));
      expect(host.calls("kubectl certificate")).toEqual(["kubectl certificate approve csr-1"]);
    });

    it("signs no name that is another's", () => {
      pending("DNS:a,IP:192.0.2.11,DNS:kubernetes.default");
      expect(() => host.run(nodeScript(one, only))).toThrow(
        "the kubelet of a asks for a certificate for DNS:kubernetes.default, which is not its own; look into 192.0.2.11",
      );
      expect(host.calls("kubectl certificate")).toEqual([]);
    });

    it("sets the taint and the zone that the plan says", () => {
      const hosts = { a: { address: "192.0.2.11", role: "control-plane" as const, schedulable: false, zone: "north" } };
      const tainted = contextOf(settings({ hosts, kubelet: { serverTLSBootstrap: false } }));
      host.run(nodeScript(tainted, tainted.plan.first));
      expect(host.calls("kubectl")).toEqual([
        "kubectl get node a",
        "kubectl label node a --overwrite topology.kubernetes.io/zone=north",
        "kubectl taint node a --overwrite node-role.kubernetes.io/control-plane=:NoSchedule",
        "kubectl wait --for=condition=Ready node/a --timeout=300s",
      ]);
      const open = contextOf(settings({ kubelet: { serverTLSBootstrap: false } }));
      host.run(nodeScript(open, open.plan.first));
      expect(host.calls("kubectl taint")).toEqual([
        "kubectl taint node a node-role.kubernetes.io/control-plane:NoSchedule-",
      ]);
    });
  });
});
