import { secret } from "@pulumi/pulumi";
import * as k8s from "@pulumi/kubernetes";
import { runtime } from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { podSecurityLabels } from "../../components/plan/platform/namespaces.ts";
import { dockerConfig } from "../../components/plan/platform/pull-secrets.ts";
import { pullWithSecret } from "../../components/platform/pull-secrets.ts";
import { SecurityBaseline, type SecurityBaselineArgs } from "../../components/platform/security-baseline.ts";
import { record } from "../recorder.ts";

const quota = { pods: 10, cpuMillis: 2500, memoryMiB: 4096, storageGiB: 20, loadBalancers: 1 };
const quantities = { cpuMillis: 1000, memoryMiB: 256, ephemeralMiB: 64 };

function args(more: Partial<SecurityBaselineArgs> = {}): SecurityBaselineArgs {
  return {
    stack: "My_Stack",
    namespaces: [{ place: "apps", name: "shop", labels: podSecurityLabels("restricted"), retain: false }],
    quotas: { apps: quota },
    range: { defaultRequest: quantities, defaultLimit: quantities, max: quantities },
    access: { viewers: [], developers: ["team-shop", "team-pay"], operators: [] },
    admission: { trusted: ["localhost:5000"], withoutDigest: [], exemptNamespaces: ["istio-system"] },
    pull: {},
    ...more,
  };
}

const make = (more: Partial<SecurityBaselineArgs> = {}, preview = false) =>
  record(() => void new SecurityBaseline("security", args(more)), { preview });

describe("SecurityBaseline", () => {
  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    const recording = await make({}, preview);
    expect(
      recording
        .names()
        .filter((name) => name.startsWith("kubernetes:"))
        .sort(),
    ).toEqual([
      "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy::security-admission-digests",
      "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy::security-admission-images",
      "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy::security-admission-tokens",
      "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding::security-admission-digests-binding",
      "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding::security-admission-images-binding",
      "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding::security-admission-tokens-binding",
      "kubernetes:core/v1:LimitRange::security-apps-range",
      "kubernetes:core/v1:Namespace::namespaces-apps",
      "kubernetes:core/v1:ResourceQuota::security-apps-quota",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole::security-access-cluster-operator",
      "kubernetes:rbac.authorization.k8s.io/v1:Role::security-access-apps-developer",
      "kubernetes:rbac.authorization.k8s.io/v1:Role::security-access-apps-operator",
      "kubernetes:rbac.authorization.k8s.io/v1:Role::security-access-apps-viewer",
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding::security-access-apps-developer-binding",
      "kubernetes:scheduling.k8s.io/v1:PriorityClass::security-priority-quorum-batch",
      "kubernetes:scheduling.k8s.io/v1:PriorityClass::security-priority-quorum-critical",
      "kubernetes:scheduling.k8s.io/v1:PriorityClass::security-priority-quorum-standard",
    ]);
  });

  it("makes nothing outside its namespaces on another's cluster", async () => {
    const recording = await make({ admission: undefined });
    const kinds = recording.resources
      .filter(({ type }) => type.startsWith("kubernetes:"))
      .map(({ type }) => type.split(":").at(-1));
    expect([...new Set(kinds)].sort()).toEqual(["LimitRange", "Namespace", "ResourceQuota", "Role", "RoleBinding"]);
  });

  it("keeps namespaces that once stood by themselves", async () => {
    const recording = await make();
    // One alias, of the same name and type: only the parent is another.
    expect(recording.get("namespaces", "Namespaces").aliases).toEqual([""]);
    expect(recording.get("namespaces-apps").parent).toBe(recording.get("namespaces", "Namespaces").urn);
  });

  it("limits a namespace and each container in it", async () => {
    const recording = await make();
    expect(recording.get("security-apps-quota").inputs).toMatchObject({
      metadata: { name: "quorum", namespace: "shop" },
      spec: {
        hard: {
          pods: "10",
          "requests.cpu": "2500m",
          "requests.memory": "4Gi",
          "limits.memory": "4Gi",
          "requests.storage": "20Gi",
          "services.loadbalancers": "1",
        },
      },
    });
    const each = { cpu: "1", memory: "256Mi", "ephemeral-storage": "64Mi" };
    expect(recording.get("security-apps-range").inputs["spec"]).toEqual({
      limits: [{ type: "Container", default: each, defaultRequest: each, max: each }],
    });
  });

  it("binds groups to roles, and no role without groups", async () => {
    const recording = await make();
    expect(recording.get("security-access-apps-developer-binding").inputs).toMatchObject({
      metadata: { name: "quorum-developer", namespace: "shop" },
      roleRef: { kind: "Role", name: "quorum-developer" },
      subjects: [
        { kind: "Group", name: "team-shop" },
        { kind: "Group", name: "team-pay" },
      ],
    });
    const operators = await make({ access: { viewers: [], developers: [], operators: ["ops"] } });
    expect(operators.get("security-access-cluster-operator-binding").inputs).toMatchObject({
      metadata: { name: "quorum-my-stack-operator" },
      roleRef: { kind: "ClusterRole", name: "quorum-my-stack-operator" },
      subjects: [{ kind: "Group", name: "ops" }],
    });
  });

  it("puts admission in force before any pod", async () => {
    const recording = await record(() => {
      const baseline = new SecurityBaseline("security", args());
      new k8s.core.v1.ConfigMap("pod", { metadata: { name: "pod", namespace: baseline.nameOf("apps") } });
      expect(() => baseline.nameOf("ui")).toThrow('there is no namespace for "ui"; plan one for it');
    });
    expect(recording.get("pod").inputs["metadata"]).toMatchObject({ namespace: "shop" });
    const before = [
      "security-admission-images-binding",
      "security-apps-quota",
      "security-apps-range",
      "namespaces-apps",
    ];
    expect(recording.get("pod").dependencies).toEqual(
      expect.arrayContaining(before.map((name) => recording.get(name).urn)),
    );
    expect(recording.get("security-admission-images-binding").inputs["spec"]).toEqual({
      policyName: "quorum-my-stack-trusted-images",
      validationActions: ["Deny", "Audit"],
    });
    expect(recording.get("security-admission-images").inputs["spec"]).toMatchObject({
      failurePolicy: "Fail",
      matchConstraints: {
        namespaceSelector: {
          matchExpressions: [
            { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system", "istio-system"] },
          ],
        },
      },
    });
  });

  it("asks for our signature on our own images, and takes those of trusted publishers", async () => {
    const recording = await make({
      signatures: {
        publicKey: "KEY",
        repository: "localhost:5000/quorum",
        trusted: ["localhost:5000", "docker.io/a/b"],
      },
    });
    expect(recording.get("security-signatures-signed").inputs).toMatchObject({
      apiVersion: "policy.sigstore.dev/v1beta1",
      kind: "ClusterImagePolicy",
      metadata: { name: "quorum-my-stack-signed-images" },
      spec: { images: [{ glob: "localhost:5000/quorum/**" }], authorities: [{ key: { data: "KEY" } }] },
    });
    expect(recording.get("security-signatures-other").inputs).toMatchObject({
      spec: {
        images: [{ glob: "localhost:5000/**" }, { glob: "docker.io/a/b/**" }, { glob: "docker.io/a/b" }],
        authorities: [{ static: { action: "pass" } }],
      },
    });
  });
});

