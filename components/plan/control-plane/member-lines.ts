import { contentHash } from "../hash.ts";
import { oldFileLines } from "./api-server-files.ts";
import type { PlannedHost } from "./control-plane.ts";
import { nodeSeconds, pki } from "./host-steps.ts";
import { apiPort, type KubeadmSettings } from "./hosts.ts";
import { hostFolder, patchesFolder } from "./kubeadm-config.ts";
import { kubeletDocument, reservedLines } from "./kubelet-config.ts";
import { membersFolder } from "./member-functions.ts";

const manifests = "/etc/kubernetes/manifests";
/** Manifests as they were before a change, until it is seen working. */
const before = `${hostFolder}/before`;
/** Starts of a container after which it is taken to fail by its settings. */
const startsUntilLost = 3;

/**
 * Lines that bring changed settings to the API server, controller manager, scheduler and etcd of a member, and wait for them.
 *
 * A part that does not come up gets its earlier manifest back, so that a wrong setting costs the member a restart and not the
 * cluster its control plane; what the part said is shown, and the step fails. A run that was cut short while it waited puts the
 * earlier manifests back first.
 */
export function memberLines(settings: KubeadmSettings, host: PlannedHost, config: string): string[] {
  return [
    `for file in crt key; do [ ! -e ${pki}/apiserver.$file ] || mv -f ${pki}/apiserver.$file ${pki}/apiserver.$file.old; done`,
    `kubeadm init phase certs apiserver --config ${config} >&2`,
    ...changeFunctions(host),
    `mkdir -p ${before}`,
    `for part in kube-apiserver kube-controller-manager kube-scheduler; do begin $part; done`,
    `kubeadm init phase control-plane all --config ${config} >&2`,
    `for part in kube-apiserver kube-controller-manager kube-scheduler; do finish $part; done`,
    ...etcdLines(host, config),
    ...oldFileLines(settings),
  ];
}

function changeFunctions(host: PlannedHost): string[] {
  const logs = `/var/log/pods/kube-system_"$1"-${host.name}_*`;
  return [
    `running() { kubectl -n kube-system get pod "$1-${host.name}" -o jsonpath='{.metadata.annotations.kubernetes\\.io/config\\.hash}' 2>/dev/null; }`,
    // A pod that is new to the API server has no status for a moment, and is not ready by that.
    `ready() { [ "$(kubectl -n kube-system get pod "$1-${host.name}" -o jsonpath='{.status.containerStatuses[0].ready}' 2>/dev/null)" = true ]; }`,
    `healthy() { kubectl get --raw /readyz --server https://${host.address}:${apiPort} >/dev/null 2>&1; }`,
    // The newest folder of logs is that of the newest pod: the name of each ends with the hash of its manifest.
    `log_of() { ls -td ${logs} 2>/dev/null | head -n 1; }`,
    `lost() { now=$(log_of "$1"); [ -n "$now" ] && [ "$now" != "$(cat ${before}/$1.log)" ] && [ -e "$now/$1/${startsUntilLost - 1}.log" ]; }`,
    // The old one still answers while the kubelet takes up the new manifest.
    `replaced() { is=$(running "$1") && [ -n "$is" ] && [ "$is" != "$(cat ${before}/$1.hash)" ] && ready "$1" && healthy; }`,
    `decided() { lost "$1" || replaced "$1"; }`,
    `begin() {`,
    `  [ ! -e ${before}/$1.yaml ] || mv -f ${before}/$1.yaml ${manifests}/$1.yaml`,
    `  running "$1" > ${before}/$1.hash || true`,
    `  log_of "$1" > ${before}/$1.log || true`,
    `  [ ! -e ${manifests}/$1.yaml ] || { cp ${manifests}/$1.yaml ${before}/$1.made; mv -f ${before}/$1.made ${before}/$1.yaml; }`,
    `}`,
    // Renamed from outside the folder: the kubelet runs every file in it.
    `finish() {`,
    `  if [ -e ${before}/$1.yaml ] && ! cmp -s ${before}/$1.yaml ${manifests}/$1.yaml; then`,
    `    if ! wait_for ${nodeSeconds} decided "$1" || ! replaced "$1"; then`,
    // Some say what is wrong first and then a page of usage, others the other way round.
    `      words=; for log in $(ls -tr "$(log_of "$1")/$1/"*.log 2>/dev/null); do [ ! -s "$log" ] || words=$log; done`,
    `      [ -z "$words" ] || { sed -n 1,2p "$words"; sed 1,2d "$words" | tail -n 5; } | cut -c1-500 >&2`,
    `      mv -f ${before}/$1.yaml ${manifests}/$1.yaml`,
    `      wait_for ${nodeSeconds} healthy || fail "$1 of ${host.name} is not ready with its changed settings, nor is the API server with its earlier ones, which are back; look at its log on ${host.address}"`,
    `      fail "$1 of ${host.name} is not ready with its changed settings; its last words are above (its log is on ${host.address}), and its earlier settings are back. Correct them and run up again"`,
    `    fi`,
    `  fi`,
    `  rm -f ${before}/$1.yaml`,
    `}`,
  ];
}

