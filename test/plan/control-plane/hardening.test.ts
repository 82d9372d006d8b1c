import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import {
  apiServerVolumes,
  auditPolicyFile,
  authenticationFile,
} from "../../../components/plan/control-plane/api-server-files.ts";
import { auditPolicy } from "../../../components/plan/control-plane/audit.ts";
import { authenticationDocument } from "../../../components/plan/control-plane/authentication.ts";
import { planControlPlane } from "../../../components/plan/control-plane/control-plane.ts";
import { hardeningProblems } from "../../../components/plan/control-plane/hardening-checks.ts";
import { apiServerFlags, etcdFlags } from "../../../components/plan/control-plane/hardening.ts";
import type { IssuerSettings } from "../../../components/plan/control-plane/hardening-settings.ts";
import type { HostSettings, KubeadmSettings } from "../../../components/plan/control-plane/hosts.ts";
import { joinDocument } from "../../../components/plan/control-plane/kubeadm-config.ts";
import { kubeletDocument, reservedLines, reservedText } from "../../../components/plan/control-plane/kubelet-config.ts";
import { evictionOf, reservedOf } from "../../../components/plan/control-plane/requirements.ts";
import { formatProblem } from "../../../components/plan/problems.ts";
import { prelude } from "../../../components/plan/shell.ts";
import { FakeHost } from "./fake-host.ts";
import { members, settings } from "./settings.ts";

const flag = (input: KubeadmSettings, name: string) => apiServerFlags(input).find((each) => each.name === name)?.value;
const issuer: IssuerSettings = {
  url: "https://login.example.com",
  audiences: ["kubernetes"],
  usernameClaim: "sub",
  groupsClaim: "groups",
  groupsPrefix: "",
  requiredClaims: {},
};

describe("who is let in", () => {
  it("is nobody unnamed but for the probes", () => {
    expect(authenticationDocument(settings())).toEqual({
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "AuthenticationConfiguration",
      anonymous: { enabled: true, conditions: [{ path: "/livez" }, { path: "/readyz" }, { path: "/healthz" }] },
    });
  });

  it("is a user of an issuer, under a name that no other issuer can give, and never as Kubernetes' own", () => {
    const issuers = { login: { ...issuer, audiences: ["a", "b"], requiredClaims: { hd: "example.com" } } };
    const { jwt } = authenticationDocument(settings({ issuers })) as { jwt: Record<string, unknown>[] };
    expect(jwt).toMatchObject([
      {
        issuer: { url: "https://login.example.com", audiences: ["a", "b"], audienceMatchPolicy: "MatchAny" },
        claimMappings: { username: { claim: "sub", prefix: "login:" }, groups: { claim: "groups", prefix: "" } },
        claimValidationRules: [{ claim: "hd", requiredValue: "example.com" }],
      },
    ]);
    expect(JSON.stringify(jwt[0]?.["userValidationRules"])).toContain("!group.startsWith('system:')");
  });

  it("changes a flag when it changes, so that the API server starts with it", () => {
    expect(flag(settings(), "authentication-config")).toBe(authenticationFile(settings()).path);
    const other = settings({ issuers: { login: issuer } });
    expect(flag(other, "authentication-config")).not.toBe(flag(settings(), "authentication-config"));
  });
});

