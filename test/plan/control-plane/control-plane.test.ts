import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { controlPlaneProblems } from "../../../components/plan/control-plane/control-plane-checks.ts";
import {
  type HostSettings,
  type KubeadmSettings,
  quorumOf,
  toleranceOf,
} from "../../../components/plan/control-plane/hosts.ts";
import { formatProblem } from "../../../components/plan/problems.ts";
import { contains, overlap, parseSubnet } from "../../../components/plan/subnet.ts";
import { members, settings } from "./settings.ts";

const problemsOf = (input: KubeadmSettings) => controlPlaneProblems(input).map(formatProblem);

describe("quorum", () => {
  // The table of etcd's own documentation: https://etcd.io/docs/v3.6/faq/
  it.each([
    [1, 1, 0],
    [2, 2, 0],
    [3, 2, 1],
    [4, 3, 1],
    [5, 3, 2],
    [6, 4, 2],
    [7, 4, 3],
  ])("of %i members is %i and tolerates the loss of %i", (count, quorum, tolerance) => {
    expect([quorumOf(count), toleranceOf(count)]).toEqual([quorum, tolerance]);
  });

  it.each([1, 3, 5, 7])("tolerance of %i members is what a simulation of every loss shows", (count) => {
    const plan = planControlPlane(members(count));
    const survives = (lost: number) => count - lost >= plan.quorum;
    const losses = Array.from({ length: count + 1 }, (_, lost) => lost).filter(survives);
    expect(plan.tolerance).toBe(Math.max(...losses));
    expect(plan.members).toHaveLength(count);
  });
});

describe("refusals", () => {
  it.each<[string, KubeadmSettings, string[]]>([
    [
      "no control-plane host",
      settings({ hosts: { a: { address: "192.0.2.11", role: "worker" } } }),
      [
        "quorum:controlPlane.hosts has no control-plane host, but it must have one at least; leave out `role` or set it to control-plane for one host",
      ],
    ],
    [
      "four members",
      members(4),
      [
        "quorum:controlPlane.hosts has 4 control-plane hosts (h0, h1, h2 and h3), but it must be an odd number: 4 members tolerate the loss of 1, as 3 do, and more can fail; set role: worker for one of them or add another",
      ],
    ],
    [
      "nine members",
      members(9),
      [
        "quorum:controlPlane.hosts has 9 control-plane hosts (h0, h1, h2, h3, h4, h5, h6, h7 and h8), but etcd takes at most 7 voting members; set role: worker for 2 or more",
      ],
    ],
    [
      "three members without an endpoint",
      members(3, { endpoint: undefined }),
      [
        "quorum:controlPlane.endpoint is missing, but with 3 control-plane hosts it must be the host:port of a balancer or name that reaches all of them; set it, for example to k8s.example.com:6443, or give balancer an address of its own",
      ],
    ],
    [
      "a first host that is none",
      members(3, { firstHost: "h9" }),
      [
        'quorum:controlPlane.firstHost is "h9", but it must be a control-plane host of this stack; set it to h0, h1 or h2',
      ],
    ],
    [
      "one address twice",
      settings({
        hosts: {
          a: { address: "192.0.2.11", role: "control-plane" },
          b: { address: "192.0.2.11", role: "worker", podSubnet: "10.244.1.0/24" },
        },
      }),
      [
        "quorum:controlPlane.hosts.b.address is 192.0.2.11, but host a has that address already; give each host its own",
      ],
    ],
    [
      "overlapping ranges",
      settings({ network: { podSubnet: "10.96.0.0/12", serviceSubnet: "10.96.0.0/16", plugin: "routed" } }),
      [
        "quorum:controlPlane.network.serviceSubnet is 10.96.0.0/16, but it must not overlap podSubnet 10.96.0.0/12; set one of them to a range of its own",
      ],
    ],
    [
      "a host inside the pods' range",
      settings({ hosts: { a: { address: "10.244.0.5", role: "control-plane" } } }),
      [
        "quorum:controlPlane.hosts.a.address is 10.244.0.5, but it must be outside podSubnet 10.244.0.0/16; set network.podSubnet to a range that no machine uses",
      ],
    ],
    [
      "too small a range",
      members(3, { network: { podSubnet: "10.244.0.0/23", serviceSubnet: "10.96.0.0/16", plugin: "routed" } }),
      [
        "quorum:controlPlane.network.podSubnet is 10.244.0.0/23, but it must hold a /24 for each of 3 hosts and holds 2; set a larger range, for example 10.244.0.0/16",
      ],
    ],
    [
      "two hosts with one part of the range",
      settings({
        hosts: {
          a: { address: "192.0.2.11", role: "control-plane" },
          b: { address: "198.51.100.11", role: "worker" },
        },
      }),
      [
        "quorum:controlPlane.hosts.b.podSubnet is 10.244.11.0/24 (from the address), but host a has 10.244.11.0/24; set podSubnet of one of them to a free /24 of 10.244.0.0/16",
      ],
    ],
    [
      "a part outside the range",
      settings({ hosts: { a: { address: "192.0.2.11", role: "control-plane", podSubnet: "10.10.0.0/24" } } }),
      [
        "quorum:controlPlane.hosts.a.podSubnet is 10.10.0.0/24, but it must be inside network.podSubnet 10.244.0.0/16; set a part of it",
      ],
    ],
  ])("%s", (_, input, expected) => {
    expect(problemsOf(input)).toEqual(expected);
    expect(() => planControlPlane(input)).toThrow(expected[0]);
  });

  it("leaves pod addresses to another plugin", () => {
    const network = { podSubnet: "10.244.0.0/30", serviceSubnet: "10.96.0.0/16", plugin: "none" as const };
    expect(problemsOf(members(3, { network }))).toEqual([]);
  });
});

