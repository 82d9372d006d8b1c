import type { PlannedHost } from "./control-plane.ts";
import { placeholders } from "./etcd-manifest.ts";
import { manifests } from "./etcd-members.ts";
import { nodeSeconds } from "./host-steps.ts";
import { hostFolder } from "./kubeadm-config.ts";
import { etcdFunctions } from "./operation.ts";
import { staticPodFunctions } from "./static-pods.ts";
import { lines } from "../shell.ts";

/** Manifests with gaps, and what was done with each member. */
export const membersFolder = `${hostFolder}/members`;
/** For kubeadm's phases that make certificates, which know of etcd's only where kubeadm makes etcd too. */
export const certificatesConfig = `${hostFolder}/certificates-etcd.yaml`;
/** Seconds until an etcd that has just lost or gained a connection counts its members as healthy again. */
const settleSeconds = 60;

const folder = membersFolder;
const local = "https://127.0.0.1";

/**
 * Shell functions around etcd members that kubeadm does not make. They stand at the front of a step and do nothing by themselves.
 *
 * `etcd_member POD NAME PEER_URL CLIENT_PORT begins|always|joins OTHERS` starts one, or goes on with what was begun. `$begun` says
 * yes where the cluster exists, so that no member of `begins` may begin another. `etcd_change POD CLIENT_PORT STATE` brings the
 * manifest of the plan to one that runs.
 */
export function memberFunctions(host: PlannedHost): string[] {
  return [
    etcdFunctions,
    staticPodFunctions(host),
    lines(...manifestFunctions(host), ...changeFunctions(host), ...startFunctions(host)).trimEnd(),
  ];
}

function manifestFunctions(host: PlannedHost): string[] {
  return [
    `etcd_image() { kubeadm config images list --config ${certificatesConfig} 2>/dev/null | grep '/etcd:' || fail "kubeadm on ${host.name} names no image of etcd; run 'kubeadm config images list --config ${certificatesConfig}' there"; }`,
    `etcd_flag() { sed -n "s/^ *- --$2=//p" "$1"; }`,
    // fill POD INITIAL_CLUSTER STATE
    `etcd_fill() {`,
    `  image=$(etcd_image)`,
    `  sed -e "s|${placeholders.image}|$image|" -e "s|${placeholders.initialCluster}|$2|" -e "s|${placeholders.state}|$3|" ${folder}/$1.yaml > ${folder}/$1.filled`,
    `  chmod 600 ${folder}/$1.filled`,
    `}`,
    // The kubelet runs every file of its folder, so each is made outside and renamed.
    `etcd_place() { mkdir -p ${manifests}; etcd_fill "$@"; mv -f ${folder}/$1.filled ${manifests}/$1.yaml; }`,
    `etcd_started() { etcd_ctl endpoint status --endpoints ${local}:$1 --command-timeout 3s >/dev/null 2>&1; }`,
    `etcd_well() { answers ${local}:$1; }`,
  ];
}

function changeFunctions(host: PlannedHost): string[] {
  const log = `look at its log on ${host.address} (/var/log/pods)`;
  return [
    // spare URL: whether its cluster keeps the quorum without one more
    `etcd_spare() {`,
    `  voters=0 alive=0`,
    `  while IFS=, read -r _ _ _ _ client learner; do`,
    `    [ "$(echo $learner)" = false ] || continue`,
    `    voters=$((voters + 1))`,
    `    ! answers "$(echo $client)" || alive=$((alive + 1))`,
    `  done <<QUORUM_MEMBERS`,
    `$(etcd_ctl member list --endpoints "$1")`,
    `QUORUM_MEMBERS`,
    `  [ "$voters" = 1 ] || [ $((alive - 1)) -gt $((voters / 2)) ]`,
    `}`,
    // change POD CLIENT_PORT STATE: the manifest anew, with the members that it names. `existing` once it has begun: a member whose
    // data is gone must not begin a cluster of its own under the old names, for which the others would take it.
    `etcd_change() {`,
    `  [ ! -e ${folder}/$1.before ] || swap_pod "$1" "$2" ${folder}/$1.before`,
    `  etcd_fill "$1" "$(etcd_flag ${manifests}/$1.yaml initial-cluster)" "$3"`,
    `  if ! cmp -s ${folder}/$1.filled ${manifests}/$1.yaml; then`,
    `    wait_for ${nodeSeconds} etcd_well "$2" || fail "$1 of ${host.name} is not healthy, so its settings are not changed; ${log}"`,
    `    wait_for ${settleSeconds} etcd_spare ${local}:$2 || fail "$1 of ${host.name} is not restarted with its changed settings: another member of its cluster does not answer, and the quorum would be lost; bring that one back first"`,
    `    cp ${manifests}/$1.yaml ${folder}/$1.made`,
    `    mv -f ${folder}/$1.made ${folder}/$1.before`,
    `    swap_pod "$1" "$2" ${folder}/$1.filled`,
    `    wait_for ${nodeSeconds} etcd_well "$2" || { swap_pod "$1" "$2" ${folder}/$1.before; fail "$1 of ${host.name} is not healthy with its changed settings, and its earlier ones are back; ${log}, correct them and run up again"; }`,
    `    rm -f ${folder}/$1.before`,
    `  fi`,
    `  rm -f ${folder}/$1.filled`,
    `  wait_for ${nodeSeconds} etcd_well "$2" || fail "$1 of ${host.name} is not healthy; ${log}"`,
    `}`,
  ];
}

