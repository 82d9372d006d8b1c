import { describe, expect, it } from "vitest";
import { volumeBackups } from "../../components/plan/platform/volume-backup.ts";
import { Registry, type RegistryArgs } from "../../components/platform/registry.ts";
import { VolumeBackup, type VolumeBackupArgs } from "../../components/platform/volume-backup.ts";
import { volumeJob } from "../../engine/volume-jobs.ts";
import type { KubeObject } from "../../engine/direct/objects.ts";
import { record } from "../recorder.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */

const shop = { kind: "StatefulSet" as const, replicas: 2, volumes: { data: { backup: true, storageGiB: 5 } } };

describe("VolumeBackup", () => {
  const args: VolumeBackupArgs = {
    namespace: "apps",
    image: "restic:0",
    stack: "prod",
    backups: volumeBackups({ shop }),
    repository: "rest:https://robot:hush@backup.example.com/",
    password: "hush hush",
    environment: { AWS_ACCESS_KEY_ID: "hush id" },
  };
  const make = (more: Partial<VolumeBackupArgs> = {}, preview = false) =>
    record(() => void new VolumeBackup("backup", { ...args, ...more }), { preview });
  const pod = async (more: Partial<VolumeBackupArgs> = {}) =>
    ((await make(more)).get("backup-backup-shop-data-0").inputs as any).spec.jobTemplate.spec.template.spec;

  it.each([true, false])("makes a CronJob for each claim (preview %s)", async (preview) => {
    expect((await make({}, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:batch/v1:CronJob::backup-backup-shop-data-0",
      "kubernetes:batch/v1:CronJob::backup-backup-shop-data-1",
      "kubernetes:core/v1:ConfigMap::backup-script",
      "kubernetes:core/v1:Secret::backup-secret",
      "kubernetes:core/v1:ServiceAccount::backup-account",
      "quorum:platform:VolumeBackup::backup",
    ]);
  });

  it("keeps what opens the repository in a Secret, and nowhere else", async () => {
    const recording = await make();
    const secret = recording.get("backup-secret");
    expect((secret.inputs as any).stringData).toMatchObject({
      password: "hush hush",
      "env.AWS_ACCESS_KEY_ID": "hush id",
      "repository.data-shop-1": "rest:https://robot:hush@backup.example.com/prod.data-shop-1",
    });
    for (const key of ["password", "env.AWS_ACCESS_KEY_ID", "repository.data-shop-1"])
      expect(secret.secretPaths.some((path) => path.every((part, at) => part === ["stringData", key][at]))).toBe(true);
    const others = recording.resources.filter((one) => one !== secret);
    expect(JSON.stringify(others.map(({ inputs }) => inputs))).not.toContain("hush");
  });

  it("reads the claim beside the pod that uses it, and cannot write", async () => {
    const spec = await pod();
    expect(spec.volumes[0]).toEqual({ name: "data", persistentVolumeClaim: { claimName: "data-shop-0" } });
    expect(spec.containers[0].volumeMounts[0]).toEqual({ name: "data", mountPath: "/data", readOnly: true });
    const [term] = spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution;
    expect(term.labelSelector.matchLabels).toEqual({ app: "shop", "statefulset.kubernetes.io/pod-name": "shop-0" });
  });

  it("reads a clone, wherever, when asked to", async () => {
    const spec = await pod({ clone: true, storageClassName: "csi" });
    expect(spec.affinity).toBeUndefined();
    expect(spec.volumes[0].ephemeral.volumeClaimTemplate.spec).toEqual({
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "5Gi" } },
      storageClassName: "csi",
      dataSource: { kind: "PersistentVolumeClaim", name: "data-shop-0" },
    });
  });

  it("is restored by a Job that alone may write, and checked by one that mounts nothing", async () => {
    const cronJob = (await make()).get("backup-backup-shop-data-0").inputs as unknown as KubeObject;
    const job = (mode: "restore" | "check" | "backup", into?: string) =>
      volumeJob(cronJob, { mode, name: "one", snapshot: "abc", overwrite: true, into }) as any;
    const restore = job("restore", "other");
    const spec = restore.spec.template.spec;
    expect(spec.volumes[0]).toEqual({ name: "data", persistentVolumeClaim: { claimName: "other" } });
    expect(spec.containers[0].volumeMounts[0]).toMatchObject({ name: "data", readOnly: false });
    expect(spec.affinity).toBeUndefined();
    expect(spec.containers[0].env).toEqual(
      expect.arrayContaining([
        { name: "MODE", value: "restore" },
        { name: "SNAPSHOT", value: "abc" },
        { name: "OVERWRITE", value: "yes" },
      ]),
    );
    expect(job("check").spec.template.spec.volumes[0]).toEqual({ name: "data", emptyDir: {} });
    expect(job("backup").metadata.ownerReferences[0]).toMatchObject({ kind: "CronJob", controller: true });
    expect(restore.metadata.ownerReferences).toBeUndefined();
  });
});

