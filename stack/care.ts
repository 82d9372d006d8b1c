import * as pulumi from "@pulumi/pulumi";
import { ArchiveVolume } from "../components/control-plane/archive-store.ts";
import type { CareJobArgs } from "../components/control-plane/care-job.ts";
import { EtcdBackup } from "../components/control-plane/etcd-backup.ts";
import { EtcdMaintenance } from "../components/control-plane/etcd-maintenance.ts";
import { RestoreDrill } from "../components/control-plane/restore-drill.ts";
import { careEndpoints, careOf, careWarnings, certificateServers } from "../components/plan/control-plane/care.ts";
import { planControlPlane } from "../components/plan/control-plane/control-plane.ts";
import { partPriorityClass } from "../components/plan/platform/priorities.ts";
import type { StackContext } from "./context.ts";
import type { Platform } from "./platform.ts";

/** What looks after etcd, on a control plane of ours. */
export function makeCare({ config, provider, images }: StackContext, platform: Platform): void {
  const { controlPlane, monitoring } = config;
  const watched = monitoring.prometheus.enabled && monitoring.nodeExporter.enabled;
  for (const warning of careWarnings(controlPlane, watched)) void pulumi.log.warn(warning);
  if (controlPlane.mode === "existing") return;
  const { backup, maintenance, drill } = careOf(controlPlane);
  const { main, events } = careEndpoints(controlPlane);
  const { clusterName: cluster, kubernetesVersion, local } = controlPlane;
  const { quotaMiB } = controlPlane.etcd;
  const common = (timed: Pick<CareJobArgs, "schedule" | "timeZone">): CareJobArgs => ({
    namespace: platform.nameOf("agents"),
    image: images.thirdParty("node"),
    etcdImage: images.thirdParty("etcd"),
    schedule: timed.schedule,
    timeZone: timed.timeZone,
    hosts: planControlPlane(controlPlane)
      .hosts.filter(({ role }) => role === "control-plane")
      .map(({ name }) => name),
    priorityClassName: partPriorityClass(config.platform),
  });
  if (maintenance !== undefined) {
    const clusters = [
      { name: "etcd", endpoints: main },
      ...(events.length > 0 ? [{ name: "events", endpoints: events }] : []),
    ];
    const servers = certificateServers(controlPlane);
    new EtcdMaintenance(
      "etcd-maintenance",
      { ...maintenance, ...common(maintenance), clusters, servers },
      { provider },
    );
  }
  if (backup === undefined) return;
  const archives = new ArchiveVolume(
    "etcd-archives",
    {
      namespace: platform.nameOf("agents"),
      store: backup.store,
      rcloneImage: backup.store.s3 && images.thirdParty("rclone"),
      storageClassName: platform.storageClassName,
      retain: config.storage.retain,
    },
    { provider },
  );
  new EtcdBackup(
    "etcd-backup",
    { ...backup, ...common(backup), cluster, kubernetesVersion, endpoints: main, quotaMiB, local, archives },
    { provider },
  );
  if (drill !== undefined)
    new RestoreDrill("restore-drill", { ...drill, ...common(drill), cluster, quotaMiB, archives }, { provider });
}
