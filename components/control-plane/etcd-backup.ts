import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { careResources, type EtcdBackupSettings } from "../plan/control-plane/care.ts";
import { careJob, type CareJobArgs, carePaths } from "./care-job.ts";
import type { ArchiveStoreParts, ArchiveVolume } from "./archive-store.ts";

export interface EtcdBackupArgs extends CareJobArgs, EtcdBackupSettings<pulumi.Input<string>> {
  /** Name of the cluster: the first part of each archive's name. */
  readonly cluster: string;
  readonly kubernetesVersion: string;
  /** Where etcd's members answer: one of them is saved. */
  readonly endpoints: readonly string[];
  /** Size that etcd's database may have, which room is made for. */
  readonly quotaMiB: number;
  /** Whether the store's folder may be on the hosts' own disks. @default false */
  readonly local?: boolean;
  readonly archives: ArchiveVolume;
}

/** Files of ./care that the program is made of. */
export const backupFiles = ["backup.mjs", "age.mjs", "archive.mjs", "etcd.mjs", "programs.mjs", "store.mjs"];

/**
 * Backups of etcd, and of what a control-plane host has in /etc/kubernetes: authorities, keys, the keys of encryption at rest,
 * kubeadm's configuration and manifests. One archive each, checked before it is stored, encrypted to public keys whose private halves
 * are not in the cluster, read back from a store off the hosts, and only then named.
 *
 * Its pod reads every key of the control plane: who may make pods in its namespace may do what it does.
 */
export class EtcdBackup extends pulumi.ComponentResource {
  readonly cronJob: k8s.batch.v1.CronJob;

  constructor(name: string, args: EtcdBackupArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:control-plane:EtcdBackup", name, {}, opts);
    const { cluster, kubernetesVersion, endpoints, recipients, keep, archives } = args;
    const store: ArchiveStoreParts = archives.parts("backup");
    const pki = `${carePaths.etc}/kubernetes/pki`;
    this.cronJob = careJob(
      name,
      args,
      {
        task: "backup",
        files: backupFiles,
        settings: {
          cluster,
          kubernetesVersion,
          endpoints,
          recipients,
          keep,
          tls: {
            ca: `${pki}/etcd/ca.crt`,
            cert: `${pki}/apiserver-etcd-client.crt`,
            key: `${pki}/apiserver-etcd-client.key`,
          },
          work: `${carePaths.work}/archive`,
          etc: carePaths.etc,
          state: carePaths.state,
          metrics: carePaths.metrics,
        },
        resources: careResources("backup", { etcd: { quotaMiB: args.quotaMiB } }),
        env: [{ name: "STORE_MUST_BE_MOUNTED", value: args.local === true ? "no" : "yes" }, ...store.env],
        initContainers: store.initContainers,
        mounts: [{ name: "etc", mountPath: `${carePaths.etc}/kubernetes`, readOnly: true }, ...store.mounts],
        volumes: [{ name: "etc", hostPath: { path: "/etc/kubernetes", type: "Directory" } }, ...store.volumes],
      },
      this,
    );
    this.registerOutputs({});
  }
}
