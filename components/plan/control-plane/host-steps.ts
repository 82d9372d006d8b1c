import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { apiPort, type KubeadmSettings } from "./hosts.ts";
import { eventsProbeLines } from "./events-probes.ts";
import { memberFileLines } from "./api-server-files.ts";
import { noBalancerLines } from "./balancer-step.ts";
import { criSocket, hostFolder, patchesFolder, toYaml } from "./kubeadm-config.ts";
import { kernelSettings, kubeletPatch, protectsKernel, reservedLines } from "./kubelet-config.ts";
import { cniConflist, networkCommands } from "./network.ts";
import { lines, prelude, putFile, shellQuote, soleRun } from "../shell.ts";

/** What the steps of a plan are made from. */
export interface StepContext {
  readonly settings: KubeadmSettings;
  readonly plan: ControlPlanePlan;
  /** Registry host that stands in for all others. */
  readonly mirror?: string | undefined;
  /** References of images of data/images.yaml that static pods run, by their names there. */
  readonly images?: Readonly<Record<string, string>> | undefined;
}

export const adminKubeconfig = "/etc/kubernetes/admin.conf";
export const pki = "/etc/kubernetes/pki";
const clusterMarker = `${hostFolder}/cluster`;
/** Of a host: tickets are sealed to it. It outlives the join, so that the step prints the same whenever it runs. */
export const sealCertificate = `${hostFolder}/seal.crt`;
/** Opens what is sealed to it. A member keeps it, as later tickets bring it new keys of the cluster. */
export const sealKey = `${hostFolder}/seal.key`;
/** Seconds that a host's container runtime gets to come up. */
const runtimeSeconds = 30;
/** Seconds that a kubeadm which outlived its connection gets to end. */
const kubeadmSeconds = 600;
/** Seconds that a node gets to register, to get its certificate and to become Ready. */
export const nodeSeconds = 300;

/** kubeadm's checks that fail, rightly, when a run of ours was cut short and goes on. */
export const resumedChecks = [
  ...["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"].map(
    (name) => `FileAvailable--etc-kubernetes-manifests-${name}.yaml`,
  ),
  "FileAvailable--etc-kubernetes-kubelet.conf",
  "FileAvailable--etc-kubernetes-bootstrap-kubelet.conf",
  "FileAvailable--etc-kubernetes-pki-ca.crt",
  "DirAvailable--var-lib-etcd",
  ...[apiPort, 10250, 10257, 10259, 2379, 2380].map((port) => `Port-${port}`),
].join(",");

/** Checks the machine and writes what its kubelet needs. A host that is to join prints a certificate to seal its ticket to. */
export function prepareScript({ settings, plan }: StepContext, host: PlannedHost): string {
  const key = `quorum:controlPlane.hosts.${host.name}`;
  const version = `v${plan.kubernetesVersion}`;
  return lines(
    prelude,
    `[ "$(id -u)" = 0 ] || fail "quorum:controlPlane.ssh.user is $(id -un) on ${host.name}, but host steps need root; set it to root"`,
    `for tool in kubeadm kubelet kubectl openssl ip iptables tar flock${joinsEtcd(plan, host) ? " etcdctl" : ""}; do command -v "$tool" >/dev/null || fail "${key} has no $tool on its PATH, but a host needs it; install it on ${host.address}"; done`,
    `for tool in kubeadm kubelet; do`,
    `  case $tool in kubeadm) have=$(kubeadm version -o short) ;; *) have=$(kubelet --version | cut -d" " -f2) ;; esac`,
    `  [ "$have" = ${version} ] || fail "${key} has $tool $have, but it must be ${version} as quorum:controlPlane.kubernetesVersion says; install that version on ${host.address}"`,
    `done`,
    `runtime() { [ -S ${criSocket.replace("unix://", "")} ]; }`,
    `wait_for ${runtimeSeconds} runtime || fail "${key} has no container runtime at ${criSocket}, but the kubelet needs one; start containerd on ${host.address}"`,
    `if [ ! -e ${clusterMarker} ]; then`,
    `  for file in ${adminKubeconfig} /etc/kubernetes/kubelet.conf; do [ ! -e "$file" ] || fail "${key} has $file already, so ${host.address} belongs to another cluster; run 'kubeadm reset' there, or use quorum:controlPlane.mode existing"; done`,
    `  echo ${shellQuote(plan.clusterName)} | put ${clusterMarker} 644`,
    `fi`,
    `[ "$(cat ${clusterMarker})" = ${shellQuote(plan.clusterName)} ] || fail "${key} belongs to cluster $(cat ${clusterMarker}), but quorum:controlPlane.clusterName is ${plan.clusterName}; set that name, or run 'kubeadm reset' on ${host.address} and remove ${hostFolder}"`,
    ...kernelLines(settings, key),
    ...(protectsKernel(settings, host) ? protectLines(key) : []),
    putFile(`${patchesFolder}/kubeletconfiguration0+merge.yaml`, "644", toYaml([kubeletPatch(host)])),
    ...reservedLines(settings, host, patchesFolder),
    ...(host.role === "control-plane" ? [...memberFileLines(settings), ...eventsProbeLines(plan)] : []),
    ...noBalancerLines(plan, host),
    ...(host.name === plan.first.name ? [] : sealLines(host)),
  );
}

