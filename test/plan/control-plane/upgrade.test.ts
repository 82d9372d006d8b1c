import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { formatOperation } from "../../../components/plan/control-plane/format-operation.ts";
import { formatChange } from "../../../components/plan/control-plane/format-plan.ts";
import { type HostFindings, unreachableHost } from "../../../components/plan/control-plane/host-findings.ts";
import { planChange } from "../../../components/plan/control-plane/plan-change.ts";
import { upgradeProblems, versionProblems } from "../../../components/plan/control-plane/upgrade-checks.ts";
import { upgradeOf, upgradeOperation } from "../../../components/plan/control-plane/upgrade.ts";
import { compareVersions, parseVersion } from "../../../components/plan/control-plane/versions.ts";
import { formatProblem } from "../../../components/plan/problems.ts";
import { members, settings } from "./settings.ts";

const input = members(3, { hosts: { ...members(3).hosts, w: { address: "192.0.2.99", role: "worker" } } });
const plan = planControlPlane(input);
const shown = (problems: Parameters<typeof formatProblem>[0][]) => problems.map(formatProblem);

const found = (host: string, version: string, more: Partial<HostFindings> = {}): HostFindings => ({
  ...unreachableHost(host, ""),
  unreachable: undefined,
  etcd: "answers",
  data: "sound",
  versions: { kubeadm: version, kubelet: version, apiServer: version, etcd: "3.6.8-0" },
  releases: { "1.37.2": "3.7.0-0" },
  ...more,
});
const worker = found("w", "1.36.3", { etcd: "off", versions: { kubeadm: "1.36.3", kubelet: "1.36.3" } });
const hosts = (version: string) => [...["h0", "h1", "h2"].map((host) => found(host, version)), worker];

describe("a version", () => {
  it.each(["1.37.2", "0.0.0", "1.10.0"])("%s is one", (text) => {
    expect(parseVersion(text)).toBeDefined();
  });
  it.each(["v1.37.2", "1.37", "1.37.2-rc.0", "latest", "01.2.3", ""])("%j is none", (text) => {
    expect(parseVersion(text)).toBeUndefined();
  });

  it.each<[string, string, RegExp | undefined]>([
    ["1.36.3", "1.37.2", undefined],
    ["1.37.0", "1.37.2", undefined],
    ["1.37.2", "1.37.2", undefined],
    ["1.37.2", "1.37.1", /is 1\.37\.1, but the cluster runs 1\.37\.2 and no version goes back/],
    ["1.37.2", "1.36.9", /no version goes back/],
    ["1.35.4", "1.37.2", /no minor can be skipped; upgrade to the last patch of 1\.36 first/],
    ["1.36.3", "2.0.0", /no minor can be skipped/],
    ["1.36.3", "latest", /must be a full version such as 1\.37\.2/],
  ])("from %s to %s", (from, to, expected) => {
    const problems = shown(versionProblems("VERSION", from, to));
    expect(problems).toHaveLength(expected === undefined ? 0 : 1);
    if (expected !== undefined) expect(problems[0]).toMatch(expected);
  });

  it("is allowed exactly where it goes no step back and no minor too far", () => {
    const version = fc.record({ major: fc.constant(1), minor: fc.nat(40), patch: fc.nat(12) });
    const textOf = ({ major, minor, patch }: { major: number; minor: number; patch: number }) =>
      `${major}.${minor}.${patch}`;
    fc.assert(
      fc.property(version, version, (from, to) => {
        const allowed = compareVersions(to, from) >= 0 && to.minor - from.minor <= 1;
        expect(versionProblems("VERSION", textOf(from), textOf(to)).length === 0).toBe(allowed);
      }),
    );
  });
});

