import { describe, expect, it } from "vitest";
import { ClusterUi, type ClusterUiArgs } from "../../components/platform/cluster-ui.ts";
import { record } from "../recorder.ts";

const make = (more: Partial<ClusterUiArgs> = {}, preview = false) =>
  record(() => void new ClusterUi("cluster-ui", { namespace: "look", image: "headlamp:v0", ...more }), { preview });

describe("ClusterUi", () => {
  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    expect((await make({}, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apps/v1:Deployment::cluster-ui-deployment",
      "kubernetes:core/v1:Service::cluster-ui-service",
      "kubernetes:core/v1:ServiceAccount::cluster-ui-account",
      "kubernetes:core/v1:ServiceAccount::cluster-ui-viewer",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole::cluster-ui-viewer-role",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding::cluster-ui-viewer-cluster",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding::cluster-ui-viewer-view",
      "quorum:platform:ClusterUi::cluster-ui",
    ]);
  });

  it("lets its viewer read, and no Secrets", async () => {
    const recording = await make();
    const rules = recording.get("cluster-ui-viewer-role").inputs["rules"] as {
      apiGroups: string[];
      resources: string[];
      verbs: string[];
    }[];
    expect([...new Set(rules.flatMap(({ verbs }) => verbs))]).toEqual(["get", "list", "watch"]);
    for (const never of ["*", "secrets"]) expect(rules.flatMap(({ resources }) => resources)).not.toContain(never);
    expect(rules.flatMap(({ apiGroups }) => apiGroups)).not.toContain("*");
    expect(recording.get("cluster-ui-viewer-view").inputs).toMatchObject({
      roleRef: { kind: "ClusterRole", name: "view" },
      subjects: [{ kind: "ServiceAccount", name: "headlamp-viewer", namespace: "look" }],
    });
  });

  it("gives its pods no rights", async () => {
    const recording = await make();
    expect(recording.get("cluster-ui-deployment").inputs["spec"]).toMatchObject({
      template: { spec: { serviceAccountName: "headlamp", securityContext: { runAsNonRoot: true } } },
    });
    const bindings = [...recording.ofType(":ClusterRoleBinding"), ...recording.ofType(":RoleBinding")];
    const subjects = bindings.flatMap(({ inputs }) => inputs["subjects"] as { name: string }[]);
    expect(subjects.map(({ name }) => name)).not.toContain("headlamp");
  });

  it("on a shared cluster, shows the stack's own namespaces and makes nothing for all", async () => {
    const recording = await make({ only: { apps: "shop", ui: "look" } });
    expect([...recording.ofType(":ClusterRole"), ...recording.ofType(":ClusterRoleBinding")]).toEqual([]);
    const bindings = recording.ofType(":RoleBinding").map(({ inputs }) => inputs);
    expect(bindings).toMatchObject([
      { metadata: { namespace: "shop" }, roleRef: { kind: "ClusterRole", name: "view" } },
      { metadata: { namespace: "look" }, roleRef: { kind: "ClusterRole", name: "view" } },
    ]);
  });

  it("is reached from outside only when it is exposed", async () => {
    expect((await make()).get("cluster-ui-service").inputs["spec"]).toMatchObject({
      type: "ClusterIP",
      ports: [{ port: 80 }],
    });
    expect((await make({ expose: { port: 4466 } })).get("cluster-ui-service").inputs["spec"]).toMatchObject({
      type: "LoadBalancer",
      ports: [{ port: 4466 }],
    });
  });
});