/** Whether a step of ours lets a member on this host into a cluster that others are in: with none running here yet, by the host's etcdctl. */
function joinsEtcd({ etcd }: ControlPlanePlan, { name }: PlannedHost): boolean {
  return etcd.some((one) => one.host === name && one.madeBy === "quorum") && etcd.some(({ host }) => host !== name);
}

/** Gives a host its pod network: addresses, routes to the other hosts, the way out. */
export function networkScript({ settings, plan }: StepContext, host: PlannedHost): string {
  const script = `${hostFolder}/network.sh`;
  const unit = "quorum-network.service";
  return lines(
    prelude,
    putFile("/etc/cni/net.d/10-quorum.conflist", "600", cniConflist(host)),
    putFile(
      script,
      "755",
      lines("#!/bin/sh", "set -eu", ...networkCommands(host, plan.hosts, settings.network.podSubnet)),
    ),
    script,
    ...(settings.local
      ? []
      : [
          putFile(
            `/etc/systemd/system/${unit}`,
            "644",
            lines(
              "[Unit]",
              "Description=Routes to the pods of other hosts",
              "After=network-online.target",
              "Wants=network-online.target",
              "[Service]",
              "Type=oneshot",
              "RemainAfterExit=yes",
              `ExecStart=${script}`,
              "[Install]",
              "WantedBy=multi-user.target",
            ),
          ),
          `{ systemctl daemon-reload && systemctl enable --quiet ${unit}; } 2>/dev/null || echo "no systemd here: have ${script} run at boot" >&2`,
        ]),
  );
}

/** On the first host: labels, taints and the kubelet's serving certificate of a node, then waits until it is Ready. */
export function nodeScript({ settings }: StepContext, host: PlannedHost): string {
  const taint = "node-role.kubernetes.io/control-plane";
  const serving = settings.kubelet["serverTLSBootstrap"] !== false && host.kubelet["serverTLSBootstrap"] !== false;
  const remove = `kubectl taint node ${host.name} ${taint}:NoSchedule- >/dev/null 2>&1 || true`;
  return lines(
    prelude,
    `export KUBECONFIG=${adminKubeconfig}`,
    `registered() { kubectl get node ${host.name} >/dev/null 2>&1; }`,
    `wait_for ${nodeSeconds} registered || fail "node ${host.name} (${host.address}) did not register within ${nodeSeconds} s; look at the kubelet's log on that host"`,
    ...(host.zone === undefined
      ? []
      : [`kubectl label node ${host.name} --overwrite topology.kubernetes.io/zone=${shellQuote(host.zone)} >&2`]),
    host.schedulable ? remove : `kubectl taint node ${host.name} --overwrite ${taint}=:NoSchedule >&2`,
    ...(serving ? servingLines(host) : []),
    ...(settings.network.plugin === "routed"
      ? [
          `kubectl wait --for=condition=Ready node/${host.name} --timeout=${nodeSeconds}s >&2 || { kubectl describe node ${host.name} >&2; fail "node ${host.name} (${host.address}) is not Ready; its conditions are above"; }`,
        ]
      : []),
  );
}

