import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { manifests, recoveries } from "./host-findings.ts";
import { adminKubeconfig, nodeSeconds, onlyRun } from "./host-steps.ts";
import { etcdFunctions } from "./operation.ts";
import { RecoveryScripts } from "./recover-scripts.ts";
import { restoreScript } from "./restore-script.ts";
import { endSeconds, staticPodFunctions } from "./static-pod-functions.ts";
import { lines, prelude } from "../shell.ts";

/** Members of the cluster of all objects. */
export const mainOf = ({ etcd }: Pick<ControlPlanePlan, "etcd">) => etcd.filter(({ cluster }) => cluster === "main");

/** The scripts of a recovery where a host may hold several members, or none. */
export class RecoverAllScripts extends RecoveryScripts {
  /** The same for every part of a control plane that lies on the host, by its manifests. */
  stopAll(host: PlannedHost): string {
    const { plan } = this.recovery.context;
    return lines(
      prelude,
      staticPodFunctions,
      `mkdir -p ${this.folder}`,
      onlyRun(host),
      `[ ! -e ${this.folder}/restored ] || exit 0`,
      `systemctl is-active --quiet kubelet || systemctl start kubelet >&2 || true`,
      `for file in ${partsOf(plan, host.name)
        .map((part) => `${manifests}/${part}.yaml`)
        .join(" ")}; do [ ! -e "$file" ] || put_away "$(basename "$file" .yaml)" ${this.folder}/manifests; done`,
      `stopped() { ${portsOf(plan, host.name)
        .map((port) => `closed ${port}`)
        .join(" && ")}; }`,
      `wait_for ${endSeconds} stopped || fail "etcd or an API server of ${host.name} does not end; see that its kubelet runs (systemctl status kubelet on ${host.address}), or end them there by hand, and run the same command again"`,
    );
  }

  /** Starts what was stopped on a host. */
  startAll(host: PlannedHost): string {
    const { plan } = this.recovery.context;
    return lines(
      prelude,
      staticPodFunctions,
      onlyRun(host),
      `for file in ${this.folder}/manifests/*.yaml; do [ ! -e "$file" ] || mv -f "$file" ${manifests}/; done`,
      `started() { ${portsOf(plan, host.name, "etcd")
        .map((port) => `listens ${port}`)
        .join(" && ")}; }`,
      `wait_for ${nodeSeconds} started || fail "etcd of ${host.name} does not start with the restored data; look at its log on ${host.address}"`,
    );
  }

  /** Waits on the first host until all members answer, and every API server. */
  whole(): string {
    const { plan } = this.recovery.context;
    const servers = plan.apiServers.map(({ address, ports }) => `https://${address}:${ports.api}`);
    return lines(
      prelude,
      etcdFunctions,
      `whole() { set -- $(standing); [ "$2" = "$3" ]; }`,
      `wait_for ${nodeSeconds} whole || fail "not all members of etcd answer with the restored data; look at their logs"`,
      `ready() { kubectl --kubeconfig ${adminKubeconfig} --server "$1" get --raw /readyz/etcd >/dev/null 2>&1; }`,
      `for server in ${servers.join(" ")}; do wait_for ${nodeSeconds} ready "$server" || fail "the API server at $server does not reach etcd; look at its log"; done`,
      `standing`,
      `rm -f ${recoveries}/under-way`,
    );
  }

  /** The same for every member on a host, as one cluster with the members of all other hosts. */
  restoreAll(host: PlannedHost, summed: boolean): string {
    const all = mainOf(this.recovery.context.plan);
    return restoreScript(
      this.recovery,
      host,
      all.filter((member) => member.host === host.name),
      all,
      summed,
    );
  }
}

/** Names of the static pods of a host that are the control plane's; the balancer's go on. */
function partsOf(plan: ControlPlanePlan, host: string): string[] {
  const members = mainOf(plan)
    .filter((member) => member.host === host)
    .map(({ pod }) => pod);
  return [...["kube-scheduler", "kube-controller-manager", "kube-apiserver"].map((name) => `${name}*`), ...members];
}

function portsOf(plan: ControlPlanePlan, host: string, only?: "etcd"): number[] {
  const members = mainOf(plan).filter((member) => member.host === host);
  const servers = only === "etcd" ? [] : plan.apiServers.filter((one) => one.host === host);
  return [...members.map(({ ports }) => ports.client), ...servers.map(({ ports }) => ports.api)];
}
