import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { haproxyConfigHash } from "../../../components/plan/control-plane/balancer-files.ts";
import { balancerScript, noBalancerLines } from "../../../components/plan/control-plane/balancer-step.ts";
import type { BalancerSettings } from "../../../components/plan/control-plane/balancer.ts";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import type { StepContext } from "../../../components/plan/control-plane/host-steps.ts";
import { lines, prelude } from "../../../components/plan/shell.ts";
import { members } from "./settings.ts";

const haproxy: BalancerSettings = { kind: "haproxy", address: "192.0.2.200", port: 8443 };
const images = { haproxy: "haproxy:1", keepalived: "keepalived:1", "kube-vip": "kube-vip:1" };

function contextOf(balancer: BalancerSettings | undefined, count = 3): StepContext {
  const endpoint = balancer === undefined ? { endpoint: "k8s.example.com:6443" } : { endpoint: undefined, balancer };
  const input = members(count, endpoint);
  return { settings: input, plan: planControlPlane(input), images };
}

/** A host made of a folder, whose programs write down how they were called. */
class FakeHost {
  readonly root = mkdtempSync(join(tmpdir(), "balancer-host-"));

  constructor() {
    mkdirSync(join(this.root, "bin"));
    mkdirSync(join(this.root, "etc/kubernetes/quorum"), { recursive: true });
    this.program("sleep", "");
    // What HAProxy answers at /config; the virtual address itself always answers.
    this.program("timeout", `case "$*" in *GET*) cat '${this.root}/answer' 2>/dev/null;; esac`);
    this.program(
      "ctr",
      `case "$*" in
  *"containers ls"*) [ ! -e '${this.root}/runs' ] || case "$*" in *haproxy*) echo h1;; *) echo k1;; esac;;
  *"tasks ls"*) printf 'h1\\nk1\\n';;
  *"tasks kill"*) echo "$*" >> '${this.root}/signals'; [ ! -e '${this.root}/next' ] || mv '${this.root}/next' '${this.root}/answer';;
esac`,
    );
    this.network("dev eth0 src 192.0.2.1");
  }

  program(name: string, does: string): void {
    writeFileSync(join(this.root, "bin", name), `#!/bin/sh\n${does}\n`, { mode: 0o755 });
  }

  /** @param route how the kernel says that it reaches the virtual address */
  network(route: string, neighbour = ""): void {
    this.program(
      "ip",
      `case "$*" in
  *"address show to"*) echo '2: eth0 inet 192.0.2.1/24 scope global eth0';;
  *"address show dev"*) echo '2: eth0 inet 192.0.2.1/24 scope global eth0';;
  *"route get"*) echo '192.0.2.200 ${route}';;
  *neighbour*) echo '${neighbour}';;
  *"link show eth0"*) ;;
  *) exit 1;;
esac`,
    );
  }

  put(path: string, text = ""): void {
    writeFileSync(join(this.root, path), text);
  }

  run(script: string): { code: number | null; stderr: string } {
    const moved = script.replaceAll(/\/etc\/kubernetes/g, `${this.root}/etc/kubernetes`);
    const path = `${join(this.root, "bin")}:${process.env["PATH"]}`;
    const { status, stderr } = spawnSync("bash", ["-s"], { input: moved, env: { ...process.env, PATH: path } });
    return { code: status, stderr: stderr.toString() };
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), "utf8");
  }

  get signals(): string[] {
    const file = join(this.root, "signals");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  }
}

let host: FakeHost;
beforeEach(() => {
  host = new FakeHost();
});
afterEach(() => rmSync(host.root, { recursive: true }));

const folder = "etc/kubernetes/quorum/balancer";
const pods = () => readdirSync(join(host.root, "etc/kubernetes/manifests")).sort();

