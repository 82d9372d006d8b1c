import { rmSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import {
  findingsScript,
  parseFindings,
  unreachableHost,
} from "../../../components/plan/control-plane/host-findings.ts";
import { isBeingLetIn, replaceOperation } from "../../../components/plan/control-plane/replace.ts";
import { FakeHost } from "./fake-host.ts";
import { members } from "./settings.ts";

const input = members(3, { hosts: { ...members(3).hosts, w: { address: "192.0.2.99", role: "worker" } } });
const plan = planControlPlane(input);
const hostOf = (name: string) => plan.hosts.find((host) => host.name === name)!;

let host: FakeHost;
beforeEach(() => {
  host = new FakeHost();
  // etcd runs on no host here: the real programs would wait for it.
  for (const name of ["etcdctl", "etcdutl", "ctr"]) host.program(name, "exit 1");
});
afterEach(() => rmSync(host.root, { recursive: true }));

describe("the node that is taken out", () => {
  const steps = "var/lib/quorum/steps";
  const out = (name: string) => replaceOperation(input, plan, hostOf(name)).steps.at(-1)!.script;

  it("is forgotten by the host that would skip the new one's labels, taints and certificate, and no other is", () => {
    const kept = ["control-plane-h1-node", "control-plane-h2-ticket", "control-plane-h0-init"];
    for (const name of [...kept, "control-plane-h2-node"]) host.write(`${steps}/${name}.sha256`, "17");
    host.run(out("h2"));
    expect(host.has(`${steps}/control-plane-h2-node.sha256`)).toBe(false);
    for (const name of kept) expect(host.has(`${steps}/${name}.sha256`)).toBe(true);
    expect(host.calls("kubectl")).toEqual([
      "kubectl --kubeconfig /etc/kubernetes/admin.conf delete node h2 --ignore-not-found --timeout=60s",
    ]);
  });

  it("is forgotten first: a run that ends before the API server answers leaves nothing that would be skipped", () => {
    host.write(`${steps}/control-plane-w-node.sha256`, "17");
    host.program("kubectl", "exit 1");
    expect(() => host.run(out("w"))).toThrow();
    expect(host.has(`${steps}/control-plane-w-node.sha256`)).toBe(false);
  });
});

describe("the member that is taken out", () => {
  const remove = replaceOperation(input, plan, hostOf("h2")).steps.find(({ what }) =>
    /removes the dead member/.test(what),
  );

  beforeEach(() => host.write("etc/kubernetes/quorum/cluster", "test\n"));

  it("is not taken for one that has gone already where etcd, without a quorum, does not tell its members", () => {
    expect(() => host.run(remove!.script)).toThrow(
      /h0 does not tell its members; with the quorum lost, run .* recover/,
    );
  });

  it("has gone already where etcd tells its members and it is none of them", () => {
    host.program(
      "etcdctl",
      `case "$*" in *"member list"*) echo "1, started, h0, https://192.0.2.1:2380, https://192.0.2.1:2379, false" ;; esac`,
    );
    expect(host.run(remove!.script)).toContain("standing 1 1");
    expect(host.calls("etcdctl").join("\n")).not.toContain("member remove");
  });
});

describe("a new machine that an earlier run has begun to let in", () => {
  const found = (name: string, ...files: string[]) => {
    host.write("etc/kubernetes/quorum/cluster", "test\n");
    for (const file of files) host.write(`etc/kubernetes/quorum/${file}`, "");
    return parseFindings(name, host.run(findingsScript(name)));
  };

  it("tells so while it joins, as a member and as a worker", () => {
    expect(isBeingLetIn(plan, hostOf("h2"), found("h2"))).toBe(false);
    expect(isBeingLetIn(plan, hostOf("h2"), found("h2", "join.started"))).toBe(true);
    expect(isBeingLetIn(plan, hostOf("w"), found("w"))).toBe(true);
  });

  it("tells by its etcd once it has joined as a member; a worker has none", () => {
    expect(found("h2", "join.started", "join.done").joined).toBe("whole");
    expect(isBeingLetIn(plan, hostOf("h2"), found("h2"))).toBe(false);
    expect(isBeingLetIn(plan, hostOf("w"), found("w"))).toBe(true);
  });

  it("is none that is of another cluster, or that nobody can enter", () => {
    const other = { ...found("h2", "join.started"), cluster: "other" };
    expect(isBeingLetIn(plan, hostOf("h2"), other)).toBe(false);
    expect(isBeingLetIn(plan, hostOf("h2"), unreachableHost("h2", "no route to host"))).toBe(false);
  });
});
