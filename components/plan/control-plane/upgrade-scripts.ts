import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { hasOwnEvents, healthPath } from "./events-probes.ts";
import { etcdDefinitions, etcdStepLines } from "./external-etcd.ts";
import { etcdData, manifests, recoveryCopies, releaseFolder } from "./host-findings.ts";
import { adminKubeconfig, nodeSeconds, onlyRun, type StepContext } from "./host-steps.ts";
import { apiPort } from "./hosts.ts";
import { hostFolder, patchesFolder } from "./kubeadm-config.ts";
import { etcdFunctions } from "./operation.ts";
import { secondSetLines } from "./second-set.ts";
import { lines, prelude } from "../shell.ts";

/** What a host's control plane was taken to last. */
const upgraded = `${hostFolder}/upgraded`;
/** Seconds that pods get to leave a host. */
const drainSeconds = 600;
const staticPods = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/** Takes a program of the new release into use, where the site's packages have not. */
function useLines(tools: readonly string[], to: string): string[] {
  const folder = releaseFolder(to);
  return [
    `use() {`,
    `  place=$(command -v "$1" || echo "/usr/local/bin/$1")`,
    `  [ -x "${folder}/$1" ] || return 0`,
    `  cmp -s "${folder}/$1" "$place" || { cp "${folder}/$1" "$place.new"; chmod 755 "$place.new"; mv -f "$place.new" "$place"; }`,
    `}`,
    ...tools.map((tool) => `use ${tool}`),
  ];
}

export function saveScript(first: PlannedHost, to: string): string {
  const file = `${recoveryCopies}/before-${to}.db`;
  return lines(
    prelude,
    onlyRun(first),
    etcdFunctions,
    `if [ ! -e ${file} ]; then`,
    `  mkdir -p ${recoveryCopies}`,
    // etcd's container sees its data's folder alone.
    `  etcd_ctl snapshot save ${etcdData}/before-upgrade.db >&2 || fail "no snapshot could be saved on ${first.name}; its words are above"`,
    `  mv -f ${etcdData}/before-upgrade.db ${file}`,
    `fi`,
    `standing`,
  );
}

/** Takes kubeadm of the release into use: it names etcd's image, too. */
function kubeadmLines(host: PlannedHost, to: string): string[] {
  return [
    ...useLines(["kubeadm"], to),
    `have=$(kubeadm version -o short)`,
    `[ "$have" = v${to} ] || fail "${host.name} has kubeadm $have, but the upgrade needs v${to}; put it into ${releaseFolder(to)} on ${host.address}, or install its package"`,
  ];
}

/** Waits until every member of the etcd of all objects answers, on a host that can ask one of its own. */
function wholeLines(plan: ControlPlanePlan, host: PlannedHost): string[] {
  if (!plan.members.includes(host.name)) return [];
  return [
    `whole() { set -- $(standing); [ "$2" = "$3" ]; }`,
    `wait_for ${nodeSeconds} whole || fail "not all members of etcd answer after the upgrade of ${host.name}; look at etcd's logs before going on"`,
    `standing`,
  ];
}

/** On a host of etcd alone: its members run the image that the new kubeadm names, one after the other. */
export function membersScript(context: StepContext, host: PlannedHost, to: string): string {
  return lines(
    prelude,
    onlyRun(host),
    ...kubeadmLines(host, to),
    ...etcdDefinitions(context, host),
    ...etcdStepLines(context, host, "yes", "last"),
    ...wholeLines(context.plan, host),
  );
}

export function upgradeScript(context: StepContext, host: PlannedHost, to: string): string {
  const { settings, plan } = context;
  const member = host.role === "control-plane";
  const ignored = settings.ignorePreflightErrors;
  const flags = [
    `--patches ${patchesFolder}`,
    ...(ignored.length === 0 ? [] : [`--ignore-preflight-errors=${ignored.join(",")}`]),
  ].join(" ");
  const run = host.name === plan.first.name ? `apply v${to} --yes` : "node";
  const failure = `kubeadm could not upgrade ${host.name}; its words are above, and what runs is what ran before where the new part did not come up`;
  return lines(
    prelude,
    onlyRun(host),
    etcdFunctions,
    `if [ "$(cat ${upgraded} 2>/dev/null)" != ${to} ]; then`,
    ...kubeadmLines(host, to).map((line) => `  ${line}`),
    ...(member ? readyLines(plan, host).map((line) => `  ${line}`) : []),
    `  kubeadm upgrade ${run} ${flags} >&2 || fail "${failure}"`,
    `  echo ${to} | put ${upgraded} 644`,
    `fi`,
    ...(member
      ? [
          ...readyLines(plan, host),
          // A run that was ended among them goes on here: each looks at what its manifest says.
          ...etcdDefinitions(context, host),
          ...etcdStepLines(context, host, "yes", "last"),
          ...secondSetLines(plan, host),
          ...wholeLines(plan, host),
        ]
      : []),
  );
}