describe("the audit log", () => {
  interface Rule {
    readonly level: string;
    readonly verbs?: readonly string[];
    readonly users?: readonly string[];
    readonly userGroups?: readonly string[];
    readonly nonResourceURLs?: readonly string[];
    readonly resources?: readonly { readonly group: string; readonly resources?: readonly string[] }[];
  }
  const { rules } = auditPolicy() as { rules: Rule[] };
  /** The level of a request, as the API server finds it: the first rule that fits. */
  const level = (group: string, resource: string, verb: string, user = "alice", groups: readonly string[] = []) =>
    rules.find(
      (rule) =>
        rule.nonResourceURLs === undefined &&
        (rule.verbs?.includes(verb) ?? true) &&
        (rule.users === undefined || rule.users.includes(user)) &&
        (rule.userGroups === undefined || rule.userGroups.some((each) => groups.includes(each))) &&
        (rule.resources === undefined ||
          rule.resources.some((each) => each.group === group && (each.resources?.includes(resource) ?? true))),
    )?.level;

  it.each(["get", "list", "watch", "create", "update", "patch", "delete"])(
    "tells of %s of secrets, but never a body",
    (verb) => {
      for (const user of ["alice", "system:kube-controller-manager", "system:node:a"])
        expect(level("", "secrets", verb, user, user === "system:node:a" ? ["system:nodes"] : [])).toBe("Metadata");
      expect(level("", "serviceaccounts/token", verb)).toBe("Metadata");
      expect(level("", "configmaps", verb)).toBe("Metadata");
    },
  );

  it("tells a change of who may do what with its body", () => {
    expect(level("rbac.authorization.k8s.io", "clusterrolebindings", "create")).toBe("RequestResponse");
    expect(level("admissionregistration.k8s.io", "validatingadmissionpolicies", "delete")).toBe("RequestResponse");
    expect(level("rbac.authorization.k8s.io", "clusterrolebindings", "list")).toBe("Metadata");
  });

  it("leaves out what is only noise", () => {
    expect(level("", "events", "create")).toBe("None");
    expect(level("coordination.k8s.io", "leases", "update", "system:node:a", ["system:nodes"])).toBe("None");
    expect(level("", "nodes/status", "patch", "system:node:a", ["system:nodes"])).toBe("None");
    expect(level("", "pods", "list", "system:kube-scheduler")).toBe("None");
  });

  it("tells all else that anybody does", () => {
    expect(level("", "pods/exec", "create")).toBe("Metadata");
    expect(level("apps", "deployments", "delete")).toBe("Metadata");
    expect(level("", "nodes/status", "patch", "alice")).toBe("Metadata");
    expect(level("coordination.k8s.io", "leases", "delete", "alice")).toBe("Metadata");
  });

  it("can be left out, and leaves nothing of itself", () => {
    const off = settings({ audit: { ...settings().audit, enabled: false } });
    expect(apiServerFlags(off).filter(({ name }) => name.startsWith("audit"))).toEqual([]);
    expect(apiServerVolumes(off).map(({ name }) => name)).toEqual(["quorum-api-server", "quorum-encryption"]);
    expect(flag(settings(), "audit-policy-file")).toBe(auditPolicyFile().path);
  });
});

describe("flags", () => {
  const sized = (...sizes: (number | undefined)[]) => {
    const hosts = Object.entries(members(3).hosts).map(([name, host], index): [string, HostSettings] => [
      name,
      { ...host, memoryMiB: sizes[index] },
    ]);
    return members(3, { hosts: Object.fromEntries(hosts) });
  };

  it.each([
    [[8192, 8192, 8192], "400", "200"],
    [[65_536, 4096, 8192], "200", "100"],
    [[2048, 2048, 2048], "100", "50"],
    [[1_048_576, 1_048_576, 1_048_576], "3000", "1500"],
  ])("requests in flight follow the smallest of %j MiB", (sizes, reads, writes) => {
    expect(flag(sized(...sizes), "max-requests-inflight")).toBe(reads);
    expect(flag(sized(...sizes), "max-mutating-requests-inflight")).toBe(writes);
  });

  it("requests in flight stay Kubernetes' own where a size is not known", () => {
    expect(flag(sized(8192, undefined, 8192), "max-requests-inflight")).toBeUndefined();
    expect(flag(settings({ apiServer: { maxRequestsInFlight: 90 } }), "max-mutating-requests-inflight")).toBe("45");
  });

  it("of the site go over those of the plan, and beside them", () => {
    const flags = {
      ...settings().flags,
      apiServer: { profiling: "true", "goaway-chance": "0.001" },
      etcd: { "max-wals": "9" },
    };
    const own = apiServerFlags(settings({ flags })).filter(
      ({ name }) => name === "profiling" || name === "goaway-chance",
    );
    expect(own).toEqual([
      { name: "profiling", value: "true" },
      { name: "goaway-chance", value: "0.001" },
    ]);
    expect(etcdFlags(settings({ flags }))).toContainEqual({ name: "max-wals", value: "9" });
  });

  it("know kubelets by the authority only where it signs them", () => {
    expect(flag(settings({ kubelet: { serverTLSBootstrap: false } }), "kubelet-certificate-authority")).toBeUndefined();
  });

  it("a cloud's nodes wait for its controller manager", () => {
    const input = settings({ cloudProvider: "openstack" });
    const plan = planControlPlane(input);
    expect(JSON.stringify(joinDocument(input, plan.first))).toContain('{"name":"cloud-provider","value":"external"}');
    expect(JSON.stringify(joinDocument(settings(), plan.first))).not.toContain("cloud-provider");
  });
});

