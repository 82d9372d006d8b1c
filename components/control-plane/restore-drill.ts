import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { careResources, type RestoreDrillSettings } from "../plan/control-plane/care.ts";
import type { ArchiveVolume } from "./archive-store.ts";
import { careJob, type CareJobArgs, carePaths } from "./care-job.ts";

export interface RestoreDrillArgs extends CareJobArgs, Omit<RestoreDrillSettings, "enabled"> {
  /** Name of the cluster whose archives are tried. */
  readonly cluster: string;
  /** Size that etcd's database may have, which room is made for. */
  readonly quotaMiB: number;
  readonly archives: ArchiveVolume;
}

/** Files of ./care that the program is made of. */
export const drillFiles = ["drill.mjs", "age.mjs", "archive.mjs", "etcd.mjs", "programs.mjs", "store.mjs"];

/**
 * Takes the last archive out of the store and restores it, on a schedule, into an etcd that is thrown away: what is there then must
 * have the revision, the number of keys and the hash that the backup noted of the member that it saved.
 *
 * The site's private key stays where it is. The backup leaves the key of its last archive alone on its host, to root, where all that
 * is in the archive lies open anyway; it opens no other archive. So this proves the stored bytes and all that is made of them, and
 * not that the site's key opens them: `npm run backup -- drill etcd --from ARCHIVE --key FILE` proves that too.
 */
export class RestoreDrill extends pulumi.ComponentResource {
  readonly cronJob: k8s.batch.v1.CronJob;

  constructor(name: string, args: RestoreDrillArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:control-plane:RestoreDrill", name, {}, opts);
    const { cluster, quotaMiB, memoryMiB, archives } = args;
    const store = archives.parts("drill");
    const drill = { enabled: true, schedule: args.schedule, timeZone: args.timeZone, memoryMiB };
    this.cronJob = careJob(
      name,
      args,
      {
        task: "drill",
        files: drillFiles,
        settings: {
          cluster,
          work: `${carePaths.work}/restored`,
          state: carePaths.state,
          metrics: carePaths.metrics,
        },
        resources: careResources("drill", { etcd: { quotaMiB, drill } }),
        env: store.env,
        initContainers: store.initContainers,
        mounts: store.mounts,
        volumes: store.volumes,
      },
      this,
    );
    this.registerOutputs({});
  }
}
