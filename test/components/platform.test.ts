import * as k8s from "@pulumi/kubernetes";
import { output, runtime, unsecret } from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { podSecurityLabels } from "../../components/plan/platform/namespaces.ts";
import { LocalPath } from "../../components/platform/local-path.ts";
import { labelObjects } from "../../components/platform/managed-labels.ts";
import { Namespaces } from "../../components/platform/namespaces.ts";
import { record } from "../recorder.ts";

describe("Namespaces", () => {
  const shop = { place: "apps", name: "shop", labels: podSecurityLabels("restricted"), retain: false } as const;

  it.each([true, false])("admit only restricted pods (preview %s)", async (preview) => {
    const recording = await record(() => void new Namespaces("namespaces", { namespaces: [shop] }), { preview });
    expect(recording.get("namespaces-apps").inputs["metadata"]).toEqual({
      name: "shop",
      labels: {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/warn-version": "latest",
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/audit-version": "latest",
      },
    });
    expect(recording.get("namespaces-apps")).toMatchObject({ protect: false, retainOnDelete: false });
  });

  it("outlive the stack where volumes in them are to, and no destroy of all goes past them", async () => {
    const recording = await record(
      () => void new Namespaces("namespaces", { namespaces: [{ ...shop, retain: true }] }),
    );
    expect(recording.get("namespaces-apps")).toMatchObject({ protect: true, retainOnDelete: true });
  });

  it("are known by name once they are made", async () => {
    const recording = await record(() => {
      const namespaces = new Namespaces("namespaces", { namespaces: [shop] });
      new k8s.core.v1.ServiceAccount("user", { metadata: { name: "user", namespace: namespaces.nameOf("apps") } });
      expect(() => namespaces.nameOf("other")).toThrow('there is no namespace for "other"');
    });
    expect(recording.get("user").inputs["metadata"]).toMatchObject({ namespace: "shop" });
    expect(recording.get("user").dependencies).toEqual([recording.get("namespaces-apps").urn]);
  });
});

describe("LocalPath", () => {
  const make = (preview: boolean) =>
    record(
      () => void new LocalPath("local-path", { image: "provisioner:v1", helperImage: "busybox:1", path: "/data" }),
      { preview },
    );

  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    expect((await make(preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apps/v1:Deployment::local-path-deployment",
      "kubernetes:core/v1:ConfigMap::local-path-config",
      "kubernetes:core/v1:Namespace::local-path-namespace",
      "kubernetes:core/v1:ServiceAccount::local-path-account",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole::local-path-cluster-role",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding::local-path-cluster-binding",
      "kubernetes:rbac.authorization.k8s.io/v1:Role::local-path-role",
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding::local-path-binding",
      "kubernetes:storage.k8s.io/v1:StorageClass::local-path-class",
      "quorum:platform:LocalPath::local-path",
    ]);
  });

  it("makes volumes in the given folder, with the given helper", async () => {
    const data = (await make(false)).get("local-path-config").inputs["data"] as Record<string, string>;
    expect(JSON.parse(data["config.json"] ?? "")).toEqual({
      nodePathMap: [{ node: "DEFAULT_PATH_FOR_NON_LISTED_NODES", paths: ["/data"] }],
    });
    expect(JSON.parse(data["helperPod.yaml"] ?? "")).toMatchObject({
      kind: "Pod",
      spec: { containers: [{ image: "busybox:1" }] },
    });
    expect(data["setup"]).toContain('mkdir -m 0777 -p "$VOL_DIR"');
    expect(data["teardown"]).toContain('rm -rf "$VOL_DIR"');
  });

  it("is the default class, and binds where the pod runs", async () => {
    expect((await make(false)).get("local-path-class").inputs).toMatchObject({
      metadata: {
        name: "local-path",
        annotations: { "storageclass.kubernetes.io/is-default-class": "true", defaultVolumeType: "local" },
      },
      provisioner: "rancher.io/local-path",
      volumeBindingMode: "WaitForFirstConsumer",
    });
  });

  it("has rights by name: no wildcard, no secrets", async () => {
    const recording = await make(false);
    const rules = [...recording.ofType(":Role"), ...recording.ofType(":ClusterRole")].flatMap(
      (role) => role.inputs["rules"] as { resources: string[]; verbs: string[] }[],
    );
    expect(rules.flatMap((rule) => [...rule.resources, ...rule.verbs])).not.toEqual(expect.arrayContaining(["*"]));
    expect(rules.flatMap((rule) => rule.resources)).not.toContain("secrets");
  });
});

describe("the stack's labels", () => {
  const own = { "app.kubernetes.io/managed-by": "quorum", "quorum.dev/stack": "dev" };
  const labelled = (
    metadata: k8s.types.input.meta.v1.ObjectMeta | ReturnType<typeof output<{ name: string }>>,
    preview = false,
  ) =>
    record(
      () => {
        runtime.registerStackTransformation(labelObjects("dev"));
        new k8s.core.v1.ConfigMap("object", { metadata });
      },
      { preview },
    ).then((recording) => recording.get("object").inputs["metadata"]);

  it("are on every object, beside its own", async () => {
    expect(await labelled({ name: "object" })).toEqual({ name: "object", labels: own });
    expect(await labelled({ name: "object", labels: { app: "a" } })).toEqual({
      name: "object",
      labels: { app: "a", ...own },
    });
    expect(await labelled({ name: "object", labels: output({ app: "a" }) })).toMatchObject({
      labels: { app: "a", ...own },
    });
    expect(await labelled({ name: "object", labels: Promise.resolve({ app: "a" }) })).toMatchObject({
      labels: { app: "a", ...own },
    });
    expect(await labelled(output({ name: "object" }))).toEqual({ name: "object", labels: own });
  });

  it("hide nothing at preview beside a value that is not known yet", async () => {
    const later = unsecret(output(new Promise<string>((resolve) => setTimeout(() => resolve("later"), 1))));
    expect(await labelled({ name: "object", annotations: { note: later } }, true)).toMatchObject({
      name: "object",
      labels: own,
    });
  });

  it("are not on what is no Kubernetes object", () => {
    const transformation = labelObjects("dev");
    expect(
      transformation({
        type: "docker:index/image:Image",
        props: {},
        opts: {},
        name: "a",
        resource: undefined as never,
      }),
    ).toBeUndefined();
  });
});