describe("a kubelet", () => {
  it("has the site's settings over the plan's, and the host's over both", () => {
    const input = settings({
      kubelet: { podPidsLimit: 100, seccompDefault: false },
      hosts: { a: { address: "192.0.2.11", role: "control-plane", kubelet: { podPidsLimit: 7 } } },
    });
    const { first } = planControlPlane(input);
    expect(kubeletDocument(input, first)).toMatchObject({ podPidsLimit: 7, seccompDefault: false });
    expect(kubeletDocument(input)).toMatchObject({ podPidsLimit: 100 });
    expect(kubeletDocument(settings({ local: true }))).toMatchObject({ protectKernelDefaults: false });
  });

  it("sets aside what the plan shows, split in two parts that add up to it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 256 }), fc.integer({ min: 600, max: 4_000_000 }), (cpus, memory) => {
        const written = parse(reservedText(cpus, memory)) as Record<string, Record<string, string>>;
        const sum = (key: string) =>
          parseInt(written["kubeReserved"]?.[key] ?? "") + parseInt(written["systemReserved"]?.[key] ?? "");
        expect({ cpuMillis: sum("cpu"), memoryMiB: sum("memory") }).toEqual(reservedOf(cpus, memory));
        expect(written["evictionHard"]?.["memory.available"]).toBe(`${evictionOf(memory)}Mi`);
      }),
    );
  });

  it("measures its host by the same sums where the plan does not know its size", () => {
    const host = new FakeHost();
    const { first } = planControlPlane(settings());
    const script = [prelude, ...reservedLines(settings(), first, "/etc/patches")].join("\n");
    for (const [cpus, memory] of [
      [1, 700],
      [2, 1999],
      [4, 8192],
      [6, 12_345],
      [32, 131_072],
      [96, 1_500_000],
    ] as const) {
      host.program("nproc", `echo ${cpus}`);
      host.write("proc/meminfo", `MemTotal: ${memory * 1024} kB\n`);
      host.run(script);
      const written = parse(host.read("etc/patches/kubeletconfigurationreserved+merge.yaml")) as unknown;
      expect(written).toEqual(parse(reservedText(cpus, memory)));
    }
  });

  it("is left to whoever reserves by hand, and on a local host", () => {
    const { first } = planControlPlane(settings());
    const own = settings({ kubelet: { kubeReserved: { cpu: "1" } } });
    const path = "/etc/patches/kubeletconfigurationreserved+merge.yaml";
    for (const input of [own, settings({ local: true })])
      expect(reservedLines(input, first, "/etc/patches")).toEqual([`rm -f ${path}`]);
  });
});

