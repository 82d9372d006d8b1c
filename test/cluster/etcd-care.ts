import { eventually, kubectl, query, succeed } from "./quorum.ts";

const namespace = "monitoring-agents";

/** Runs the maintenance of stack dev's etcd at once. @returns what it said */
export async function maintainEtcd(): Promise<string> {
  const name = `etcd-maintenance-${Date.now().toString(36)}`;
  await kubectl(["create", "job", "--from=cronjob/etcd-maintenance", name, "-n", namespace]);
  await kubectl(["wait", "--for=condition=Complete", `job/${name}`, "-n", namespace, "--timeout=90s"]);
  return kubectl(["logs", `job/${name}`, "-n", namespace, "-c", "etcd-maintenance"]);
}

/** Lets each task of etcd's care have run, as it has on a stack that is some hours old: its figures are there then. */
export async function caredForEtcd(): Promise<void> {
  const tasks = "count(quorum:etcd_care_success_time_seconds)";
  if ((await query(tasks)) === 3) return;
  await succeed(["backup", "run", "etcd"]);
  await Promise.all([succeed(["backup", "drill", "etcd"]), maintainEtcd()]);
  await eventually("Prometheus has the figures of etcd's care", 90, async () =>
    (await query(tasks)) === 3 ? true : undefined,
  );
}