/** The kubelet would end at a setting of the kernel that is not as it wants it. */
function protectLines(key: string): string[] {
  const wanted = Object.entries(kernelSettings);
  return [
    ...wanted.map(([name, value]) => {
      const file = `/proc/sys/${name.replaceAll(".", "/")}`;
      return `[ "$(cat ${file})" = ${value} ] || { echo ${value} > ${file}; } 2>/dev/null || fail "${key} has ${name} $(cat ${file}), but the kubelet wants ${value} and the host does not let it be set; set it there, or set kubelet.protectKernelDefaults of the host to false"`;
    }),
    putFile(
      "/etc/sysctl.d/90-quorum-kubelet.conf",
      "644",
      lines(...wanted.map(([name, value]) => `${name} = ${value}`)).trimEnd(),
    ),
  ];
}

function kernelLines(settings: KubeadmSettings, key: string): string[] {
  const modules = settings.network.plugin === "routed" ? ["overlay"] : ["overlay", "br_netfilter"];
  const forward = "/proc/sys/net/ipv4/ip_forward";
  return [
    `modprobe -a ${modules.join(" ")} 2>/dev/null || true`,
    `[ "$(cat ${forward})" = 1 ] || { echo 1 > ${forward}; } 2>/dev/null || fail "${key} has net.ipv4.ip_forward 0, but pods need 1; set it on the host"`,
    ...(settings.local
      ? []
      : [
          putFile("/etc/modules-load.d/quorum.conf", "644", lines(...modules)),
          putFile("/etc/sysctl.d/90-quorum.conf", "644", "net.ipv4.ip_forward = 1\n"),
        ]),
  ];
}

function sealLines(host: PlannedHost): string[] {
  const joins = host.role === "control-plane" ? "" : `[ ! -e ${hostFolder}/join.done ] && `;
  return [
    `if ${joins}[ ! -e ${sealKey} ]; then`,
    `  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=${host.name} -keyout ${sealKey}.new -out ${sealCertificate}.new 2>/dev/null`,
    `  mv -f ${sealCertificate}.new ${sealCertificate}`,
    `  mv -f ${sealKey}.new ${sealKey}`,
    `fi`,
    `cat ${sealCertificate}`,
  ];
}

/** Lines that wait for an earlier run of kubeadm that outlived its connection. */
export function onlyRun(host: PlannedHost): string {
  const failure = `kubeadm of an earlier run still works on ${host.name} (${host.address}) after ${kubeadmSeconds} s; look at 'ps' on that host`;
  return soleRun(hostFolder, kubeadmSeconds, failure);
}

/** Lines that sign the serving certificate that a kubelet asks for, and wait until it serves by it. */
export function servingLines(host: PlannedHost): string[] {
  const template = `{{range .items}}{{if and (eq .spec.signerName "kubernetes.io/kubelet-serving") (eq .spec.username "system:node:${host.name}") (not .status.conditions)}}{{.metadata.name}} {{.spec.request}}{{"\\n"}}{{end}}{{end}}`;
  return [
    `serves() { openssl s_client -connect ${host.address}:10250 -CAfile ${pki}/ca.crt -verify_ip ${host.address} -verify_return_error </dev/null >/dev/null 2>&1; }`,
    // A node may ask for any name, and whoever holds the certificate can pose as that name: only its own are signed.
    `foreign=`,
    `secured() {`,
    `  serves && return`,
    `  while read -r request body; do`,
    `    [ -n "$request" ] || continue`,
    `    for name in $(echo "$body" | base64 -d | openssl req -noout -text | sed -n '/Subject Alternative Name/{n;s/ //g;s/,/ /g;p}'); do`,
    `      case $name in DNS:${host.name}|IPAddress:${host.address}) ;; *) foreign=$name; return 0 ;; esac`,
    `    done`,
    `    kubectl certificate approve "$request" >&2`,
    `  done <<QUORUM_REQUESTS`,
    `$(kubectl get csr -o go-template='${template}')`,
    `QUORUM_REQUESTS`,
    `  serves`,
    `}`,
    `wait_for ${nodeSeconds} secured || fail "the kubelet of ${host.name} (${host.address}) has no certificate of this cluster after ${nodeSeconds} s; look at 'kubectl get csr'"`,
    `[ -z "$foreign" ] || fail "the kubelet of ${host.name} asks for a certificate for $foreign, which is not its own; look into ${host.address}"`,
  ];
}
