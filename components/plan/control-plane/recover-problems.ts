import { encryptionFolder } from "./api-server-files.ts";
import type { ControlPlanePlan } from "./control-plane.ts";
import type { HostFindings } from "./host-findings.ts";
import type { StepContext } from "./host-steps.ts";
import { quorumOf } from "./hosts.ts";
import { membersOf, type RecoverySource, survivorOf } from "./recovery.ts";
import { versionProblems } from "./upgrade-checks.ts";
import { list, type Problem } from "../problems.ts";

const hostsKey = "quorum:controlPlane.hosts";

/** Why this control plane is not to be recovered as asked. */
export function recoverProblems(
  { settings, plan }: StepContext,
  findings: readonly HostFindings[],
  asked: "survivor" | "snapshot" | undefined,
): Problem[] {
  const members = membersOf(findings, plan.members);
  const lead = findings.find(({ host }) => host === plan.first.name);
  const problems: Problem[] = [];
  const well = members.filter(({ etcd }) => etcd === "answers");
  const begun = lead?.recovery !== undefined;
  if (well.length > 0 && !begun) {
    return [
      {
        key: hostsKey,
        text: `has a quorum: etcd of ${list(well.map(({ host }) => host))} answers, so there is nothing to recover; replace a dead host with \`npm run control-plane -- replace HOST\`, mend one member with \`npm run control-plane -- recover --member HOST\`, or let new machines join with \`npm run up\``,
      },
    ];
  }
  problems.push(...layoutProblems(plan, findings));
  if (lead === undefined || lead.unreachable !== undefined) {
    const others = members.filter(({ unreachable }) => unreachable === undefined).map(({ host }) => host);
    problems.push({
      key: "quorum:controlPlane.firstHost",
      text: `is ${plan.first.name}, but a recovery begins there and it cannot be entered (${lead?.unreachable ?? "no such host"}); ${others.length > 0 ? `set it to ${list(others, "or")}` : "start a machine at its address"}, or name it in --dead where its machine is a new one`,
    });
  } else if (lead.cluster !== undefined && lead.cluster !== settings.clusterName) {
    problems.push({
      key: `${hostsKey}.${lead.host}`,
      text: `belongs to cluster ${lead.cluster}, but quorum:controlPlane.clusterName is ${settings.clusterName}; set that name, or give the host's right address`,
    });
  }
  if (asked === undefined && !begun) problems.push(...needlessProblems(members));
  if (asked !== "snapshot" && lead?.recovery?.restored !== true && survivorOf(members, lead) === undefined) {
    const seen = members.map(
      ({ host, unreachable, data }) => `${host}: ${unreachable === undefined ? data : "not entered"}`,
    );
    problems.push({
      key: "--from",
      text: `is survivor, but no host has etcd's data whole (${seen.join(", ")}); give a snapshot: --from FILE`,
    });
  }
  return problems;
}

/** Members that kubeadm does not make are restored all at once, each where it lies. */
function layoutProblems(plan: ControlPlanePlan, findings: readonly HostFindings[]): Problem[] {
  if (plan.etcdMode === "stacked") return [];
  return plan.etcd
    .filter(({ cluster }) => cluster === "main")
    .flatMap(({ host, pod }): Problem[] => {
      const found = findings.find((one) => one.host === host);
      if (found?.unreachable === undefined && found?.pods.includes(pod) === true) return [];
      const why = found?.unreachable ?? `it has no ${pod} in /etc/kubernetes/manifests`;
      return [
        {
          key: `${hostsKey}.${host}`,
          text: `must hold its etcd member ${pod} again, but ${why}; where several members lie on one host, or etcd on hosts of its own, recover needs every machine of etcd with its /etc/kubernetes (an archive of EtcdBackup has it): start it, or put the folder back`,
        },
      ];
    });
}

/** Why the data of a source are of no use on the host that begins again. */
export function sourceProblems(
  { settings, plan }: StepContext,
  findings: readonly HostFindings[],
  source: RecoverySource,
): Problem[] {
  if (source.kind === "snapshot" && source.kubernetesVersion !== undefined) {
    const key = "quorum:controlPlane.kubernetesVersion";
    const problems = versionProblems(key, source.kubernetesVersion, settings.kubernetesVersion);
    if (problems.length > 0) return problems;
  }
  if (source.kind === "snapshot" && source.kept !== undefined) return [];
  const lead = findings.find(({ host }) => host === plan.first.name);
  const others = findings.filter(({ host, unreachable }) => host !== lead?.host && unreachable === undefined);
  const holder = others.find(({ authorities }) => authorities)?.host;
  if (lead?.authorities !== true && holder !== undefined) {
    return [
      {
        key: "quorum:controlPlane.firstHost",
        text: `is ${plan.first.name}, but that machine has no authorities of the cluster and ${holder} has them; set it to ${holder}`,
      },
    ];
  }
  const { provider, resources } = settings.encryption;
  if (lead?.keys !== true && provider !== "identity" && resources.length > 0) {
    return [
      {
        key: "--from",
        text: `gives no keys of encryption and ${plan.first.name} has none, but quorum:controlPlane.encryption has ${list(resources)} encrypted, which nobody could read then; give an archive of EtcdBackup, which holds them, or put ${encryptionFolder} of a host that is lost back`,
      },
    ];
  }
  return [];
}

/** With the data of so many members there, they have a quorum by themselves once their etcd runs. */
function needlessProblems(members: readonly HostFindings[]): Problem[] {
  const sound = members.filter(({ data }) => data === "sound");
  const quorum = quorumOf(members.length);
  if (members.length === 1 || sound.length < quorum) return [];
  const expired = sound.filter((member) => member.expired).map(({ host }) => host);
  const way =
    expired.length > 0
      ? `etcd's certificates have run out on ${list(expired)}: run \`npm run control-plane -- renew\``
      : "start etcd on them (systemctl status kubelet; crictl ps -a --name etcd), which loses nothing; where that cannot be done, say --from survivor";
  return [
    {
      key: hostsKey,
      text: `has ${sound.length} of ${members.length} members with their data (${list(sound.map(({ host }) => host))}), and ${quorum} are a quorum by themselves; ${way}`,
    },
  ];
}