/** kubeadm asks the API server, and a run that lost its power between two renames has left a manifest among kubeadm's backups. */
function readyLines(plan: ControlPlanePlan, host: PlannedHost): string[] {
  const backups = "/etc/kubernetes/tmp/kubeadm-backup-manifests-*";
  return [
    `for part in ${staticPods.join(" ")}; do`,
    `  [ ! -e ${manifests}/$part.yaml ] || continue`,
    `  last=$(ls -t ${backups}/$part.yaml 2>/dev/null | head -1)`,
    `  [ -z "$last" ] || { cp "$last" ${hostFolder}/$part.yaml.back; chmod 600 ${hostFolder}/$part.yaml.back; mv ${hostFolder}/$part.yaml.back ${manifests}/$part.yaml; }`,
    `done`,
    `ready() { kubectl --kubeconfig ${adminKubeconfig} --server https://${host.address}:${apiPort} get --raw '${healthPath("/readyz", hasOwnEvents(plan))}' >/dev/null 2>&1; }`,
    `wait_for ${nodeSeconds} ready || fail "the API server of ${host.name} is not ready; look at its log on ${host.address}"`,
  ];
}

export function drainScript(host: PlannedHost): string {
  return lines(
    prelude,
    `kubectl --kubeconfig ${adminKubeconfig} drain ${host.name} --ignore-daemonsets --delete-emptydir-data --timeout=${drainSeconds}s >&2 || fail "${host.name} could not be drained; its words are above, and docs/runbooks/drain-blocked.md says what to do"`,
  );
}

export function kubeletScript(host: PlannedHost, to: string): string {
  const stamp = `${upgraded}.kubelet`;
  return lines(
    prelude,
    onlyRun(host),
    `[ "$(cat ${stamp} 2>/dev/null)" != ${to} ] || exit 0`,
    // The text of a running program cannot be written over, but its name can be given to another.
    ...useLines(["kubelet", "kubectl"], to),
    `have=$(kubelet --version | cut -d" " -f2)`,
    `[ "$have" = v${to} ] || fail "${host.name} has kubelet $have, but the upgrade needs v${to}; put it into ${releaseFolder(to)} on ${host.address}, or install its package"`,
    `systemctl daemon-reload >&2 || true`,
    `systemctl restart kubelet >&2 || fail "the kubelet of ${host.name} could not be restarted; restart it on ${host.address}"`,
    `echo ${to} | put ${stamp} 644`,
  );
}

export function readyScript(host: PlannedHost, to: string): string {
  return lines(
    prelude,
    `export KUBECONFIG=${adminKubeconfig}`,
    `current() { [ "$(kubectl get node ${host.name} -o jsonpath='{.status.nodeInfo.kubeletVersion}' 2>/dev/null)" = v${to} ]; }`,
    `wait_for ${nodeSeconds} current || fail "node ${host.name} does not say that its kubelet is v${to}; look at the kubelet's log on ${host.address}"`,
    // A kubelet of another minor may start the API server anew, which refuses everybody until it has read who may do what.
    `ready() { [ "$(kubectl get node ${host.name} -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null)" = True ]; }`,
    `wait_for ${nodeSeconds} ready || fail "node ${host.name} is not Ready at v${to}; look at 'kubectl describe node ${host.name}'"`,
    `open() { kubectl uncordon ${host.name} >/dev/null 2>&1; }`,
    `wait_for ${nodeSeconds} open || fail "node ${host.name} is Ready, but takes no pods; run 'kubectl uncordon ${host.name}'"`,
  );
}

/** The version counts as applied, and the administrator's kubeconfig, which kubeadm renewed, is read again. */
export function settleScript(plan: ControlPlanePlan, to: string): string {
  return lines(
    prelude,
    etcdFunctions,
    `[ ! -e ${hostFolder}/facts.applied ] || sed 's|^kubernetesVersion .*|kubernetesVersion ${to}|' ${hostFolder}/facts.applied | put ${hostFolder}/facts.applied 644`,
    `rm -f /var/lib/quorum/steps/*-kubeconfig.sha256`,
    ...(plan.members.includes(plan.first.name) ? [`standing`] : []),
  );
}