describe("refusals", () => {
  const problems = (more: Partial<KubeadmSettings>) => hardeningProblems(settings(more)).map(formatProblem);
  const encryption = (...resources: string[]) =>
    problems({ encryption: { provider: "secretbox", resources, keyGeneration: 1 } });
  const audit = (maxBackups: number, maxSizeMiB: number, diskGiB?: number) =>
    problems({
      audit: { enabled: true, maxAgeDays: 30, maxBackups, maxSizeMiB },
      hosts: { a: { address: "192.0.2.11", role: "control-plane", diskGiB } },
    });
  const flags = (part: string, more: Record<string, string>) =>
    problems({ flags: { ...settings().flags, [part]: more } });

  it("none of what is given by default", () => {
    expect(problems({})).toEqual([]);
    expect(audit(10, 100, 8)).toEqual([]);
  });

  it.each<[string, string[], string]>([
    [
      "what is never stored",
      encryption("secrets", "tokenreviews.authentication.k8s.io"),
      "quorum:controlPlane.encryption.resources[1] is tokenreviews.authentication.k8s.io, but objects of that kind are never stored; leave it out",
    ],
    [
      "what cannot be encrypted",
      encryption("serviceipallocations"),
      "quorum:controlPlane.encryption.resources[0] is serviceipallocations, but that kind cannot be encrypted; leave it out",
    ],
    [
      "events by their new name",
      encryption("events.events.k8s.io"),
      "quorum:controlPlane.encryption.resources[0] is events.events.k8s.io, but events are stored under their old name; set it to events",
    ],
    [
      "a kind twice",
      encryption("secrets", "secrets"),
      "quorum:controlPlane.encryption.resources[1] is secrets, but it is there twice; leave one of them out",
    ],
    [
      "a core kind with a group",
      encryption("secrets.v1"),
      "quorum:controlPlane.encryption.resources[0] is secrets.v1, but kinds of the core group have none in their name; set it to secrets",
    ],
    [
      "a log without end",
      audit(1000, 10_240),
      "quorum:controlPlane.audit may take 10010 GiB with maxBackups 1000 and maxSizeMiB 10240, but it must be 100 GiB at most; set maxBackups or maxSizeMiB to less",
    ],
    [
      "a log that fills its disk",
      audit(50, 100, 8),
      "quorum:controlPlane.audit may take 5 GiB, but it must be a quarter of the 8 GiB of a at most; set maxBackups or maxSizeMiB to less",
    ],
    [
      "the cluster's own issuer",
      problems({ issuers: { own: { ...issuer, url: "https://kubernetes.default.svc.cluster.local" } } }),
      "quorum:controlPlane.issuers.own.url is https://kubernetes.default.svc.cluster.local, but that is the cluster's own issuer, whose tokens are taken as they are; leave it out",
    ],
    [
      "an issuer twice",
      problems({ issuers: { a: issuer, b: issuer } }),
      "quorum:controlPlane.issuers.b.url is https://login.example.com, but that is issuer a; leave one of them out",
    ],
    [
      "a prefix of Kubernetes' own",
      problems({ issuers: { a: { ...issuer, groupsPrefix: "system:" } } }),
      'quorum:controlPlane.issuers.a.groupsPrefix is "system:", but names that begin with system: are Kubernetes\' own; set it to another, for example to "a:"',
    ],
    [
      "a prefix of no groups",
      problems({ issuers: { a: { ...issuer, groupsClaim: undefined, groupsPrefix: "x:" } } }),
      "quorum:controlPlane.issuers.a.groupsPrefix means nothing without groupsClaim; set groupsClaim, or leave it out",
    ],
    [
      "a flag of another key",
      flags("apiServer", { "audit-log-maxage": "1" }),
      "quorum:controlPlane.flags.apiServer.audit-log-maxage is set by quorum:controlPlane.audit; set that",
    ],
    [
      "a flag of the layout",
      flags("etcd", { "initial-cluster": "a" }),
      "quorum:controlPlane.flags.etcd.initial-cluster is the plan's own, by which its parts find each other; leave it out",
    ],
    [
      "everybody may do everything",
      flags("apiServer", { "authorization-mode": "AlwaysAllow" }),
      "quorum:controlPlane.flags.apiServer.authorization-mode is AlwaysAllow, but that lets everybody do everything; leave it out",
    ],
    [
      "certificates that outlive their authority",
      problems({ certificates: { days: 365, authorityDays: 90 } }),
      "quorum:controlPlane.certificates.days is 365, but a certificate cannot outlive the authority that signs it, which lives 90 days; set it to 90 or less",
    ],
    [
      "half of a limit",
      problems({ apiServer: { maxMutatingRequestsInFlight: 9 } }),
      "quorum:controlPlane.apiServer.maxMutatingRequestsInFlight is set, but the two count together and maxRequestsInFlight is not; set both",
    ],
    [
      "a cloud of local hosts",
      problems({ local: true, cloudProvider: "aws" }),
      "quorum:controlPlane.cloudProvider is aws, but the hosts of local: true are no machines of a cloud; leave it out",
    ],
  ])("%s", (_, found, message) => {
    expect(found).toEqual([message]);
  });
});
