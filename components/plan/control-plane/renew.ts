import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { adminKubeconfig, nodeSeconds, onlyRun, pki, servingLines } from "./host-steps.ts";
import { memberRestartLines, renewEtcdCertificates, renewEtcdHostScript, restartLines } from "./external-renew.ts";
import { apiPort } from "./hosts.ts";
import { hostFolder } from "./kubeadm-config.ts";
import { memberFunctions } from "./member-functions.ts";
import { standingOf } from "./member-change.ts";
import { etcdClientPort, etcdFunctions, type Operation, restarting, unchanged } from "./operation.ts";
import { secondSetLines } from "./second-set.ts";
import { indent, lines, prelude } from "../shell.ts";

const manifests = "/etc/kubernetes/manifests";
const held = `${hostFolder}/held`;
/**
 * Seconds after which a pod that does not come back is taken for one that the kubelet holds back, as it does with one that ended several
 * times in ten minutes, for up to five of them (CrashLoopBackOff). A kubelet that begins anew has forgotten it.
 */
const backOffSeconds = 45;

/**
 * Makes every certificate of the control plane anew, one host at a time, and restarts what reads it only at its start.
 * It needs no API server, so that it also mends a cluster whose certificates have run out.
 */
export function renewOperation(plan: ControlPlanePlan): Operation {
  const members = plan.hosts.filter(({ role }) => role === "control-plane");
  const holders = [...plan.etcdHosts, ...members].filter(({ name }) => plan.members.includes(name));
  const voters = plan.etcd.filter(({ cluster }) => cluster === "main").length;
  const whole = standingOf(voters, voters);
  return {
    standing: whole,
    title: `new certificates for the control plane of ${plan.clusterName}, one host at a time`,
    steps: [
      ...(voters === 1 ? [] : holders).map((host) => ({
        host: host.name,
        what: "where etcd's certificates have run out, makes them anew before any member waits for another",
        script: expiredScript(plan, host),
        standing: unchanged(whole),
      })),
      ...plan.etcdHosts.map((host) => ({
        host: host.name,
        what: "makes etcd's certificates anew; restarts its members, one after the other",
        script: renewEtcdHostScript(plan, host),
        standing: plan.members.includes(host.name) ? restarting(whole) : unchanged(whole),
      })),
      ...members.map((host) => ({
        host: host.name,
        what: "makes certificates and kubeconfigs anew; restarts etcd, API server, controller manager and scheduler in turn",
        script: renewScript(plan, host),
        standing: plan.members.includes(host.name) ? restarting(whole) : unchanged(whole),
      })),
      ...plan.hosts.map((host) => ({
        host: plan.first.name,
        what: `signs what the kubelet of ${host.name} asks for`,
        script: lines(prelude, `export KUBECONFIG=${adminKubeconfig}`, ...servingLines(host)),
      })),
      {
        host: plan.first.name,
        what: "forgets the old administrator's kubeconfig, so that the next up reads the new one",
        script: lines(prelude, "rm -f /var/lib/quorum/steps/*-kubeconfig.sha256"),
      },
    ],
  };
}

const isStacked = ({ etcdMode }: ControlPlanePlan) => etcdMode === "stacked";

const configOf = (plan: ControlPlanePlan, host: PlannedHost) =>
  `${hostFolder}/${host.name === plan.first.name ? "init" : "member"}.yaml`;

/** What both passes begin with: how to end and start a static pod, and what an earlier run left aside put back. */
function podLines(host: PlannedHost): string[] {
  return [
    `listens() { timeout 2 bash -c ": </dev/tcp/127.0.0.1/$1" 2>/dev/null; }`,
    `closed() { ! listens "$1"; }`,
    // The kubelet ends a static pod whose manifest is away. A run that was ended here left it aside: it goes back first.
    `restart() {`,
    `  mkdir -p ${held}`,
    `  mv -f ${manifests}/$1.yaml ${held}/$1.yaml`,
    `  wait_for ${nodeSeconds} closed "$2" || { mv -f ${held}/$1.yaml ${manifests}/$1.yaml; fail "$1 of ${host.name} does not end; look at the kubelet's log on ${host.address}"; }`,
    `  mv -f ${held}/$1.yaml ${manifests}/$1.yaml`,
    `  wait_for ${backOffSeconds} listens "$2" || systemctl restart kubelet >&2`,
    `  wait_for ${nodeSeconds} listens "$2" || fail "$1 of ${host.name} does not come back with its new certificate; look at its log on ${host.address}"`,
    `}`,
    `for file in ${held}/*.yaml; do [ ! -e "$file" ] || mv -f "$file" ${manifests}/; done`,
  ];
}