describe("Registry", () => {
  const args: RegistryArgs = {
    namespace: "registry",
    image: "registry:3",
    nodeImage: "node:24",
    hostname: "registry.example.com",
    htpasswd: "robot:$2y$05$hush",
    tls: { secretName: "registry-tls" },
  };
  const make = (more: Partial<RegistryArgs> = {}, preview = false) =>
    record(() => void new Registry("registry", { ...args, ...more }), { preview });

  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    expect((await make({}, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apps/v1:StatefulSet::registry-server",
      "kubernetes:batch/v1:CronJob::registry-restart-job",
      "kubernetes:core/v1:ConfigMap::registry-config",
      "kubernetes:core/v1:ConfigMap::registry-restart-program",
      "kubernetes:core/v1:Secret::registry-users",
      "kubernetes:core/v1:Service::registry-service",
      "kubernetes:core/v1:ServiceAccount::registry-account",
      "kubernetes:core/v1:ServiceAccount::registry-restart-account",
      "kubernetes:rbac.authorization.k8s.io/v1:Role::registry-restart-role",
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding::registry-restart-binding",
      "quorum:platform:PodRestart::registry-restart",
      "quorum:platform:Registry::registry",
    ]);
  });

  it("has its certificate made by an issuer, when there is one", async () => {
    const tls = { secretName: "registry-tls", issuer: "letsencrypt" };
    expect((await make({ tls })).get("registry-certificate").inputs).toMatchObject({
      kind: "Certificate",
      spec: { secretName: "registry-tls", dnsNames: ["registry.example.com"], issuerRef: { name: "letsencrypt" } },
    });
  });

  it("keeps its users in a Secret, and restarts when they change", async () => {
    const [before, after] = [await make(), await make({ htpasswd: "robot:$2y$05$other" })];
    const users = before.get("registry-users");
    expect((users.inputs as any).stringData).toEqual({ htpasswd: "robot:$2y$05$hush" });
    const others = before.resources.filter((one) => one !== users);
    expect(JSON.stringify(others.map(({ inputs }) => inputs))).not.toContain("$2y$");
    const hash = (recording: typeof before) =>
      (recording.get("registry-server").inputs as any).spec.template.metadata.annotations["quorum.dev/users-hash"];
    expect(hash(before)).not.toBe(hash(after));
  });

  it("collects garbage before it serves, and its restarter may end that one pod", async () => {
    const recording = await make();
    const spec = (recording.get("registry-server").inputs as any).spec.template.spec;
    expect(spec.initContainers.map((one: any) => one.name)).toEqual(["folders", "garbage-collection"]);
    // Manifests without a tag stay: pods name images by digest.
    expect(spec.initContainers[1].command).toEqual(["registry", "garbage-collect", "/etc/distribution/config.yml"]);
    expect((recording.get("registry-restart-role").inputs as any).rules).toEqual([
      { apiGroups: [""], resources: ["pods"], resourceNames: ["registry-0"], verbs: ["get", "delete"] },
    ]);
  });
});
