import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { formatOperation } from "../../../components/plan/control-plane/format-operation.ts";
import {
  findingsScript,
  type HostFindings,
  parseFindings,
  unreachableHost,
  wrongClocks,
} from "../../../components/plan/control-plane/host-findings.ts";
import type { KubeadmSettings } from "../../../components/plan/control-plane/hosts.ts";
import { mendOperation, mendProblems } from "../../../components/plan/control-plane/mend-member.ts";
import { joinedOperation, recoverOperation } from "../../../components/plan/control-plane/recover.ts";
import { recoverProblems, sourceProblems } from "../../../components/plan/control-plane/recover-problems.ts";
import type { RecoverySource } from "../../../components/plan/control-plane/recovery.ts";
import { formatProblem } from "../../../components/plan/problems.ts";
import { members, settings } from "./settings.ts";

const contextOf = (of: KubeadmSettings) => ({ settings: of, plan: planControlPlane(of) });
const three = contextOf(members(3));
const one = contextOf(settings());
const several = contextOf(settings({ hosts: { a: { address: "192.0.2.11", role: "control-plane", etcdMembers: 3 } } }));
const shown = (problems: Parameters<typeof formatProblem>[0][]) => problems.map(formatProblem);

const found = (host: string, more: Partial<HostFindings> = {}): HostFindings => ({
  ...unreachableHost(host, ""),
  unreachable: undefined,
  cluster: "test",
  authorities: true,
  keys: true,
  data: "sound",
  etcd: "alone",
  revision: 100,
  ...more,
});
const gone = (host: string) =>
  unreachableHost(host, "host 192.0.2.9, port 22, cannot be entered as root: no route; start it");
const lost = [found("h0"), gone("h1"), gone("h2")];

const survivor: RecoverySource = { kind: "survivor", host: "h0", revision: 100 };
const snapshot: RecoverySource = { kind: "snapshot", file: "/s.db", shown: "s.db", summed: true };
const recovery = { context: three, findings: lost, id: "2026-11-23T06-00-00Z", source: survivor };

describe("what a host says of itself", () => {
  it("is asked for by a shell script", () => {
    execFileSync("bash", ["-n"], { input: findingsScript("h0"), stdio: "pipe" });
  });

  it("is read whole", () => {
    const answer = [
      "clock 1763879999",
      "cluster test",
      "authorities yes",
      "recovery 2026-11-23T06-00-00Z the data of h0",
      "restored yes",
      "copy 2026-11-23T06-00-00Z",
      "kubeadm v1.36.3",
      "kubelet v1.36.3",
      "apiServer v1.36.3",
      "etcdImage 3.6.8-0",
      "release v1.37.2 3.7.0-0",
      "etcd alone",
      "data sound",
      "revision 41",
      "host h0",
    ].join("\n");
    expect(parseFindings("h0", answer)).toEqual({
      host: "h0",
      clock: 1763879999,
      cluster: "test",
      authorities: true,
      keys: false,
      expired: false,
      etcd: "alone",
      data: "sound",
      revision: 41,
      raised: undefined,
      pods: [],
      recovery: { id: "2026-11-23T06-00-00Z", source: "the data of h0", restored: true },
      joining: false,
      copies: ["2026-11-23T06-00-00Z"],
      versions: { kubeadm: "1.36.3", kubelet: "1.36.3", apiServer: "1.36.3", etcd: "3.6.8-0" },
      releases: { "1.37.2": "3.7.0-0" },
    });
  });

  it("of an etcd that has begun an empty cluster is no data", () => {
    const read = parseFindings("h0", "etcd anew\ndata sound\nrevision 7\nhost h0\n");
    expect([read.etcd, read.data, read.revision]).toEqual(["anew", "none", undefined]);
  });

  it("is refused when it is cut short", () => {
    expect(() => parseFindings("h0", "clock 17\ncluster te")).toThrow("what h0 says of itself is cut short");
  });

  it("tells of a clock that is wrong by more than a minute, either way", () => {
    const clocks = [found("h0", { clock: 1000 }), found("h1", { clock: 1100 }), found("h2", { clock: 0 }), gone("h3")];
    expect(wrongClocks(clocks, 1030)).toEqual([
      { host: "h1", seconds: 70 },
      { host: "h2", seconds: -1030 },
    ]);
  });
});