const renewLine = (host: PlannedHost, config: string) =>
  `kubeadm certs renew all --config ${config} >&2 || fail "kubeadm could not renew the certificates of ${host.name}; its words are above"`;

/** Members refuse each other's certificates once these have run out: one alone that has new ones finds no quorum. */
function expiredScript(plan: ControlPlanePlan, host: PlannedHost): string {
  return lines(
    prelude,
    onlyRun(host),
    ...podLines(host),
    ...(isStacked(plan) ? [] : memberFunctions(host)),
    `if ! openssl x509 -checkend 60 -noout -in ${pki}/etcd/peer.crt >/dev/null 2>&1 || ! openssl x509 -checkend 60 -noout -in ${pki}/etcd/server.crt >/dev/null 2>&1; then`,
    // A kubelet whose own has run out does not begin after its host did, and so starts no pod.
    ...(plan.hosts.includes(host) ? [indent(lines(...kubeletCredentialLines(host, configOf(plan, host))))] : []),
    ...(isStacked(plan)
      ? [`  ${renewLine(host, configOf(plan, host))}`, `  restart etcd ${etcdClientPort}`]
      : [indent(lines(...renewEtcdCertificates(plan, host), ...restartLines(plan, host)))]),
    `fi`,
  );
}

function renewScript(plan: ControlPlanePlan, host: PlannedHost): string {
  const config = configOf(plan, host);
  return lines(
    prelude,
    onlyRun(host),
    etcdFunctions,
    ...podLines(host),
    renewLine(host, config),
    // Renewal keeps the names that a certificate has; the API server's are made from the configuration, wrong ones with it.
    `for file in crt key; do [ ! -e ${pki}/apiserver.$file ] || mv -f ${pki}/apiserver.$file ${pki}/apiserver.$file.old; done`,
    `kubeadm init phase certs apiserver --config ${config} >&2`,
    ...kubeletCredentialLines(host, config),
    ...(isStacked(plan)
      ? [
          `restart etcd ${etcdClientPort}`,
          `well() { answers https://127.0.0.1:${etcdClientPort}; }`,
          `wait_for ${nodeSeconds} well || fail "etcd of ${host.name} is not healthy with its new certificates; look at its log on ${host.address}"`,
        ]
      : renewEtcdCertificates(plan, host)),
    ...memberRestartLines(plan, host),
    `restart kube-apiserver ${apiPort}`,
    `ready() { kubectl --kubeconfig ${adminKubeconfig} --server https://${host.address}:${apiPort} get --raw /readyz >/dev/null 2>&1; }`,
    `wait_for ${nodeSeconds} ready || fail "the API server of ${host.name} is not ready with its new certificate; look at its log on ${host.address}"`,
    `restart kube-controller-manager 10257`,
    `restart kube-scheduler 10259`,
    ...secondSetLines(plan, host, true),
    ...(plan.etcd.some(({ host: holder, cluster }) => holder === host.name && cluster === "main") ? [`standing`] : []),
  );
}

/** Lines that give a kubelet a client certificate where its own has run out, or will within a day. */
export function kubeletCredentialLines(host: PlannedHost, config: string): string[] {
  return [
    `if ! openssl x509 -checkend 86400 -noout -in /var/lib/kubelet/pki/kubelet-client-current.pem >/dev/null 2>&1; then`,
    `  kubeadm kubeconfig user --config ${config} --org system:nodes --client-name system:node:${host.name} | put /etc/kubernetes/kubelet.conf 600`,
    `  systemctl restart kubelet`,
    `fi`,
  ];
}
