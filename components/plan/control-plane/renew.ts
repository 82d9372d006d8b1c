import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { adminKubeconfig, nodeSeconds, onlyRun, pki, servingLines } from "./host-steps.ts";
import { apiPort } from "./hosts.ts";
import { hostFolder } from "./kubeadm-config.ts";
import { etcdClientPort, etcdFunctions, type Operation } from "./operation.ts";
import { lines, prelude } from "../shell.ts";

const manifests = "/etc/kubernetes/manifests";
const held = `${hostFolder}/held`;

/**
 * Makes every certificate of the control plane anew, one host at a time, and restarts what reads it only at its start.
 * It needs no API server, so that it also mends a cluster whose certificates have run out.
 */
export function renewOperation(plan: ControlPlanePlan): Operation {
  const members = plan.hosts.filter(({ role }) => role === "control-plane");
  return {
    title: `new certificates for the control plane of ${plan.clusterName}, one host at a time`,
    steps: [
      ...members.map((host) => ({
        host: host.name,
        what: "makes certificates and kubeconfigs anew; restarts etcd, API server, controller manager and scheduler in turn",
        script: renewScript(plan, host),
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

function renewScript(plan: ControlPlanePlan, host: PlannedHost): string {
  const config = `${hostFolder}/${host.name === plan.first.name ? "init" : "member"}.yaml`;
  const clientCertificate = "/var/lib/kubelet/pki/kubelet-client-current.pem";
  return lines(
    prelude,
    onlyRun(host),
    etcdFunctions,
    `listens() { timeout 2 bash -c ": </dev/tcp/127.0.0.1/$1" 2>/dev/null; }`,
    `closed() { ! listens "$1"; }`,
    // The kubelet ends a static pod whose manifest is away. A run that was ended here left it aside: it goes back first.
    `restart() {`,
    `  mkdir -p ${held}`,
    `  mv -f ${manifests}/$1.yaml ${held}/$1.yaml`,
    `  wait_for ${nodeSeconds} closed "$2" || { mv -f ${held}/$1.yaml ${manifests}/$1.yaml; fail "$1 of ${host.name} does not end; look at the kubelet's log on ${host.address}"; }`,
    `  mv -f ${held}/$1.yaml ${manifests}/$1.yaml`,
    `  wait_for ${nodeSeconds} listens "$2" || fail "$1 of ${host.name} does not come back with its new certificate; look at its log on ${host.address}"`,
    `}`,
    `for file in ${held}/*.yaml; do [ ! -e "$file" ] || mv -f "$file" ${manifests}/; done`,
    `kubeadm certs renew all --config ${config} >&2 || fail "kubeadm could not renew the certificates of ${host.name}; its words are above"`,
    // Renewal keeps the names that a certificate has; the API server's are made from the configuration, wrong ones with it.
    `for file in crt key; do [ ! -e ${pki}/apiserver.$file ] || mv -f ${pki}/apiserver.$file ${pki}/apiserver.$file.old; done`,
    `kubeadm init phase certs apiserver --config ${config} >&2`,
    `if ! openssl x509 -checkend 86400 -noout -in ${clientCertificate} >/dev/null 2>&1; then`,
    `  kubeadm kubeconfig user --config ${config} --org system:nodes --client-name system:node:${host.name} | put /etc/kubernetes/kubelet.conf 600`,
    `  systemctl restart kubelet`,
    `fi`,
    `restart etcd ${etcdClientPort}`,
    `well() { answers https://127.0.0.1:${etcdClientPort}; }`,
    `wait_for ${nodeSeconds} well || fail "etcd of ${host.name} is not healthy with its new certificates; look at its log on ${host.address}"`,
    `restart kube-apiserver ${apiPort}`,
    `ready() { kubectl --kubeconfig ${adminKubeconfig} --server https://${host.address}:${apiPort} get --raw /readyz >/dev/null 2>&1; }`,
    `wait_for ${nodeSeconds} ready || fail "the API server of ${host.name} is not ready with its new certificate; look at its log on ${host.address}"`,
    `restart kube-controller-manager 10257`,
    `restart kube-scheduler 10259`,
    `standing`,
  );
}
