import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import type { HostFindings } from "./host-findings.ts";
import { adminKubeconfig, onlyRun } from "./host-steps.ts";
import { type KubeadmSettings, quorumOf } from "./hosts.ts";
import { generatedRemovals } from "./replace-members.ts";
import { factsOf } from "./init-step.ts";
import { hostFolder } from "./kubeadm-config.ts";
import { standingOf } from "./member-change.ts";
import { etcdClientPort, etcdFunctions, etcdPeerPort, type Operation, becoming, silentEtcd } from "./operation.ts";
import { list, type Problem } from "../problems.ts";
import { indent, lines, prelude, putFile } from "../shell.ts";

/** Why a host cannot be replaced as asked. */
export function replaceProblems(plan: ControlPlanePlan, name: string): Problem[] {
  const key = "quorum:controlPlane.hosts";
  const names = machinesOf(plan).map((host) => host.name);
  const host = machinesOf(plan).find((each) => each.name === name);
  if (host === undefined)
    return [{ key, text: `has no "${name}", but it must be one of ${list(names, "or")}; name one` }];
  const others = plan.members.filter((member) => member !== name);
  if (plan.members.includes(name) && others.length === 0) {
    return [
      {
        key: `${key}.${name}`,
        text: "is the only host with etcd, but another one must have the data to replace it from; run `npm run control-plane -- recover` with a snapshot",
      },
    ];
  }
  if (plan.first.name === name) {
    const serving = plan.hosts.filter(({ role }) => role === "control-plane").map((each) => each.name);
    const further = serving.filter((each) => each !== name);
    if (further.length === 0) {
      return [
        {
          key: `${key}.${name}`,
          text: "is the only control-plane host, but another one must hold the authorities to let a new machine in; run `npm run control-plane -- recover` with a backup",
        },
      ];
    }
    return [
      {
        key: "quorum:controlPlane.firstHost",
        text: `is "${name}", but the host that lets others in must live; set it to ${list(further, "or")}`,
      },
    ];
  }
  return [];
}

/**
 * Takes a dead host out of etcd and of the cluster, so that a new machine of its name and address can join by `up`. The first
 * host of the plan does it, for it lives; it takes over letting others in, whoever began the cluster.
 */
export function replaceOperation(settings: KubeadmSettings, plan: ControlPlanePlan, host: PlannedHost): Operation {
  const { first } = plan;
  const votes = (name?: string) =>
    plan.etcd.filter((one) => one.cluster === "main" && (name === undefined || one.host === name)).length;
  const member = votes(host.name) > 0;
  const voters = votes();
  const before = standingOf(voters, voters - votes(host.name));
  const after = member ? standingOf(before.alive, before.alive) : before;
  return {
    title: `${host.name} (${host.address}) is replaced by a new machine of its name and address`,
    standing: before,
    notes: [
      ...(member
        ? [
            `Then ${host.name} joins by up: as a learner first, which does not vote, then as a member: ${voters} of ${voters}, ${voters - quorumOf(voters)} may fail.`,
          ]
        : []),
      `Its old machine must not start again with its disks.`,
    ],
    steps: [
      {
        host: first.name,
        what: "lets further hosts in from now on, if another did so before",
        script: leadScript(settings, plan),
      },
      ...generatedRemovals(plan, host, before, after),
      ...(member && plan.etcdMode === "stacked"
        ? [
            {
              host: first.name,
              what: `removes the dead member ${host.name} from etcd`,
              script: removeScript(first, host),
              standing: becoming(before, after),
            },
          ]
        : []),
      ...(host.role === "etcd"
        ? []
        : [
            {
              host: first.name,
              what: `takes the node ${host.name} out of the cluster`,
              script: lines(
                prelude,
                // What this host remembers of the node that was there would keep `up` from labels, taints and certificate of the new one.
                `rm -f /var/lib/quorum/steps/*-${host.name}-node.sha256`,
                `kubectl --kubeconfig ${adminKubeconfig} delete node ${host.name} --ignore-not-found --timeout=60s >&2`,
              ),
            },
          ]),
    ],
  };
}

/**
 * Whether an earlier run has begun to let the new machine in, so that only `up` is to go on: to take it out again would end a
 * member that kubeadm is adding, or a node whose kubelet does not register twice. A member that has joined whole tells by its
 * etcd whether it lives.
 */
export function isBeingLetIn({ clusterName }: ControlPlanePlan, { role }: PlannedHost, found: HostFindings): boolean {
  if (found.unreachable !== undefined || found.cluster !== clusterName) return false;
  return found.joined === "begun" || (found.joined === "whole" && role === "worker");
}

/** Every machine of a plan, Kubernetes node or not. */
export function machinesOf({ hosts, etcdHosts }: ControlPlanePlan): PlannedHost[] {
  return [...hosts, ...etcdHosts];
}

/** A member that joined becomes the one that later steps take for the beginning of the cluster. */
function leadScript(settings: KubeadmSettings, plan: ControlPlanePlan): string {
  return lines(
    prelude,
    onlyRun(plan.first),
    putFile(`${hostFolder}/facts`, "644", factsOf(settings, plan)),
    `if [ ! -e ${hostFolder}/init.done ]; then`,
    indent(
      lines(
        `[ -e ${hostFolder}/join.done ] || fail "${plan.first.name} is no member of the cluster, but firstHost must be one; set it to a host that joined"`,
        `cp ${hostFolder}/member.yaml ${hostFolder}/init.yaml`,
        `cp ${hostFolder}/member.yaml.applied ${hostFolder}/init.applied`,
        `cp ${hostFolder}/facts ${hostFolder}/facts.applied`,
        `: > ${hostFolder}/init.started`,
        `: > ${hostFolder}/init.done`,
      ),
    ),
    `fi`,
  );
}

function removeScript(first: PlannedHost, dead: PlannedHost): string {
  return lines(
    prelude,
    onlyRun(first),
    etcdFunctions,
    `mine=$(member_at https://${dead.address}:${etcdPeerPort}) || fail "${silentEtcd(first.name)}"`,
    `if [ -n "$mine" ]; then`,
    `  if answers https://${dead.address}:${etcdClientPort}; then`,
    `    standing`,
    `    echo done`,
    `    echo "etcd of ${dead.name} answers at ${dead.address}: there is nothing to replace; to change its machine, turn it off first" >&2`,
    `    exit 0`,
    `  fi`,
    `  etcd_ctl member remove "\${mine%%,*}" >&2 || fail "etcd would not remove ${dead.name}; with the quorum lost, run 'npm run control-plane -- recover'"`,
    `fi`,
    `standing`,
  );
}