function startFunctions(host: PlannedHost): string[] {
  const log = `look at its log on ${host.address} (/var/log/pods)`;
  const silent = `fail "etcd at $at does not tell its members; run up again once it has a quorum"`;
  return [
    // reached URLS: those that answer, with commas
    `etcd_reached() { found=; for url in $1; do ! answers "$url" || found="$found,$url"; done; echo "\${found#,}"; }`,
    `etcd_added() { mine=$(member_at "$2" "$at") || return 1; [ -n "$mine" ] || etcd_ctl member add "$1" --learner --peer-urls "$2" --endpoints "$at" >/dev/null 2>${folder}/said; }`,
    `etcd_promoted() {`,
    `  mine=$(member_at "$1" "$at") || return 1`,
    `  case $mine in *" false") return 0 ;; esac`,
    `  etcd_ctl member promote "\${mine%%,*}" --endpoints "$at" >/dev/null 2>${folder}/said || true`,
    `  return 1`,
    `}`,
    `etcd_join() {`,
    `  known=$(member_at "$3" "$at") || ${silent}`,
    `  data=/var/lib/$1/member`,
    `  if [ -z "$known" ] && [ -d "$data" ]; then fail "$data of ${host.name} is that of a member that its cluster does not have any more; move it away, and run up again"; fi`,
    `  case $known in *", started, "*) [ -d "$data" ] || fail "etcd has $2 as a member, but its data in $data of ${host.name} is gone; run 'npm run control-plane -- replace ${host.name}'" ;; esac`,
    `  wait_for ${settleSeconds} etcd_added "$2" "$3" || { cat ${folder}/said >&2; fail "etcd does not take $2 as a learner; its words are above"; }`,
    `  initial= listed=$(members "$at") || ${silent}`,
    `  while IFS=, read -r _ _ name peer _; do`,
    `    name=$(echo $name) peer=$(echo $peer)`,
    `    [ "$peer" != "$3" ] || name=$2`,
    `    initial="$initial,\${name:-unstarted}=$peer"`,
    `  done <<QUORUM_MEMBERS`,
    `$listed`,
    `QUORUM_MEMBERS`,
    `  [ -e ${manifests}/$1.yaml ] || etcd_place "$1" "\${initial#,}" existing`,
    `  wait_for ${nodeSeconds} etcd_started "$4" || fail "$1 of ${host.name} does not start; ${log}"`,
    `  wait_for ${nodeSeconds} etcd_promoted "$3" || { cat ${folder}/said >&2; fail "$2 does not catch up with the other members of its cluster; its words are above"; }`,
    `}`,
    `etcd_begin() {`,
    `  [ -e ${manifests}/$1.yaml ] || etcd_place "$1" "$2=$3" new`,
    `  wait_for ${nodeSeconds} etcd_well "$4" || fail "$1 of ${host.name} does not begin its cluster; ${log}"`,
    `}`,
    `etcd_member() {`,
    `  if [ ! -e ${folder}/$1.done ]; then`,
    `    at=$(etcd_reached "$6")`,
    `    if [ -n "$at" ]; then etcd_join "$@"`,
    // Its data is here: kubeadm's own member, or one that began and was cut short.
    `    elif [ -d "/var/lib/$1/member" ] && [ "$5" != joins ]; then etcd_begin "$@"`,
    `    elif [ "$5" = always ] || [ "$5:$begun" = begins:no ]; then etcd_begin "$@"`,
    `    else fail "no other member of the etcd cluster of $2 answers (\${6:-there is none}), so it cannot join; bring one back, or run 'npm run control-plane -- recover'"; fi`,
    `    : > ${folder}/$1.done`,
    `  fi`,
    `}`,
  ];
}
