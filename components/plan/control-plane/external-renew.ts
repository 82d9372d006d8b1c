import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { etcdCertificateLines, generatedMembers, isBeyond } from "./external-etcd.ts";
import { nodeSeconds, onlyRun, pki } from "./host-steps.ts";
import { memberFunctions } from "./member-functions.ts";
import { lines, prelude } from "../shell.ts";

/**
 * Lines that make a host's certificates of etcd anew where kubeadm does not, as it is told of an etcd that others look after. They
 * are put aside first: what is missing is made, also by a run that follows one that was ended here.
 */
export function renewEtcdCertificates(plan: ControlPlanePlan, host: PlannedHost): string[] {
  if (plan.etcdMode === "stacked" || !isBeyond(plan, host)) return [];
  const pairs = ["etcd/server", "etcd/peer", "etcd/healthcheck-client", "apiserver-etcd-client"];
  return [
    `for pair in ${pairs.join(" ")}; do`,
    `  for file in crt key; do [ ! -e ${pki}/$pair.$file ] || mv -f ${pki}/$pair.$file ${pki}/$pair.$file.old; done`,
    `done`,
    ...etcdCertificateLines(plan, host),
  ];
}

/** Lines that restart a host's members that kubeadm does not make, one after the other, each once the others are well. */
export function memberRestartLines(plan: ControlPlanePlan, host: PlannedHost): string[] {
  const members = generatedMembers(plan, host.name);
  if (members.length === 0) return [];
  return [
    ...memberFunctions(host),
    `restore_pods`,
    ...members.flatMap(({ pod, ports: { client } }) => [
      `spare() { etcd_spare https://127.0.0.1:${client}; }`,
      `wait_for ${nodeSeconds} spare || fail "${pod} of ${host.name} is not restarted: another member of its cluster does not answer, and the quorum would be lost; bring that one back first"`,
      `restart_pod ${pod} ${client}`,
      `wait_for ${nodeSeconds} etcd_well ${client} || fail "${pod} of ${host.name} is not healthy after its restart; look at its log on ${host.address}"`,
    ]),
  ];
}

/**
 * The same without a look at the others, who wait for this one: certificates that have run out keep all of them apart. The
 * functions of `memberFunctions` must be there.
 */
export function restartLines(plan: ControlPlanePlan, host: PlannedHost): string[] {
  const members = generatedMembers(plan, host.name);
  return [`restore_pods`, ...members.map(({ pod, ports: { client } }) => `restart_pod ${pod} ${client}`)];
}

export function renewEtcdHostScript(plan: ControlPlanePlan, host: PlannedHost): string {
  const counts = plan.etcd.some((member) => member.host === host.name && member.cluster === "main");
  return lines(
    prelude,
    onlyRun(host),
    ...renewEtcdCertificates(plan, host),
    ...memberRestartLines(plan, host),
    ...(counts ? [`standing`] : []),
  );
}