describe("one host", () => {
  const plan = planControlPlane(settings());

  it("does everything on it", () => {
    expect(plan).toMatchObject({ endpoint: "192.0.2.11:6443", members: ["a"], quorum: 1, tolerance: 0 });
    expect(plan.hosts).toEqual([
      {
        name: "a",
        address: "192.0.2.11",
        role: "control-plane",
        schedulable: true,
        zone: undefined,
        podSubnet: "10.244.11.0/24",
        kubelet: {},
      },
    ]);
    expect(plan.steps.map(({ host, action }) => `${host} ${action}`)).toEqual([
      "a prepare",
      "a network",
      "a init",
      "a node",
      "a encrypt",
    ]);
  });

  it("says what its loss costs", () => {
    expect(plan.losses).toEqual([
      {
        kind: "host",
        what: "a",
        hosts: ["a"],
        reads: "none",
        writes: false,
        scheduling: false,
        data: "gone",
        events: false,
        apiRestarts: false,
      },
    ]);
    expect(plan.warnings).toHaveLength(3);
    expect(planControlPlane(settings({ local: true })).warnings).toEqual([]);
  });
});

describe("several hosts", () => {
  const hosts: Record<string, HostSettings> = {
    "cp-b": { address: "192.0.2.12", role: "control-plane", zone: "b" },
    "cp-a": { address: "192.0.2.11", role: "control-plane", zone: "a" },
    "cp-c": { address: "192.0.2.13", role: "control-plane", zone: "c" },
    "a-worker": { address: "192.0.2.21", role: "worker" },
  };
  const plan = planControlPlane(members(0, { hosts }));

  it("begins with the first control-plane host by name and ends with workers", () => {
    expect(plan.hosts.map((host) => host.name)).toEqual(["cp-a", "cp-b", "cp-c", "a-worker"]);
    expect(planControlPlane(members(0, { hosts, firstHost: "cp-c" })).first.name).toBe("cp-c");
  });

  it("keeps pods off the control plane when there is a worker, unless told otherwise", () => {
    expect(plan.hosts.map((host) => host.schedulable)).toEqual([false, false, false, true]);
    const open = planControlPlane(
      members(0, { hosts: { ...hosts, "cp-a": { ...hosts["cp-a"]!, schedulable: true } } }),
    );
    expect(open.hosts.map((host) => host.schedulable)).toEqual([true, false, false, true]);
  });

  it("says what each loss costs", () => {
    const costs = plan.losses.map(({ what, writes, scheduling, data }) => [what, writes, scheduling, data]);
    expect(costs).toEqual([
      ["a-worker", true, false, "safe"],
      ["cp-a", true, true, "safe"],
      ["cp-b", true, true, "safe"],
      ["cp-c", true, true, "safe"],
      ["a-worker and cp-a", true, false, "safe"],
      ["a-worker and cp-b", true, false, "safe"],
      ["a-worker and cp-c", true, false, "safe"],
      ["cp-a and cp-b", false, false, "partial"],
      ["cp-a and cp-c", false, false, "partial"],
      ["cp-b and cp-c", false, false, "partial"],
    ]);
  });

  it("joins one member at a time, each sealed by the first host", () => {
    const steps = plan.steps.filter((step) => step.action === "ticket" || step.action === "join");
    expect(steps.map(({ host, action, summary }) => `${host} ${action}: ${summary}`)).toEqual([
      "cp-a ticket: seals what cp-b needs to join",
      "cp-b join: joins: 2 members, quorum 2, tolerates the loss of 0",
      "cp-a ticket: seals what cp-c needs to join",
      "cp-c join: joins: 3 members, quorum 2, tolerates the loss of 1",
      "cp-a ticket: seals what a-worker needs to join",
      "a-worker join: joins as a worker",
    ]);
  });

  it("warns of a zone that holds a quorum, and of an endpoint that is one of the hosts", () => {
    const zoned = { ...hosts, "cp-b": { ...hosts["cp-b"]!, zone: "a" } };
    const { warnings } = planControlPlane(members(0, { hosts: zoned, endpoint: "192.0.2.12:6443" }));
    expect(warnings).toContain("zone a has 2 of 3 members: its loss loses the quorum; spread over 3 zones");
    expect(warnings).toContain(
      "endpoint is the address of cp-b: its loss takes the API with it though etcd keeps its quorum",
    );
  });
});