describe("recover", () => {
  it.each<[string, typeof three, HostFindings[], Parameters<typeof recoverProblems>[2], RegExp[]]>([
    ["a lost quorum", three, lost, undefined, []],
    ["a lost quorum, from a snapshot", three, [found("h0", { data: "none" }), gone("h1"), gone("h2")], "snapshot", []],
    [
      "a quorum that lives",
      three,
      [found("h0", { etcd: "answers" }), found("h1", { etcd: "answers" }), gone("h2")],
      undefined,
      [/^quorum:controlPlane\.hosts has a quorum: etcd of h0 and h1 answers.*replace HOST/],
    ],
    [
      "a quorum that lives, of a recovery that was cut off",
      three,
      [found("h0", { etcd: "answers", recovery: { id: "i", source: "s", restored: true } }), gone("h1"), gone("h2")],
      undefined,
      [],
    ],
    [
      "a first host that is lost",
      three,
      [gone("h0"), found("h1"), gone("h2")],
      undefined,
      [/^quorum:controlPlane\.firstHost is h0, but a recovery begins there.*set it to h1, or name it in --dead/],
    ],
    [
      "a first host of another cluster",
      three,
      [found("h0", { cluster: "other" }), gone("h1"), gone("h2")],
      undefined,
      [/^quorum:controlPlane\.hosts\.h0 belongs to cluster other, but .*clusterName is test/],
    ],
    [
      "nobody with data",
      three,
      [found("h0", { data: "broken", etcd: "off" }), gone("h1"), gone("h2")],
      undefined,
      [
        /^--from is survivor, but no host has etcd's data whole \(h0: broken, h1: not entered, h2: not entered\); give a snapshot/,
      ],
    ],
    [
      "a quorum of members whose etcd is only off",
      three,
      [found("h0", { etcd: "off" }), found("h1", { etcd: "off" }), gone("h2")],
      undefined,
      [
        /^quorum:controlPlane\.hosts has 2 of 3 members with their data \(h0 and h1\), and 2 are a quorum by themselves; start etcd/,
      ],
    ],
    [
      "the same by expired certificates",
      three,
      [found("h0", { etcd: "off", expired: true }), found("h1", { etcd: "off" }), gone("h2")],
      undefined,
      [/certificates have run out on h0: run `npm run control-plane -- renew`/],
    ],
    [
      "the same, asked for by name",
      three,
      [found("h0", { etcd: "off" }), found("h1", { etcd: "off" }), gone("h2")],
      "survivor",
      [],
    ],
    ["one host whose log is broken", one, [found("a", { etcd: "off" })], undefined, []],
    [
      "one host that has begun an empty cluster",
      one,
      [found("a", { etcd: "anew", data: "none" })],
      undefined,
      [/^--from is survivor, but no host has etcd's data whole \(a: none\)/],
    ],
  ])("of %s", (_, context, findings, asked, expected) => {
    const problems = shown(recoverProblems(context, findings, asked));
    expect(problems).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(problems[index]).toMatch(pattern);
  });

  it.each<[string, HostFindings[], RecoverySource, RegExp | undefined]>([
    ["its own data", lost, survivor, undefined],
    ["an archive on a bare machine", [gone("h0")], { ...snapshot, kept: "/kept.tar" }, undefined],
    [
      "an archive of a newer version",
      lost,
      { ...snapshot, kept: "/kept.tar", kubernetesVersion: "1.38.0" },
      /^quorum:controlPlane\.kubernetesVersion is 1\.37\.2, but the cluster runs 1\.38\.0 and no version goes back/,
    ],
    [
      "a bare snapshot where nobody has the keys",
      [found("h0", { keys: false, authorities: false }), gone("h1"), gone("h2")],
      snapshot,
      /^--from gives no keys of encryption and h0 has none.*secrets encrypted.*give an archive/,
    ],
    [
      "another host's data on a machine without authorities",
      [found("h0", { authorities: false, data: "none" }), found("h1"), gone("h2")],
      { ...survivor, host: "h1" },
      /^quorum:controlPlane\.firstHost is h0, but that machine has no authorities of the cluster and h1 has them; set it to h1/,
    ],
  ])("from %s", (_, findings, source, expected) => {
    const problems = shown(sourceProblems(three, findings, source));
    expect(problems).toHaveLength(expected === undefined ? 0 : 1);
    if (expected !== undefined) expect(problems[0]).toMatch(expected);
  });

  it("says what is alive, what is lost, and how etcd stands at each step", () => {
    expect(formatOperation(recoverOperation(recovery), "text")).toBe(
      `cluster test is brought back from the data of h0, revision 100:
     host  step                                                                                  before              during              after
  1  h0    checks the machine and notes that a recovery begins                                   1 of 3, no quorum   1 of 3, no quorum   1 of 3, no quorum
  2  h0    stops etcd and all that reads it, so that nobody writes any more                      1 of 3, no quorum   1 of 3, no quorum   0 of 3, no quorum
  3  h0    copies the data of its member                                                         0 of 3, no quorum   0 of 3, no quorum   0 of 3, no quorum
  4  h0    restores the data with revisions raised by 1,000,000,000; the old ones are set aside  0 of 3, no quorum   0 of 3, no quorum   0 of 1, no quorum
  5  h0    begins again with one member, then API server, scheduler and controller manager       0 of 1, no quorum   0 of 1, no quorum   1 of 1, 0 may fail
  6  h0    takes the other control-plane hosts out of the cluster until they join again          1 of 1, 0 may fail  1 of 1, 0 may fail  1 of 1, 0 may fail
  7  h0    labels, taints and kubelet certificate                                                1 of 1, 0 may fail  1 of 1, 0 may fail  1 of 1, 0 may fail
  8  h0    notes that the recovery is over                                                       1 of 1, 0 may fail  1 of 1, 0 may fail  1 of 1, 0 may fail
Members of etcd that vote and live of all that vote, then how many more may fail while writes go on.
- h0: etcd runs without a quorum, data whole, revision 100
- h1: taken as gone for good (host 192.0.2.9, port 22, cannot be entered as root: no route)
- h2: taken as gone for good (host 192.0.2.9, port 22, cannot be entered as root: no route)
- Lost: writes that members acknowledged in their last moments and h0 had not heard of.
- The old machines of h1 and h2 must never start again with their disks: they would be a second cluster of this name.
- While it goes on no API server answers; pods run on.
- h1 and h2 join again by up, one at a time, as new machines where they are there.`,
    );
    expect(formatOperation(recoverOperation(recovery), "markdown")).toMatch(
      /^## cluster test is brought back.*\n\n\| {2}\| host \| step \| before \| during \| after \|\n/,
    );
  });

  it("stops every host that can be entered, brings another's data over, and sets aside what the others had", () => {
    const findings = [found("h0", { revision: 90 }), found("h1", { revision: 95 }), gone("h2")];
    const { steps } = recoverOperation({
      ...recovery,
      findings,
      source: { kind: "survivor", host: "h1", revision: 95 },
    });
    expect(steps.map(({ host, what }) => `${host}: ${what.split(" ")[0]}`)).toEqual([
      ...["h0: checks", "h0: stops", "h1: stops", "h1: copies", "h0: restores", "h0: begins", "h1: sets", "h0: takes"],
      ...["h0: labels,", "h0: notes"],
    ]);
    const path = "/var/lib/quorum/recovery/2026-11-23T06-00-00Z.db";
    expect(steps[4]?.file).toEqual({ from: { host: "h1", path }, to: path });
  });

  it("puts authorities back from an archive, and restores nothing twice", () => {
    const whole = recoverOperation({ ...recovery, source: { ...snapshot, kept: "/kept.tar" } });
    expect(whole.steps.map(({ file }) => file?.from)).toEqual([
      ...[undefined, undefined, { file: "/kept.tar" }, { file: "/s.db" }],
      ...Array.from({ length: 4 }, () => undefined),
    ]);
    const restored = found("h0", { recovery: { id: "i", source: "s.db", restored: true } });
    const again = recoverOperation({ ...recovery, findings: [restored, gone("h1"), gone("h2")], source: undefined });
    expect(again.title).toBe("cluster test is brought back from s.db, which are restored already");
    expect(again.steps.some(({ what }) => what.startsWith("restores"))).toBe(false);
  });

  it.each([
    ["a survivor", recoverOperation(recovery)],
    ["an archive", recoverOperation({ ...recovery, source: { ...snapshot, kept: "/kept.tar" } })],
    ["one host", recoverOperation({ ...recovery, context: one, findings: [found("a")] })],
    ["other hosts that live", recoverOperation({ ...recovery, findings: [found("h0"), found("h1"), gone("h2")] })],
    ["several members on a host", recoverOperation({ ...recovery, context: several, findings: [found("a")] })],
    ["the end", joinedOperation(three.plan)],
    ["a member", mendOperation(three.plan, three.plan.hosts[1]!, three.plan.hosts[0]!, "i")],
  ])("is made of shell scripts: %s", (_, { steps }) => {
    for (const { script } of steps) execFileSync("bash", ["-n"], { input: script, stdio: "pipe" });
  });

  it("restores every member of a host that has several from one file, at the same revision", () => {
    const findings = [found("a", { etcd: "off", pods: ["etcd", "etcd2", "etcd3"], raised: 3_000_000_000 })];
    expect(recoverProblems(several, findings, undefined)).toEqual([]);
    const { steps } = recoverOperation({ ...recovery, context: several, findings, source: { ...survivor, host: "a" } });
    expect(steps.map(({ standing }) => standing?.after.alive)).toEqual([0, 0, 0, 0, 3, 3]);
    const script = steps[3]?.script ?? "";
    expect(script.match(/snapshot restore/g)).toHaveLength(3);
    expect(new Set(script.match(/--initial-cluster \S+/g)).size).toBe(1);
    expect(script).toContain("revision + raise)) -le $((3000000000 + 500000000))");
    const bare = shown(recoverProblems(several, [found("a", { etcd: "off", pods: ["etcd", "etcd2"] })], undefined));
    expect(bare).toEqual([
      expect.stringMatching(/hosts\.a must hold its etcd member etcd3 again, but it has no etcd3 in/),
    ]);
  });

  it("never deletes what etcd had", () => {
    for (const { script } of recoverOperation({ ...recovery, source: { ...snapshot, kept: "/kept.tar" } }).steps)
      for (const [line] of script.matchAll(/^.*rm -rf.*etcd.*$/gm))
        // But for what this recovery restored itself, to which no etcd has written.
        expect(line).toMatch(
          /rm -rf "\$restored"|if \[ -e "\$aside\/member" \]; then rm -rf|rm -rf \/etc\/kubernetes\/quorum\/etcd$/,
        );
  });
});

describe("a broken member", () => {
  const well = [
    found("h0", { etcd: "answers" }),
    found("h1", { etcd: "off", data: "broken" }),
    found("h2", { etcd: "answers" }),
  ];

  it("is mended by the others, and votes only once it has caught up", () => {
    const operation = mendOperation(three.plan, three.plan.hosts[1]!, three.plan.hosts[0]!, "i");
    expect(
      operation.steps.map(({ host, standing }) => [host, standing?.after.voters, standing?.after.tolerance]),
    ).toEqual([
      ["h1", 3, 0],
      ["h0", 2, 0],
      ["h1", 2, 0],
      ["h0", 3, 1],
      ["h1", 3, 1],
    ]);
  });

  it.each<[string, ReturnType<typeof planControlPlane>, string, HostFindings[], RegExp | undefined]>([
    ["one of three", three.plan, "h1", well, undefined],
    [
      "no member",
      three.plan,
      "h7",
      well,
      /^--member is "h7", but it must be a host with an etcd member; name h0, h1 or h2/,
    ],
    ["a host that is gone", three.plan, "h1", [well[0]!, gone("h1"), well[2]!], /cannot be entered.*replace h1/],
    ["the only one", one.plan, "a", [found("a")], /^--member is "a", which is the only member: .*recover/],
    [
      "no quorum",
      three.plan,
      "h1",
      [found("h0"), well[1]!, gone("h2")],
      /the other members \(h0 and h2\) have no quorum; run .*recover/,
    ],
  ])("of %s", (_, plan, name, findings, expected) => {
    const problems = shown(mendProblems(plan, name, findings));
    expect(problems).toHaveLength(expected === undefined ? 0 : 1);
    if (expected !== undefined) expect(problems[0]).toMatch(expected);
  });
});
