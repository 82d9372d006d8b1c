import { describe, expect, it } from "vitest";
import { ArchiveVolume } from "../../components/control-plane/archive-store.ts";
import type { CareJobArgs } from "../../components/control-plane/care-job.ts";
import { backupFiles, EtcdBackup } from "../../components/control-plane/etcd-backup.ts";
import { EtcdMaintenance, maintenanceFiles } from "../../components/control-plane/etcd-maintenance.ts";
import { drillFiles, RestoreDrill } from "../../components/control-plane/restore-drill.ts";
import type { ArchiveStore } from "../../components/plan/control-plane/care.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { record } from "../recorder.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */

const common: CareJobArgs = {
  namespace: "agents",
  image: "node:0",
  etcdImage: "etcd:0",
  schedule: "17 * * * *",
  timeZone: "Etc/UTC",
  hosts: ["cp-a", "cp-b", "cp-c"],
  priorityClassName: "critical",
};
const s3 = {
  endpoint: "https://s3.example.com",
  bucket: "prod",
  prefix: "etcd",
  region: "eu",
  provider: "Minio",
  accessKeyId: "hush id",
  secretAccessKey: "hush key",
  caCertificate: "PEM",
};

const make = (store: ArchiveStore, { preview = false, local = false, retain = true } = {}) =>
  record(
    () => {
      const archives = new ArchiveVolume("archives", { namespace: "agents", store, rcloneImage: "rclone:0", retain });
      new EtcdBackup("backup", {
        ...common,
        cluster: "prod",
        kubernetesVersion: "1.37.2",
        endpoints: ["https://192.0.2.11:2379"],
        quotaMiB: 2048,
        recipients: ["age1x"],
        store,
        keep: { last: 24, days: 30 },
        local,
        archives,
      });
      new RestoreDrill("drill", { ...common, cluster: "prod", quotaMiB: 2048, memoryMiB: 700, archives });
      new EtcdMaintenance("maintenance", {
        ...common,
        quotaPercent: 80,
        freeMiB: 200,
        dryRun: false,
        clusters: [{ name: "etcd", endpoints: ["https://192.0.2.11:2379"] }],
        servers: [],
      });
    },
    { preview },
  );

type Recorded = Awaited<ReturnType<typeof make>>;
const pod = (recording: Recorded, name: string) =>
  (recording.get(`${name}-cronjob`).inputs as any).spec.jobTemplate.spec.template.spec;
const settingsOf = (spec: any) =>
  JSON.parse(spec.containers[0].env.find(({ name }: any) => name === "SETTINGS").value) as Record<string, any>;
const hostPaths = (spec: any) => spec.volumes.flatMap(({ hostPath }: any) => hostPath?.path ?? []) as string[];