describe("any hosts", () => {
  const host = fc.record({
    octet: fc.integer({ min: 1, max: 254 }),
    role: fc.constantFrom("control-plane" as const, "worker" as const),
    schedulable: fc.option(fc.boolean(), { nil: undefined }),
  });
  const anyHosts = fc
    .uniqueArray(host, { minLength: 1, maxLength: 9, selector: (one) => one.octet })
    .map((all) =>
      Object.fromEntries(
        all.map(({ octet, ...rest }, index): [string, HostSettings] => [
          `h${index}`,
          { address: `192.0.2.${octet}`, ...rest },
        ]),
      ),
    );
  const anySettings = fc
    .tuple(anyHosts, fc.boolean())
    .map(([hosts, named]) => settings({ hosts, ...(named ? { endpoint: "k8s.example.com:6443" } : {}) }));

  it("are planned, or refused with a way out", () => {
    fc.assert(
      fc.property(anySettings, (input) => {
        const problems = problemsOf(input);
        for (const problem of problems) expect(problem).toMatch(/^quorum:controlPlane\..+, but .+; .+$/);
        if (problems.length > 0) expect(() => planControlPlane(input)).toThrow(problems.join("\n  "));
        else expect(planControlPlane(input)).toEqual(planControlPlane(input));
      }),
    );
  });

  it("get pod addresses of their own, inside the range, which another host's coming does not move", () => {
    fc.assert(
      fc.property(anySettings, (input) => {
        if (problemsOf(input).length > 0) return;
        const plan = planControlPlane(input);
        const whole = parseSubnet(input.network.podSubnet)!;
        const subnets = plan.hosts.map((one) => parseSubnet(one.podSubnet ?? "")!);
        expect(subnets.every((one) => contains(whole, one.base))).toBe(true);
        expect(subnets.some((one, index) => subnets.slice(index + 1).some((other) => overlap(one, other)))).toBe(false);
        const before = new Map(plan.hosts.map((one) => [one.name, one.podSubnet]));
        const free = Array.from({ length: 254 }, (_, index) => `192.0.2.${index + 1}`).find(
          (address) => !plan.hosts.some((one) => one.address === address),
        )!;
        const grown = planControlPlane({
          ...input,
          hosts: { "a-new": { address: free, role: "worker" }, ...input.hosts },
        });
        for (const one of grown.hosts) if (one.name !== "a-new") expect(one.podSubnet).toBe(before.get(one.name));
        expect(grown.first.name).toBe(plan.first.name);
      }),
    );
  });

  it("take their steps once each, every host prepared before it begins or joins, and the first before all others", () => {
    fc.assert(
      fc.property(anySettings, (input) => {
        if (problemsOf(input).length > 0) return;
        const plan = planControlPlane(input);
        const names = plan.steps.map(
          ({ host, action, summary }) => `${host} ${action} ${action === "ticket" ? summary : ""}`,
        );
        expect(new Set(names).size).toBe(names.length);
        const at = (host: string, action: string) =>
          plan.steps.findIndex((step) => step.host === host && step.action === action);
        expect(plan.steps.filter((step) => step.action === "init").map((step) => step.host)).toEqual([plan.first.name]);
        for (const one of plan.hosts) {
          const begin = at(one.name, one === plan.first ? "init" : "join");
          expect(at(one.name, "prepare")).toBeLessThan(begin);
          expect(begin).toBeLessThan(at(one.name, "node"));
          expect(at(plan.first.name, "init")).toBeLessThanOrEqual(begin);
        }
      }),
    );
  });
});