describe("upgrade", () => {
  it.each<[string, string, HostFindings[], RegExp[]]>([
    ["a minor", "1.37.2", hosts("1.36.3"), []],
    ["one that was cut off", "1.37.2", [found("h0", "1.37.2"), ...hosts("1.36.3").slice(1)], []],
    ["no version", "latest", hosts("1.36.3"), [/^VERSION is "latest", but it must be a full version/]],
    [
      "another version than the file's",
      "1.37.1",
      hosts("1.36.3"),
      [
        /^quorum:controlPlane\.kubernetesVersion is 1\.37\.2, but the upgrade is asked to 1\.37\.1; set it to 1\.37\.1 first/,
      ],
    ],
    [
      "a skipped minor",
      "1.37.2",
      hosts("1.35.4"),
      [/no minor can be skipped; upgrade to the last patch of 1\.36 first/],
    ],
    ["a way back", "1.37.2", hosts("1.37.3"), [/no version goes back.*recover --from FILE/]],
    [
      "a host that cannot be entered",
      "1.37.2",
      [...hosts("1.36.3").slice(0, 3), unreachableHost("w", "no route")],
      [/^quorum:controlPlane\.hosts\.w cannot be entered \(no route\)/],
    ],
    [
      "a member that is down",
      "1.37.2",
      [found("h0", "1.36.3"), found("h1", "1.36.3", { etcd: "off" }), ...hosts("1.36.3").slice(2)],
      [/^quorum:controlPlane\.hosts\.h1 has a member of etcd that does not answer.*recover --member h1/],
    ],
    [
      "certificates that have run out",
      "1.37.2",
      [found("h0", "1.36.3", { expired: true }), ...hosts("1.36.3").slice(1)],
      [/^quorum:controlPlane\.hosts\.h0 has certificates that have run out.*renew/],
    ],
    [
      "no binaries",
      "1.37.2",
      [found("h0", "1.36.3", { releases: {} }), ...hosts("1.36.3").slice(1)],
      [
        /^quorum:controlPlane\.hosts\.h0 has kubeadm 1\.36\.3 and kubelet 1\.36\.3 and no 1\.37\.2; put kubeadm, kubelet and kubectl of 1\.37\.2 into \/var\/lib\/quorum\/kubernetes\/v1\.37\.2/,
      ],
    ],
    [
      "binaries by packages",
      "1.37.2",
      [
        found("h0", "1.36.3", {
          releases: {},
          versions: { kubeadm: "1.37.2", kubelet: "1.37.2", apiServer: "1.36.3", etcd: "3.6.8-0" },
        }),
        ...hosts("1.36.3").slice(1),
      ],
      [],
    ],
  ])("to %s", (_, to, findings, expected) => {
    const problems = shown(upgradeProblems(input, plan, to, findings));
    expect(problems).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(problems[index]).toMatch(pattern);
  });

  const operation = upgradeOperation({ settings: input, plan }, upgradeOf("1.37.2", hosts("1.36.3")));

  it("goes from host to host, one member at a time, the workers last", () => {
    expect(operation.title).toBe("cluster test goes from Kubernetes 1.36.3 to 1.37.2, etcd from 3.6.8 to 3.7.0");
    const upgraded = operation.steps.filter(({ what }) => what.startsWith("kubeadm")).map(({ host }) => host);
    expect(upgraded).toEqual(["h0", "h1", "h2", "w"]);
    for (const { standing } of operation.steps) {
      expect(standing?.during.tolerance).toBeGreaterThanOrEqual(0);
      expect(standing?.after).toEqual(standing?.before);
    }
    expect(operation.steps.filter(({ standing }) => standing?.during.alive === 2).map(({ host }) => host)).toEqual([
      "h0",
      "h1",
      "h2",
    ]);
  });

  it.each<[string, Parameters<typeof settings>[0], string[]]>([
    [
      "members and API servers of one host",
      { goal: "control-plane-redundancy", endpoint: "k8s.example.com:8443" },
      [
        "a: kubeadm takes API server, controller manager and scheduler to the new version; then the members and the other API servers that kubeadm does not know, one after the other",
      ],
    ],
    [
      "etcd on hosts of its own, before all others",
      {
        hosts: {
          a: { address: "192.0.2.11", role: "control-plane" },
          e1: { address: "192.0.2.21", role: "etcd" },
          e2: { address: "192.0.2.22", role: "etcd" },
          e3: { address: "192.0.2.23", role: "etcd" },
        },
        endpoint: "k8s.example.com:8443",
      },
      [
        "e1: takes its etcd to the new version, one member after the other",
        "e2: takes its etcd to the new version, one member after the other",
        "e3: takes its etcd to the new version, one member after the other",
        "a: kubeadm takes API server, controller manager and scheduler to the new version",
      ],
    ],
    [
      "events of its own",
      { etcd: { ...settings().etcd, events: "own" } },
      [
        "a: kubeadm takes etcd, API server, controller manager and scheduler to the new version; then the members that kubeadm does not know, one after the other",
      ],
    ],
  ])("takes %s", (_, more, expected) => {
    const of = settings(more);
    const layout = planControlPlane(of);
    expect(upgradeProblems(of, layout, "1.37.2", [found("a", "1.36.3")]).length).toBe(0);
    const { steps } = upgradeOperation({ settings: of, plan: layout }, { to: "1.37.2" });
    expect(
      steps.flatMap(({ host, what }) =>
        what.includes("new version") && !/kubelet|Ready/.test(what) ? [`${host}: ${what}`] : [],
      ),
    ).toEqual(expected);
    for (const { host, script, standing } of steps) {
      execFileSync("bash", ["-n"], { input: script, stdio: "pipe" });
      // No host of etcd alone is a node, and none but a host with a member can be asked for a snapshot.
      expect(script).not.toMatch(/(drain|uncordon|node\/)[^\n]*\be[123]\b/);
      if (script.includes("snapshot save")) expect(layout.members).toContain(host);
      expect(standing?.during.alive).toBeGreaterThanOrEqual(layout.quorum - (layout.tolerance === 0 ? 1 : 0));
      // Whatever kubeadm does not make is brought to the image that it names, and only after it is the new one.
      const made = layout.etcd.filter((member) => member.host === host && member.madeBy === "quorum");
      if (!/kubeadm upgrade|have=\$\(kubeadm version/.test(script)) continue;
      for (const { pod, ports } of made) {
        const change = script.indexOf(`etcd_change ${pod} ${ports.client} `);
        expect(change).toBeGreaterThan(script.indexOf("have=$(kubeadm version"));
        expect(change).toBeGreaterThan(script.indexOf("kubeadm upgrade"));
      }
      if (layout.apiServers.filter((one) => one.host === host).length > 1)
        expect(script.indexOf("follow kube-apiserver2 6453")).toBeGreaterThan(script.lastIndexOf("etcd_change etcd"));
    }
  });

  it("is refused where a host of etcd alone has a member that does not answer, or no programs of the release", () => {
    const role = "etcd" as const;
    const of = settings({
      hosts: {
        a: { address: "192.0.2.11", role: "control-plane" },
        e1: { address: "192.0.2.21", role },
        e2: { address: "192.0.2.22", role },
        e3: { address: "192.0.2.23", role },
      },
      endpoint: "k8s.example.com:8443",
    });
    const findings = [
      found("a", "1.36.3", { etcd: "off" }),
      found("e1", "1.36.3"),
      found("e2", "1.36.3", { etcd: "off" }),
      found("e3", "1.36.3", { releases: {} }),
    ];
    expect(shown(upgradeProblems(of, planControlPlane(of), "1.37.2", findings))).toEqual([
      expect.stringMatching(/hosts\.e2 has a member of etcd that does not answer/),
      expect.stringMatching(/hosts\.e3 has kubeadm 1\.36\.3 and kubelet 1\.36\.3 and no 1\.37\.2/),
    ]);
  });

  it("drains only where pods have another host to go to", () => {
    const drains = (of: typeof input) =>
      upgradeOperation({ settings: of, plan: planControlPlane(of) }, { to: "1.37.2" }).steps.filter(({ what }) =>
        what.startsWith("drains"),
      );
    expect(drains(input)).toHaveLength(0);
    expect(drains(members(3))).toHaveLength(3);
    expect(drains(settings())).toHaveLength(0);
    expect(
      formatOperation(
        upgradeOperation({ settings: settings(), plan: planControlPlane(settings()) }, { to: "1.37.2" }),
        "text",
      ),
    ).toMatch(/One member: the API does not answer while etcd/);
  });

  it("is made of shell scripts", () => {
    for (const { script } of operation.steps) execFileSync("bash", ["-n"], { input: script, stdio: "pipe" });
  });
});

describe("a file whose version changed", () => {
  const before = planControlPlane({ ...input, kubernetesVersion: "1.36.3" });

  it("shows the upgrade's steps with what etcd tolerates, in a pull request too", () => {
    const change = planChange(before, plan, []);
    const text = formatChange(change, "text");
    expect(text).toMatch(/Kubernetes +1\.36\.3 +1\.37\.2\n/);
    expect(text).toMatch(
      /cluster test goes from Kubernetes 1\.36\.3 to 1\.37\.2, etcd to the version that kubeadm names:/,
    );
    expect(text).toMatch(/2 +h0 +kubeadm takes etcd.* 3 of 3, 1 may fail +2 of 3, 0 may fail +3 of 3, 1 may fail/);
    expect(text).toContain("`npm run control-plane -- upgrade 1.37.2` carries it out");
    expect(formatChange(change, "markdown")).toContain("## cluster test goes from Kubernetes 1.36.3 to 1.37.2");
    // What programs read holds no script.
    expect(JSON.stringify(change)).not.toContain("set -eu");
  });

  it("refuses what no upgrade can do", () => {
    expect(shown([...planChange(plan, before, []).problems])).toEqual([expect.stringMatching(/no version goes back/)]);
  });

  it("says nothing of one where the version stays", () => {
    expect(planChange(plan, plan, []).upgrade).toBeUndefined();
  });
});
