import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { etcdFunctions } from "../../../components/plan/control-plane/operation.ts";
import { formatProblem } from "../../../components/plan/problems.ts";
import { renewOperation } from "../../../components/plan/control-plane/renew.ts";
import { replaceOperation, replaceProblems } from "../../../components/plan/control-plane/replace.ts";
import { prelude } from "../../../components/plan/shell.ts";
import { members, settings } from "./settings.ts";

const input = members(3, { hosts: { ...members(3).hosts, w: { address: "192.0.2.99", role: "worker" } } });
const plan = planControlPlane(input);
const hostOf = (name: string) => plan.hosts.find((host) => host.name === name)!;
const shown = (operation: ReturnType<typeof renewOperation>) =>
  operation.steps.map(({ host, what }) => `${host}: ${what}`);

describe.each([
  ["renew", renewOperation(plan)],
  ["replace a member", replaceOperation(input, plan, hostOf("h2"))],
  ["replace a worker", replaceOperation(input, plan, hostOf("w"))],
])("the operation %s", (_, operation) => {
  it("is made of shell scripts", () => {
    for (const { script } of operation.steps) execFileSync("bash", ["-n"], { input: script, stdio: "pipe" });
  });
});

describe("renewal", () => {
  it("goes from host to host, the kubelets' certificates last", () => {
    const steps = shown(renewOperation(plan));
    expect(steps.slice(0, 3)).toEqual(
      ["h0", "h1", "h2"].map(
        (name) =>
          `${name}: where etcd's certificates have run out, makes them anew before any member waits for another`,
      ),
    );
    expect(steps.slice(3, 6).map((step) => step.slice(0, 3))).toEqual(["h0:", "h1:", "h2:"]);
    expect(steps.slice(6, 10)).toEqual(
      ["h0", "h1", "h2", "w"].map((name) => `h0: signs what the kubelet of ${name} asks for`),
    );
    expect(steps).toHaveLength(11);
  });

  it("has no such first round where there is one member, which waits for nobody", () => {
    const steps = shown(renewOperation(planControlPlane(settings())));
    expect(steps[0]).toMatch(/^a: makes certificates and kubeconfigs anew/);
  });

  it("restarts etcd before the API server that reads it, and waits for each", () => {
    const { script } = renewOperation(plan).steps[3]!;
    const order = [
      "kubeadm certs renew all",
      "restart etcd",
      "wait_for 300 well",
      "restart kube-apiserver",
      "wait_for 300 ready",
    ];
    const places = order.map((text) => script.indexOf(text));
    expect(places.every((place) => place > 0)).toBe(true);
    expect([...places].sort((a, b) => a - b)).toEqual(places);
  });
});

describe("replacement", () => {
  it("removes the dead member before its node, and lets the living host lead", () => {
    expect(shown(replaceOperation(input, plan, hostOf("h2")))).toEqual([
      "h0: lets further hosts in from now on, if another did so before",
      "h0: removes the dead member h2 from etcd",
      "h0: takes the node h2 out of the cluster",
    ]);
    expect(shown(replaceOperation(input, plan, hostOf("w")))).toEqual([
      "h0: lets further hosts in from now on, if another did so before",
      "h0: takes the node w out of the cluster",
    ]);
  });

  it.each<[string, ReturnType<typeof planControlPlane>, string, string[]]>([
    [
      "a host that is none",
      plan,
      "h7",
      ['quorum:controlPlane.hosts has no "h7", but it must be one of h0, h1, h2 or w; name one'],
    ],
    [
      "the only host",
      planControlPlane(settings()),
      "a",
      [
        "quorum:controlPlane.hosts.a is the only host with etcd, but another one must have the data to replace it from; run `npm run control-plane -- recover` with a snapshot",
      ],
    ],
    [
      "the host that lets others in",
      plan,
      "h0",
      ['quorum:controlPlane.firstHost is "h0", but the host that lets others in must live; set it to h1 or h2'],
    ],
    ["a dead member", plan, "h1", []],
  ])("of %s", (_, of, name, expected) => {
    expect(replaceProblems(of, name).map(formatProblem)).toEqual(expected);
  });
});

describe("how etcd stands", () => {
  /** etcdctl that tells of members as the real one does, and of which answer. */
  function standing(memberList: string | undefined, answering: readonly string[]): string {
    const bin = mkdtempSync(join(tmpdir(), "quorum-etcd-"));
    const healthy = answering.map((endpoint) => `*"${endpoint} "*) exit 0 ;;`).join(" ");
    const list = memberList === undefined ? "exit 1" : `cat <<'END'\n${memberList}\nEND\n`;
    writeFileSync(
      join(bin, "etcdctl"),
      `#!/bin/sh\ncase "$*" in "member list"*) ${list};; *health*) case "$* " in ${healthy} *) exit 1 ;; esac ;; esac\n`,
    );
    chmodSync(join(bin, "etcdctl"), 0o755);
    try {
      const script = `${prelude}\n${etcdFunctions}\nstanding\n`;
      const env = { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` };
      return execFileSync("bash", ["-s"], { input: script, env, encoding: "utf8" }).trim();
    } finally {
      rmSync(bin, { recursive: true });
    }
  }
  const member = (id: number, learner = false) =>
    `${id}f, started, h${id}, https://192.0.2.${id}:2380, https://192.0.2.${id}:2379, ${learner}`;

  it("counts voters that answer, and no learner", () => {
    const all = [member(1), member(2), member(3, true)].join("\n");
    expect(standing(all, ["https://192.0.2.1:2379", "https://192.0.2.3:2379"])).toBe("standing 2 1");
    expect(standing(member(1), ["https://192.0.2.1:2379"])).toBe("standing 1 1");
  });

  it("is not known where etcd does not tell its members", () => {
    expect(standing(undefined, ["https://192.0.2.1:2379"])).toBe("standing unknown");
  });
});