describe("the care of etcd", () => {
  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    expect((await make({ s3 }, { preview })).names().slice(1).sort()).toEqual([
      "kubernetes:batch/v1:CronJob::backup-cronjob",
      "kubernetes:batch/v1:CronJob::drill-cronjob",
      "kubernetes:batch/v1:CronJob::maintenance-cronjob",
      "kubernetes:core/v1:ConfigMap::backup-program",
      "kubernetes:core/v1:ConfigMap::drill-program",
      "kubernetes:core/v1:ConfigMap::maintenance-program",
      "kubernetes:core/v1:Secret::archives-secret",
      "kubernetes:core/v1:ServiceAccount::backup-account",
      "kubernetes:core/v1:ServiceAccount::drill-account",
      "kubernetes:core/v1:ServiceAccount::maintenance-account",
      "quorum:control-plane:ArchiveVolume::archives",
      "quorum:control-plane:EtcdBackup::backup",
      "quorum:control-plane:EtcdMaintenance::maintenance",
      "quorum:control-plane:RestoreDrill::drill",
    ]);
  });

  it("has none of the host's rights but to read what it needs", async () => {
    const recording = await make({ nfs: { server: "nfs.example.com", path: "/etcd" } });
    for (const name of ["backup", "drill", "maintenance"]) {
      const spec = pod(recording, name);
      expect(spec).toMatchObject({ automountServiceAccountToken: false, restartPolicy: "Never" });
      for (const field of ["hostNetwork", "hostPID", "hostIPC"]) expect(spec[field]).toBeUndefined();
      for (const container of [...spec.containers, ...spec.initContainers]) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
          privileged: false,
          readOnlyRootFilesystem: true,
        });
        for (const { mountPath, readOnly } of container.volumeMounts ?? [])
          expect(readOnly === true || ["/work", "/state", "/metrics", "/store"].includes(mountPath), mountPath).toBe(
            true,
          );
      }
    }
    const own = ["/var/lib/quorum/etcd-care", "/var/lib/quorum/metrics"];
    expect(hostPaths(pod(recording, "backup"))).toEqual([...own, "/etc/kubernetes"]);
    expect(hostPaths(pod(recording, "drill"))).toEqual(own);
    expect(hostPaths(pod(recording, "maintenance")).sort()).toEqual([
      "/etc/kubernetes/pki/apiserver-etcd-client.crt",
      "/etc/kubernetes/pki/apiserver-etcd-client.key",
      "/etc/kubernetes/pki/ca.crt",
      "/etc/kubernetes/pki/etcd/ca.crt",
      "/etc/kubernetes/pki/front-proxy-ca.crt",
      ...own,
    ]);
  });

  it("runs on control-plane hosts, the first of them where it can", async () => {
    const spec = pod(await make({ folder: "/mnt" }), "drill");
    expect(spec.nodeSelector).toEqual({ "node-role.kubernetes.io/control-plane": "" });
    const preferred = spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution;
    expect(preferred.map(({ weight, preference }: any) => [weight, preference.matchExpressions[0].values[0]])).toEqual([
      [100, "cp-a"],
      [70, "cp-b"],
      [40, "cp-c"],
    ]);
  });

  it("brings every module that its programs import", async () => {
    const recording = await make({ folder: "/mnt" });
    for (const [name, files] of Object.entries({
      backup: backupFiles,
      drill: drillFiles,
      maintenance: maintenanceFiles,
    })) {
      const { data } = recording.get(`${name}-program`).inputs as any;
      expect(Object.keys(data).sort()).toEqual([...files].sort());
      for (const text of Object.values<string>(data))
        for (const [, file = ""] of text.matchAll(/from "\.\/([a-z-]+\.mjs)"/g)) expect(files).toContain(file);
      expect(pod(recording, name).containers[0].command).toEqual(["node", `/opt/etcd-care/${files[0]}`]);
      expect(data[files[0] ?? ""]).toBe(
        readFileSync(join(import.meta.dirname, "../../components/control-plane/care", files[0] ?? ""), "utf8"),
      );
    }
  });

  it("tells the backup what to save, and to whom it is encrypted", async () => {
    expect(settingsOf(pod(await make({ folder: "/mnt" }), "backup"))).toMatchObject({
      cluster: "prod",
      endpoints: ["https://192.0.2.11:2379"],
      recipients: ["age1x"],
      keep: { last: 24, days: 30 },
      etc: "/host",
    });
  });
});

describe("the store", () => {
  const variables = (spec: any) =>
    Object.fromEntries(
      spec.containers[0].env.map(({ name, value, valueFrom }: any) => [name, value ?? valueFrom]),
    ) as Record<string, any>;

  it("that is an object store keeps its keys in a Secret, and nowhere else", async () => {
    const recording = await make({ s3 });
    const secret = recording.get("archives-secret");
    expect((secret.inputs as any).stringData).toMatchObject({ accessKeyId: "hush id", secretAccessKey: "hush key" });
    for (const key of ["accessKeyId", "secretAccessKey"])
      expect(secret.secretPaths.some((path) => path.every((part, at) => part === ["stringData", key][at]))).toBe(true);
    const others = recording.resources.filter((one) => one !== secret);
    expect(JSON.stringify(others.map(({ inputs }) => inputs))).not.toContain("hush");
    for (const name of ["backup", "drill"]) {
      const spec = pod(recording, name);
      expect(variables(spec)).toMatchObject({
        STORE_REMOTE: "store:prod/etcd",
        RCLONE_CONFIG_STORE_PROVIDER: "Minio",
        RCLONE_CONFIG_STORE_ENDPOINT: "https://s3.example.com",
        RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY: { secretKeyRef: { key: "secretAccessKey" } },
        RCLONE_CA_CERT: "/etc/etcd-archives/ca.crt",
      });
      expect(spec.initContainers.map(({ name: each }: any) => each)).toEqual(["rclone", "tools"]);
    }
  });

  it("that is a claim outlives the stack where data does, and only the backup writes to it", async () => {
    const recording = await make({ claim: { storageGiB: 9, className: "network" } });
    const claim = recording.get("archives-claim");
    expect(claim).toMatchObject({ protect: true });
    expect((claim.inputs as any).spec).toMatchObject({
      storageClassName: "network",
      resources: { requests: { storage: "9Gi" } },
    });
    const mount = (name: string) =>
      pod(recording, name).containers[0].volumeMounts.find(({ mountPath }: any) => mountPath === "/store");
    expect(mount("backup").readOnly).toBe(false);
    expect(mount("drill").readOnly).toBe(true);
    expect((await make({ claim: { storageGiB: 9 } }, { retain: false })).get("archives-claim").protect).toBeFalsy();
  });

  it("that is a folder must be another machine's, but on local hosts", async () => {
    expect(variables(pod(await make({ folder: "/mnt" }), "backup"))["STORE_MUST_BE_MOUNTED"]).toBe("yes");
    expect(variables(pod(await make({ folder: "/mnt" }, { local: true }), "backup"))["STORE_MUST_BE_MOUNTED"]).toBe(
      "no",
    );
  });
});
