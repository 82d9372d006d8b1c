import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { etcdModeOf } from "./etcd-members.ts";
import { etcdData, type HostFindings, manifests, recoveries, recoveryCopies } from "./host-findings.ts";
import { nodeSeconds, onlyRun } from "./host-steps.ts";
import { standingOf } from "./member-change.ts";
import {
  becoming,
  etcdClientPort,
  etcdFunctions,
  etcdPeerPort,
  type Operation,
  silentEtcd,
  unchanged,
} from "./operation.ts";
import { endSeconds, staticPodFunctions } from "./static-pod-functions.ts";
import { list, type Problem } from "../problems.ts";
import { lines, prelude } from "../shell.ts";

/** Seconds that a new member gets to take over the data of the others. */
const catchUpSeconds = 600;
const hostsKey = "quorum:controlPlane.hosts";

/** Why a member cannot be mended as asked. */
export function mendProblems(plan: ControlPlanePlan, name: string, findings: readonly HostFindings[]): Problem[] {
  if (!plan.members.includes(name)) {
    return [
      {
        key: "--member",
        text: `is "${name}", but it must be a host with an etcd member; name ${list(plan.members, "or")}`,
      },
    ];
  }
  if (etcdModeOf(plan.placements) === "external") {
    return [
      {
        key: "--member",
        text: `is "${name}", but only members that kubeadm makes, one on each control-plane host, can be mended so; take its member out and in again by hand as docs/runbooks/etcd-member-corrupt.md says`,
      },
    ];
  }
  const own = findings.find(({ host }) => host === name);
  const others = findings.filter(({ host }) => host !== name && plan.members.includes(host));
  if (own?.unreachable !== undefined) {
    return [
      {
        key: `${hostsKey}.${name}`,
        text: `cannot be entered (${own.unreachable}); where its machine is gone, run \`npm run control-plane -- replace ${name}\``,
      },
    ];
  }
  if (others.length === 0) {
    return [
      {
        key: "--member",
        text: `is "${name}", which is the only member: nobody else has the data; run \`npm run control-plane -- recover\` (--from survivor where its data can be read, else --from FILE)`,
      },
    ];
  }
  if (!others.some(({ etcd }) => etcd === "answers")) {
    return [
      {
        key: "--member",
        text: `is "${name}", but the other members (${list(others.map(({ host }) => host))}) have no quorum; run \`npm run control-plane -- recover\``,
      },
    ];
  }
  return [];
}

/**
 * Gives a living host's member new data: it is taken out of etcd, its data are set aside, and it comes back as a learner that
 * votes once it has caught up. The host stays a node, and nobody needs an API server for it.
 *
 * @param helper a host whose member answers
 * @param id names what is set aside; a mending that was cut off keeps its own
 */
export function mendOperation(plan: ControlPlanePlan, host: PlannedHost, helper: PlannedHost, id: string): Operation {
  const voters = plan.members.length;
  const before = standingOf(voters, voters - 1);
  const without = standingOf(voters - 1, voters - 1);
  return {
    title: `the etcd member of ${host.name} gets its data anew from the others`,
    standing: before,
    notes: [
      `The API server of ${host.name} does not answer until its member is back; those of the other hosts do.`,
      "Its old data are set aside on the host and never deleted.",
    ],
    steps: [
      {
        host: host.name,
        what: "stops its member and sets its data aside",
        script: setAsideScript(host, id),
        standing: unchanged(before),
      },
      {
        host: helper.name,
        what: `takes the member ${host.name} out, and in again as a learner, which does not vote`,
        script: memberScript(host, helper),
        standing: becoming(before, without),
      },
      {
        host: host.name,
        what: "starts its member, which takes the data over",
        script: startScript(host),
        file: { from: { host: helper.name, path: membersFile }, to: membersFile },
        standing: unchanged(without),
      },
      {
        host: helper.name,
        what: `lets ${host.name} vote once it has caught up`,
        script: promoteScript(host, helper),
        standing: becoming(without, standingOf(voters, voters)),
      },
      {
        host: host.name,
        what: "notes that its member is mended",
        script: lines(prelude, etcdFunctions, `rm -f ${mending}`, "standing"),
        standing: unchanged(standingOf(voters, voters)),
      },
    ],
  };
}

/** Name of the mending that is under way on a host. */
const mending = `${recoveries}/mending`;
/** Who the members are, as etcd's flag takes them. */
const membersFile = `${recoveryCopies}/members`;

