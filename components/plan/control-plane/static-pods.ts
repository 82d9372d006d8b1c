import type { PlannedHost } from "./control-plane.ts";
import { manifests } from "./etcd-members.ts";
import { hostFolder } from "./kubeadm-config.ts";
import { lines } from "../shell.ts";

/** Where a manifest lies while its pod is to end. */
const held = `${hostFolder}/held`;
/** Seconds that a static pod gets to come up. */
const podSeconds = 300;
/** Seconds that one gets to end, as often as it is tried. */
const endSeconds = 60;
const endTries = 5;

/**
 * Shell functions that end and start static pods of a host, by their manifests and ports alone: with no API server to ask, a port
 * says whether one runs. `restore_pods`, to be called first, puts back a manifest that an ended run left aside.
 *
 * `swap_pod POD PORT FILE`: the file takes the manifest's place, once the old pod has ended. `restart_pod POD PORT`: the same with
 * the manifest that is there.
 */
export function staticPodFunctions(host: PlannedHost): string {
  return lines(
    `restore_pods() {`,
    `  mkdir -p ${manifests} ${held}`,
    `  for file in ${held}/*.yaml; do [ ! -e "$file" ] || mv -f "$file" ${manifests}/; done`,
    `}`,
    `listens() { timeout 2 bash -c ": </dev/tcp/127.0.0.1/$1" 2>/dev/null || timeout 2 bash -c ": </dev/tcp/${host.address}/$1" 2>/dev/null; }`,
    `closed() { ! listens "$1"; }`,
    `end_pod() {`,
    // A kubelet that has just started overlooks that a manifest is gone (seen: for two minutes); it is shown once more then.
    `  for try in $(seq ${endTries}); do`,
    `    mv -f ${manifests}/$1.yaml ${held}/$1.yaml`,
    `    ! wait_for ${endSeconds} closed "$2" || return 0`,
    `    mv -f ${held}/$1.yaml ${manifests}/$1.yaml`,
    `    sleep 5`,
    `  done`,
    `  fail "$1 of ${host.name} does not end; look at the kubelet's log on ${host.address}"`,
    `}`,
    `start_pod() {`,
    // Renamed from outside: the kubelet runs every file of its folder.
    `  chmod 600 "$3"`,
    `  mv -f "$3" ${manifests}/$1.yaml`,
    `  rm -f ${held}/$1.yaml`,
    `  wait_for ${podSeconds} listens "$2" || fail "$1 of ${host.name} does not come up; look at its log on ${host.address} (/var/log/pods)"`,
    `}`,
    `swap_pod() { [ ! -e ${manifests}/$1.yaml ] || end_pod "$1" "$2"; start_pod "$@"; }`,
    `restart_pod() { end_pod "$1" "$2"; start_pod "$1" "$2" ${held}/$1.yaml; }`,
  ).trimEnd();
}
