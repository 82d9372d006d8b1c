import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import type { EtcdCluster, EtcdMember } from "./etcd-members.ts";
import { onlyRun } from "./host-steps.ts";
import type { Standing } from "./member-change.ts";
import { becoming, etcdFunctions, type OperationStep, silentEtcd } from "./operation.ts";
import { lines, prelude } from "../shell.ts";

/**
 * Steps that take a dead host's members that kubeadm did not make out of their clusters, each asked of the next host that has one:
 * of several dead hosts, one at least is followed by one that lives.
 */
export function generatedRemovals(
  plan: ControlPlanePlan,
  dead: PlannedHost,
  before: Standing,
  after: Standing,
): OperationStep[] {
  return (["main", "events"] as const).flatMap((cluster): OperationStep[] => {
    const gone = plan.etcd.filter(
      (one) => one.host === dead.name && one.cluster === cluster && one.madeBy === "quorum",
    );
    const speaker = nextHolder(plan, dead.name, cluster);
    // The last of its cluster takes the cluster with it: for events, which alone may be, another is begun by up.
    if (gone.length === 0 || speaker === undefined) return [];
    return [
      {
        host: speaker.name,
        what: `removes the dead ${gone.map(({ name }) => name).join(", ")} from ${cluster === "main" ? "etcd" : "the etcd of events"}`,
        script: removalScript(plan, speaker, gone),
        standing: cluster === "main" ? becoming(before, after) : becoming(after, after),
      },
    ];
  });
}

function nextHolder(plan: ControlPlanePlan, name: string, cluster: EtcdCluster): PlannedHost | undefined {
  const machines = [...plan.hosts, ...plan.etcdHosts].sort((a, b) => (a.name < b.name ? -1 : 1));
  const at = machines.findIndex((one) => one.name === name);
  const following = [...machines.slice(at + 1), ...machines.slice(0, at)];
  return following.find((one) => plan.etcd.some((member) => member.host === one.name && member.cluster === cluster));
}

function removalScript(plan: ControlPlanePlan, speaker: PlannedHost, gone: readonly EtcdMember[]): string {
  const [one] = gone;
  const own = plan.etcd.find((member) => member.host === speaker.name && member.cluster === one?.cluster);
  const at = `https://127.0.0.1:${own?.ports.client ?? 0}`;
  return lines(
    prelude,
    onlyRun(speaker),
    etcdFunctions,
    ...gone.flatMap(({ name, host, peerUrl, clientUrl, address }) => [
      `mine=$(member_at ${peerUrl} ${at}) || fail "${silentEtcd(speaker.name)}"`,
      `if [ -n "$mine" ]; then`,
      `  if answers ${clientUrl}; then echo done; echo "etcd of ${host} answers at ${address}: there is nothing to replace; to change its machine, turn it off first" >&2; exit 0; fi`,
      `  etcd_ctl member remove "\${mine%%,*}" --endpoints ${at} >&2 || fail "etcd would not remove ${name}; with the quorum lost, run 'npm run control-plane -- recover'"`,
      `fi`,
    ]),
    ...(one?.cluster === "main" && own?.number === 1 ? [`standing`] : []),
  );
}