/**
 * The same for etcd. A host that joined tells its etcd of the members that were there; kubeadm's fresh manifest would name the
 * host alone, which begins another cluster should the data ever be gone.
 *
 * On a cluster of one host this takes minutes: with etcd the API server is gone, and a kubelet that waits for its answers about
 * volume claims lets go of the old pod's volumes only after two minutes (137 s seen). Other pods run on meanwhile.
 */
function etcdLines(host: PlannedHost, config: string): string[] {
  const manifest = `${manifests}/etcd.yaml`;
  const made = `${hostFolder}/etcd`;
  const initial = "/- --initial-cluster(-state)?=/";
  return [
    // One that a step of ours makes is not kubeadm's to change.
    `if [ ! -e ${membersFolder}/etcd.yaml ] && { [ -e ${manifest} ] || [ -e ${before}/etcd.yaml ]; }; then`,
    `  begin etcd`,
    `  rm -rf ${made}`,
    `  mkdir ${made}`,
    `  KUBEADM_INIT_DRYRUN_DIR=${made} kubeadm init phase etcd local --dry-run --config ${config} >&2`,
    `  awk 'NR == FNR { if (${initial}) kept = kept $0 "\\n"; next } ${initial} { printf "%s", kept; kept = ""; next } { print }' ${manifest} ${made}/etcd.yaml > ${made}/kept.yaml`,
    `  if ! cmp -s ${manifest} ${made}/kept.yaml; then`,
    `    chmod 600 ${made}/kept.yaml`,
    `    mv -f ${made}/kept.yaml ${manifest}`,
    `  fi`,
    `  rm -rf ${made}`,
    `  finish etcd`,
    // The next host's member stops only after this one is back, also where an earlier run was killed while it waited.
    `  wait_for ${nodeSeconds} healthy || fail "the API server of ${host.name} does not reach its etcd; look at its log on ${host.address}"`,
    `fi`,
  ];
}

/** Seconds that a kubelet gets to answer, and then to stay. */
const kubeletSeconds = 60;
const kubeletStays = 5;

/** Lines that bring changed settings to a kubelet that runs; one that does not come up gets its earlier ones back. */
export function kubeletLines(settings: KubeadmSettings, host: PlannedHost): string[] {
  const config = "/var/lib/kubelet/config.yaml";
  const kept = `${hostFolder}/kubelet-before.yaml`;
  return [
    // A step runs again when its text changes, and the settings themselves are in kubeadm's files and in another step's.
    `# kubelet ${contentHash({ settings: JSON.stringify(kubeletDocument(settings, host)), reserved: reservedLines(settings, host, patchesFolder).join("\n") })}`,
    `port=$(sed -n 's/^healthzPort: //p' ${config})`,
    `lives() { [ "$port" = 0 ] || kubectl --kubeconfig /dev/null --server "http://127.0.0.1:\${port:-10248}" get --raw /healthz >/dev/null 2>&1; }`,
    `stays() { lives && sleep ${kubeletStays} && lives; }`,
    `restart_kubelet() { systemctl restart kubelet || fail "the kubelet of ${host.name} could not be restarted with its changed settings; restart it on ${host.address}"; }`,
    `[ ! -e ${kept} ] || mv -f ${kept} ${config}`,
    `cp ${config} ${kept}.made`,
    `mv -f ${kept}.made ${kept}`,
    `kubeadm upgrade node phase kubelet-config --patches ${patchesFolder} >&2`,
    `if ! cmp -s ${config} ${kept}; then`,
    `  restart_kubelet`,
    `  wait_for ${kubeletSeconds} stays || { mv -f ${kept} ${config}; restart_kubelet; fail "the kubelet of ${host.name} does not run with its changed settings (its log is on ${host.address}), and its earlier ones are back. Correct them and run up again"; }`,
    `fi`,
    `rm -f ${kept}`,
  ];
}