function setAsideScript(host: PlannedHost, id: string): string {
  return lines(
    prelude,
    staticPodFunctions,
    etcdFunctions,
    `mkdir -p ${recoveries}`,
    onlyRun(host),
    `alarmed() { etcd_ctl alarm list 2>/dev/null | grep -q CORRUPT; }`,
    `if [ ! -e ${mending} ] && answers https://127.0.0.1:${etcdClientPort} && holds_cluster && ! alarmed; then`,
    `  standing`,
    `  echo done`,
    `  echo "etcd of ${host.name} answers, and no member has the alarm CORRUPT: there is nothing to mend" >&2`,
    `  exit 0`,
    `fi`,
    `[ -e ${mending} ] || echo ${id} | put ${mending} 644`,
    `id=$(cat ${mending})`,
    `state=${recoveries}/$id`,
    `[ ! -e "$state/aside" ] || exit 0`,
    `[ -e ${manifests}/etcd.yaml ] || [ -e "$state/manifests/etcd.yaml" ] || fail "${host.name} has no ${manifests}/etcd.yaml; replace the host with 'npm run control-plane -- replace ${host.name}'"`,
    `systemctl is-active --quiet kubelet || systemctl start kubelet >&2 || true`,
    `put_away etcd "$state/manifests"`,
    `wait_for ${endSeconds} closed ${etcdClientPort} || fail "etcd of ${host.name} does not end; see that its kubelet runs (systemctl status kubelet on ${host.address}), or end it there by hand"`,
    `aside=$(aside_folder "aside-$id")`,
    `if [ -e ${etcdData}/member ]; then mkdir -p "$aside"; mv ${etcdData}/member "$aside/member"; fi`,
    `: > "$state/aside"`,
  );
}

function memberScript(host: PlannedHost, helper: PlannedHost): string {
  const peer = `https://${host.address}:${etcdPeerPort}`;
  return lines(
    prelude,
    onlyRun(helper),
    etcdFunctions,
    `have=$(member_at ${peer}) || fail "${silentEtcd(helper.name)}"`,
    `id=\${have%%,*} learner=\${have##*, }`,
    // A learner is of an earlier run, and so is a voter that answers: its data were set aside before.
    `if [ "$learner" = false ] && ! answers https://${host.address}:${etcdClientPort}; then`,
    `  etcd_ctl member remove "$id" >&2 || fail "etcd would not take ${host.name} out; its words are above"`,
    `  have=`,
    `fi`,
    // For some seconds after a member has gone, etcd refuses the next change.
    `add() { etcd_ctl member add ${host.name} --peer-urls ${peer} --learner >&2; }`,
    `[ -n "$have" ] || wait_for 60 add || fail "etcd would not take ${host.name} in as a learner; its words are above"`,
    `listed=$(members) || fail "${silentEtcd(helper.name)}"`,
    `echo "$listed" | awk -F', ' '{ printf "%s%s=%s", (NR > 1 ? "," : ""), ($3 == "" ? "${host.name}" : $3), $4 }' | put ${membersFile} 644`,
    `standing`,
  );
}

function startScript(host: PlannedHost): string {
  return lines(
    prelude,
    staticPodFunctions,
    onlyRun(host),
    `if [ ! -e ${manifests}/etcd.yaml ]; then`,
    `  state=${recoveries}/$(cat ${mending})`,
    `  awk -v members="$(cat ${membersFile})" '/- --initial-cluster-state=/ { next } /- --initial-cluster=/ { sub(/--initial-cluster=.*/, "--initial-cluster=" members); print; sub(/--initial-cluster=.*/, "--initial-cluster-state=existing") } { print }' "$state/manifests/etcd.yaml" > "$state/etcd.yaml"`,
    `  chmod 600 "$state/etcd.yaml"`,
    `  mv "$state/etcd.yaml" ${manifests}/etcd.yaml`,
    `fi`,
    `wait_for ${nodeSeconds} listens ${etcdClientPort} || fail "etcd of ${host.name} does not start with its new data; look at its log on ${host.address}"`,
  );
}

function promoteScript(host: PlannedHost, helper: PlannedHost): string {
  const peer = `https://${host.address}:${etcdPeerPort}`;
  return lines(
    prelude,
    onlyRun(helper),
    etcdFunctions,
    `votes() {`,
    `  mine=$(member_at ${peer}) || return 1`,
    `  [ "\${mine##*, }" = false ] || { etcd_ctl member promote "\${mine%%,*}" >/dev/null 2>&1; return 1; }`,
    `}`,
    `wait_for ${catchUpSeconds} votes || fail "${host.name} has not caught up after ${catchUpSeconds} s; look at etcd's log on ${host.address}"`,
    `well() { answers https://${host.address}:${etcdClientPort}; }`,
    `wait_for ${nodeSeconds} well || fail "etcd of ${host.name} votes but does not answer; look at its log on ${host.address}"`,
    // With that alarm every member refuses writes. A full quota raises its own again by itself.
    `if etcd_ctl alarm list | grep -q CORRUPT; then etcd_ctl alarm disarm >&2; fi`,
    `standing`,
  );
}