describe("pull secrets", () => {
  it("hold what nodes pull by, and stay secret", async () => {
    const recording = await record(() => {
      const password = secret("hunter2");
      const pull = { "registry.example.com": { username: "robot", password } };
      new SecurityBaseline("security", args({ pull, otherPulls: { system: "kube-system" } }));
    });
    const made = recording.get("security-apps-pull-secret");
    expect(made.inputs).toMatchObject({
      metadata: { name: "quorum-pull", namespace: "shop" },
      type: "kubernetes.io/dockerconfigjson",
    });
    const { stringData } = made.inputs as { stringData: Record<string, string> };
    expect(JSON.parse(stringData[".dockerconfigjson"] ?? "")).toEqual({
      auths: { "registry.example.com": { username: "robot", password: "hunter2", auth: "cm9ib3Q6aHVudGVyMg==" } },
    });
    expect(made.secretPaths.map(([first]) => first)).toContain("stringData");
    expect(recording.get("security-system-pull-secret").inputs).toMatchObject({
      metadata: { namespace: "kube-system" },
    });
  });

  it("of Docker Hub are under the name that runtimes look for", () => {
    const config = dockerConfig({ "docker.io": { username: "a", password: "b" } });
    expect(Object.keys((JSON.parse(config) as { auths: object }).auths)).toEqual(["https://index.docker.io/v1/"]);
  });

  it("are named by every account, and nothing else is touched", async () => {
    const recording = await record(() => {
      runtime.registerStackTransformation(pullWithSecret());
      new k8s.core.v1.ServiceAccount("account", { metadata: { name: "a" } });
      new k8s.core.v1.ServiceAccount("own", { metadata: { name: "b" }, imagePullSecrets: [{ name: "mine" }] });
      new k8s.core.v1.ConfigMap("config", { metadata: { name: "c" } });
    });
    expect(recording.get("account").inputs["imagePullSecrets"]).toEqual([{ name: "quorum-pull" }]);
    expect(recording.get("own").inputs["imagePullSecrets"]).toEqual([{ name: "mine" }]);
    expect(recording.get("config").inputs).not.toHaveProperty("imagePullSecrets");
  });
});