describe("the balancer's step on a host that has no cluster yet", () => {
  const context = contextOf(haproxy);
  const script = balancerScript(context, context.plan.first);

  it("writes every file, and waits for nothing", () => {
    expect(host.run(script)).toEqual({ code: 0, stderr: "" });
    expect(pods()).toEqual(["quorum-haproxy.yaml", "quorum-keepalived.yaml"]);
    expect(host.read(`${folder}/keepalived/keepalived.conf`)).toContain("interface eth0");
    expect(host.read(`${folder}/keepalived/keepalived.conf`)).not.toContain("@");
    expect(statSync(join(host.root, folder, "keepalived/check.sh")).mode & 0o777).toBe(0o755);
    // HAProxy is not root.
    expect(statSync(join(host.root, folder, "haproxy/haproxy.cfg")).mode & 0o777).toBe(0o644);
    expect(statSync(join(host.root, "etc/kubernetes/manifests")).mode & 0o777).toBe(0o700);
    expect(host.signals).toEqual([]);
  });

  it("hands HAProxy the authority's certificate as soon as there is one, and no key", () => {
    mkdirSync(join(host.root, "etc/kubernetes/pki"));
    host.put("etc/kubernetes/pki/ca.crt", "CERTIFICATE");
    host.put("etc/kubernetes/pki/ca.key", "KEY");
    host.run(script);
    expect(host.read(`${folder}/haproxy/ca.crt`)).toBe("CERTIFICATE");
    expect(statSync(join(host.root, folder, "haproxy/ca.crt")).mode & 0o777).toBe(0o644);
    expect(readdirSync(join(host.root, folder, "haproxy")).sort()).toEqual(["ca.crt", "haproxy.cfg"]);
  });

  it("changes nothing when it runs again", () => {
    host.run(script);
    const made = statSync(join(host.root, "etc/kubernetes/manifests/quorum-haproxy.yaml")).ino;
    expect(host.run(script).code).toBe(0);
    expect(statSync(join(host.root, "etc/kubernetes/manifests/quorum-haproxy.yaml")).ino).toBe(made);
    expect(pods()).toEqual(["quorum-haproxy.yaml", "quorum-keepalived.yaml"]);
  });

  it.each(["via 192.0.2.254 dev eth0 src 192.0.2.1", "dev eth1 src 198.51.100.1", "unreachable"])(
    "refuses an address outside of the host's network (%s)",
    (route) => {
      host.network(route);
      const { code, stderr } = host.run(script);
      expect(code).toBe(1);
      expect(stderr).toBe(
        "quorum:controlPlane.balancer.address is 192.0.2.200, but it is outside of the network of eth0 on h0 (192.0.2.1/24), so no host there could have it; set a free address of that network\n",
      );
      expect(existsSync(join(host.root, folder))).toBe(false);
    },
  );

  it("refuses an address that a machine has already, on the first host alone", () => {
    host.network("dev eth0 src 192.0.2.1", "192.0.2.200 dev eth0 lladdr 02:00:5e:10:00:01 REACHABLE");
    expect(host.run(script)).toEqual({
      code: 1,
      stderr:
        "quorum:controlPlane.balancer.address is 192.0.2.200, but a machine of that network has it already (02:00:5e:10:00:01); set a free address, or firstHost to the host that began the cluster\n",
    });
    expect(host.run(balancerScript(context, context.plan.hosts[1]!)).code).toBe(0);
    host.put("etc/kubernetes/quorum/init.started");
    expect(host.run(script).code).toBe(0);
  });

  it("refuses an interface that the host does not have", () => {
    const other = contextOf({ ...haproxy, interface: "bond0" });
    expect(host.run(balancerScript(other, other.plan.first)).stderr).toBe(
      "quorum:controlPlane.balancer.interface is bond0, but h0 (192.0.2.1) has none of that name; set one that every control-plane host has, or leave it out\n",
    );
  });
});

describe("the balancer's step on a member", () => {
  const two = contextOf(haproxy, 1);
  const three = contextOf(haproxy);
  const scriptOf = (context: StepContext) => balancerScript(context, context.plan.first);
  const hashOf = ({ plan }: StepContext) => haproxyConfigHash(plan.balancer!, plan.balancer!.hosts[0]!);
  const begin = (context: StepContext) => {
    host.run(scriptOf(context));
    host.put("etc/kubernetes/quorum/init.done");
    host.put("runs");
    host.put("answer", `HTTP/1.0 200 OK\n${hashOf(context)}`);
  };
  // `tail` of the answer is what the script asks bash for; the fake answers with the hash alone.
  const answers = (file: string, context: StepContext) => host.put(file, hashOf(context));

  it("has running processes read what changed, without an end of theirs", () => {
    begin(two);
    answers("answer", two);
    answers("next", three);
    expect(host.run(scriptOf(three))).toEqual({ code: 0, stderr: "" });
    expect(host.signals).toEqual([
      "-n k8s.io tasks kill --signal SIGUSR2 h1",
      "-n k8s.io tasks kill --signal SIGHUP k1",
    ]);
  });

  it("leaves them alone when nothing changed", () => {
    begin(three);
    answers("answer", three);
    expect(host.run(scriptOf(three)).code).toBe(0);
    expect(host.signals).toEqual([]);
  });

  it("says so by name when HAProxy does not take its configuration up", () => {
    begin(two);
    answers("answer", two);
    const { code, stderr } = host.run(scriptOf(three));
    expect(code).toBe(1);
    expect(stderr).toBe(
      "HAProxy of h0 does not run with its configuration after 180 s; look at its log on 192.0.2.1\n",
    );
  });

  it("takes the pods away with the setting, and those of a site never", () => {
    begin(three);
    host.put("etc/kubernetes/manifests/haproxy.yaml", "a site's own");
    const without = contextOf(undefined);
    const gone = () => host.run(lines(prelude, ...noBalancerLines(without.plan, without.plan.first)));
    expect(gone()).toEqual({ code: 0, stderr: "" });
    expect(pods()).toEqual(["haproxy.yaml"]);
    expect(existsSync(join(host.root, folder))).toBe(false);
    expect(gone().code).toBe(0);
    expect(noBalancerLines(three.plan, three.plan.first)).toEqual([]);
  });
});

describe("kube-vip's step", () => {
  const context = contextOf({ kind: "kube-vip", address: "192.0.2.200" });

  it("begins with the one kubeconfig that works then, and goes on with the administrator's", () => {
    const script = balancerScript(context, context.plan.first);
    expect(host.run(script).code).toBe(0);
    expect(host.read("etc/kubernetes/manifests/quorum-kube-vip.yaml")).toContain("/etc/kubernetes/super-admin.conf");
    host.put("etc/kubernetes/quorum/init.done");
    expect(host.run(script).code).toBe(0);
    expect(host.read("etc/kubernetes/manifests/quorum-kube-vip.yaml")).not.toContain("super-admin.conf");
    expect(host.run(balancerScript(context, context.plan.hosts[1]!)).code).toBe(0);
    expect(host.read("etc/kubernetes/manifests/quorum-kube-vip.yaml")).not.toContain("super-admin.conf");
  });

  it("takes the place of HAProxy", () => {
    const before = contextOf(haproxy);
    host.run(balancerScript(before, before.plan.first));
    host.run(balancerScript(context, context.plan.first));
    expect(pods()).toEqual(["quorum-kube-vip.yaml"]);
  });
});
