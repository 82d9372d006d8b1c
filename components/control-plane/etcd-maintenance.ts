import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { careResources, type EtcdMaintenanceSettings } from "../plan/control-plane/care.ts";
import { careJob, type CareJobArgs } from "./care-job.ts";

export interface EtcdMaintenanceArgs extends CareJobArgs, Omit<EtcdMaintenanceSettings, "enabled"> {
  /** Clusters of etcd by their names, and where all members of each answer. */
  readonly clusters: readonly { readonly name: string; readonly endpoints: readonly string[] }[];
  /** Who shows a certificate whose end is watched. */
  readonly servers: readonly { readonly certificate: string; readonly host: string; readonly port: number }[];
}

/** Files of ./care that the program is made of. */
export const maintenanceFiles = ["maintenance.mjs", "etcd.mjs", "programs.mjs"];

const pki = "/etc/kubernetes/pki";
/** Of the host's keys and certificates it gets these, each by itself. */
const files = {
  "etcd-ca.crt": `${pki}/etcd/ca.crt`,
  "client.crt": `${pki}/apiserver-etcd-client.crt`,
  "client.key": `${pki}/apiserver-etcd-client.key`,
  "ca.crt": `${pki}/ca.crt`,
  "front-proxy-ca.crt": `${pki}/front-proxy-ca.crt`,
};

/**
 * Gives etcd's members their disk back, by the rule and on a schedule: one at a time, the leader last, and none unless all are well.
 * Old revisions are compacted by the API server itself, every 5 minutes; the files shrink only by this. It also tells Prometheus when
 * the certificates end that API servers and members show, and those of the authorities.
 */
export class EtcdMaintenance extends pulumi.ComponentResource {
  readonly cronJob: k8s.batch.v1.CronJob;

  constructor(name: string, args: EtcdMaintenanceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:control-plane:EtcdMaintenance", name, {}, opts);
    const { clusters, servers, quotaPercent, freeMiB, dryRun } = args;
    const at = (file: keyof typeof files) => `/pki/${file}`;
    const given = Object.entries(files).map(([file, path]) => ({ name: file.replaceAll(".", "-"), file, path }));
    this.cronJob = careJob(
      name,
      args,
      {
        task: "maintenance",
        files: maintenanceFiles,
        settings: {
          clusters,
          rule: { quotaPercent, freeMiB },
          dryRun,
          tls: { ca: at("etcd-ca.crt"), cert: at("client.crt"), key: at("client.key") },
          certificates: {
            files: {
              "cluster authority": at("ca.crt"),
              "etcd authority": at("etcd-ca.crt"),
              "front proxy authority": at("front-proxy-ca.crt"),
              "etcd client of the API server": at("client.crt"),
            },
            servers,
          },
          state: "/state",
          metrics: "/metrics",
        },
        resources: careResources("maintenance", { etcd: { quotaMiB: 0 } }),
        mounts: given.map(({ name: volume, file }) => ({ name: volume, mountPath: `/pki/${file}`, readOnly: true })),
        volumes: given.map(({ name: volume, path }) => ({ name: volume, hostPath: { path, type: "File" } })),
      },
      this,
    );
    this.registerOutputs({});
  }
}
