import { type BalancerHost, balancerHealthPort, type BalancerPlan } from "./balancer.ts";
import {
  checkScript,
  haproxyConfig,
  haproxyConfigHash,
  interfacePlaceholder,
  keepalivedConfig,
  kubeconfigPlaceholder,
} from "./balancer-files.ts";
import { haproxyManifest, keepalivedManifest, kubeVipManifest } from "./balancer-pods.ts";
import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { manifests } from "./etcd-members.ts";
import { onlyRun, pki, type StepContext } from "./host-steps.ts";
import { hostFolder } from "./kubeadm-config.ts";
import { indent, lines, prelude, putFile } from "../shell.ts";

const folder = `${hostFolder}/balancer`;
/** Seconds that HAProxy or keepalived get to take up a changed configuration, their images' pull included. */
const balancerSeconds = 180;
/** Our static pods on a host; the names tell them from those of a site. */
const podFile = (name: string) => `${manifests}/quorum-${name}.yaml`;
const pods = { haproxy: ["haproxy", "keepalived"], "kube-vip": ["kube-vip"] } as const;

/** One file of the balancer on a host. */
export interface BalancerFile {
  readonly path: string;
  readonly mode: string;
  /** May hold placeholders, which the host fills: its interface, and which kubeconfig is to be used. */
  readonly text: string;
}

/** Whether the host has a share in the balancer. */
export function balancerHost(balancer: BalancerPlan | undefined, { name }: PlannedHost): BalancerHost | undefined {
  return balancer?.hosts.find((host) => host.name === name);
}

/** Every file of the balancer on one host, configurations before the pods that read them. */
export function balancerFiles(
  balancer: BalancerPlan,
  host: BalancerHost,
  images: Readonly<Record<string, string>>,
): BalancerFile[] {
  const image = (name: string) => {
    const reference = images[name];
    if (reference === undefined) throw new Error(`the balancer's image ${name} was not given to its plan`);
    return reference;
  };
  const device = balancer.interface ?? interfacePlaceholder;
  if (balancer.kind === "kube-vip")
    return [{ path: podFile("kube-vip"), mode: "600", text: kubeVipManifest(balancer, image("kube-vip"), device) }];
  const [haproxy, keepalived] = [`${folder}/haproxy`, `${folder}/keepalived`];
  return [
    { path: `${haproxy}/haproxy.cfg`, mode: "644", text: haproxyConfig(balancer, host) },
    { path: `${keepalived}/check.sh`, mode: "755", text: checkScript },
    { path: `${keepalived}/keepalived.conf`, mode: "644", text: keepalivedConfig(balancer, host, device) },
    { path: podFile("haproxy"), mode: "600", text: haproxyManifest(image("haproxy"), haproxy) },
    { path: podFile("keepalived"), mode: "600", text: keepalivedManifest(image("keepalived"), keepalived) },
  ];
}

/**
 * Gives a control-plane host its balancer. Before the cluster begins, or the host joins, it only writes the files: the kubelet
 * starts the pods with the rest. On a member it has the processes take up what changed, without an end of theirs, and waits.
 */
export function balancerScript({ plan, images }: StepContext, host: PlannedHost): string {
  const { balancer } = plan;
  const own = balancerHost(balancer, host);
  if (balancer === undefined || own === undefined)
    throw new Error(`${host.name} has no share in the balancer of its plan`);
  return lines(
    prelude,
    onlyRun(host),
    ...interfaceLines(balancer, host),
    ...(host.name === plan.first.name ? [unusedLines(balancer)] : []),
    `conf=/etc/kubernetes/admin.conf`,
    // kubeadm lets the administrator in over the address that kube-vip is still to set; the first one may do all at once.
    ...(host.name === plan.first.name
      ? [`[ -e ${hostFolder}/init.done ] || conf=/etc/kubernetes/super-admin.conf`]
      : []),
    `mkdir -p ${manifests}`,
    // The pods' users are not root.
    `umask 022`,
    `mkdir -p ${folder}`,
    // The kubelet runs every file of its folder: they are made aside.
    `fill() { sed "s|${interfacePlaceholder}|$interface|g; s|${kubeconfigPlaceholder}|$conf|g" "${folder}/new" > "${folder}/filled"; chmod "$2" "${folder}/filled"; mkdir -p "$(dirname "$1")"; cmp -s "${folder}/filled" "$1" || mv -f "${folder}/filled" "$1"; rm -f "${folder}/new" "${folder}/filled"; }`,
    `sum() { cat "$1" 2>/dev/null | cksum; }`,
    ...(balancer.kind === "haproxy" ? [`was=$(sum ${folder}/keepalived/keepalived.conf)`] : []),
    authorityLine(balancer),
    ...Object.entries(pods).flatMap(([kind, names]) =>
      kind === balancer.kind ? [] : [`rm -f ${names.map(podFile).join(" ")}`],
    ),
    ...balancerFiles(balancer, own, images ?? {}).flatMap(({ path, mode, text }) => [
      putFile(`${folder}/new`, "600", text),
      `fill ${path} ${mode}`,
    ]),
    `[ -e ${hostFolder}/init.done ] || [ -e ${hostFolder}/join.done ] || exit 0`,
    ...(balancer.kind === "haproxy" ? takeUpLines(balancer, own) : []),
    `reached() { timeout 2 bash -c ': </dev/tcp/${balancer.address}/${balancer.port}' 2>/dev/null; }`,
    `wait_for ${balancerSeconds} reached || fail "quorum:controlPlane.balancer.address ${balancer.address} does not answer at port ${balancer.port} on ${host.name}; look at the logs of ${pods[balancer.kind].join(" and ")} on ${host.address}"`,
  );
}

/** Before kubeadm starts the kubelet, on a host that begins or joins: HAProxy may read no more of the keys' folder than this. */
export function balancerAuthorityLines(plan: ControlPlanePlan, host: PlannedHost): string[] {
  const { balancer } = plan;
  return balancer?.kind === "haproxy" && balancerHost(balancer, host) !== undefined ? [authorityLine(balancer)] : [];
}

function authorityLine({ kind }: BalancerPlan): string {
  if (kind !== "haproxy") return ":";
  const copy = `${folder}/haproxy/ca.crt`;
  return `if [ -e ${pki}/ca.crt ]; then (umask 022; put ${copy} 644 < ${pki}/ca.crt); fi`;
}

/** After `kubeadm init`: kube-vip needs no more than the other administrators have. */
export function balancerBegunLines({ balancer }: ControlPlanePlan): string[] {
  if (balancer?.kind !== "kube-vip") return [];
  const file = podFile("kube-vip");
  return [
    `sed 's|/super-admin.conf|/admin.conf|' ${file} > ${folder}/begun`,
    `chmod 600 ${folder}/begun`,
    `mv -f ${folder}/begun ${file}`,
  ];
}

/** On a host whose plan has no balancer of ours any more: its pods would go on to claim the address. */
export function noBalancerLines(plan: ControlPlanePlan, host: PlannedHost): string[] {
  if (balancerHost(plan.balancer, host) !== undefined) return [];
  const files = Object.values(pods).flat().map(podFile);
  return [`[ ! -d ${folder} ] || rm -rf ${files.join(" ")} ${folder}`];
}

/** Finds the interface, and refuses an address that no host of this network can have. */
function interfaceLines(balancer: BalancerPlan, host: PlannedHost): string[] {
  const key = "quorum:controlPlane.balancer";
  const { address } = balancer;
  return [
    ...(balancer.interface === undefined
      ? [
          `interface=$(ip -o -4 address show to ${host.address} | awk '{ print $2; exit }')`,
          `[ -n "$interface" ] || fail "${key}.interface is not set, and no interface of ${host.name} has ${host.address}; set it to the one that ${host.name} is reached by"`,
        ]
      : [
          `interface=${balancer.interface}`,
          `ip link show "$interface" >/dev/null 2>&1 || fail "${key}.interface is ${balancer.interface}, but ${host.name} (${host.address}) has none of that name; set one that every control-plane host has, or leave it out"`,
        ]),
    `route=$(ip -4 route get ${address} 2>&1 || true)`,
    `outside() { fail "${key}.address is ${address}, but it is outside of the network of $interface on ${host.name} ($(ip -o -4 address show dev "$interface" | awk '{ print $4; exit }')), so no host there could have it; set a free address of that network"; }`,
    `case $route in`,
    `  "local "*) ;;`,
    `  *" via "*) outside ;;`,
    `  *" dev $interface "*) ;;`,
    `  *) outside ;;`,
    `esac`,
  ];
}

/** Before the cluster begins nobody may have the address: a machine that does would be cut off, and the cluster with it. */
function unusedLines({ address }: BalancerPlan): string {
  return lines(
    `if [ ! -e ${hostFolder}/init.started ]; then`,
    indent(
      lines(
        // A packet to it makes the kernel ask who has it.
        `timeout 2 bash -c 'echo > /dev/udp/${address}/9' 2>/dev/null || true`,
        `sleep 1`,
        `owner=$(ip -4 neighbour show ${address} | sed -n 's|.* lladdr \\([^ ]*\\) .*|\\1|p')`,
        `[ -z "$owner" ] || fail "quorum:controlPlane.balancer.address is ${address}, but a machine of that network has it already ($owner); set a free address, or firstHost to the host that began the cluster"`,
      ),
    ),
    `fi`,
  ).trimEnd();
}

/** Asks processes that run to read their files again: the port answers throughout, open connections get 30 s to end. */
function takeUpLines(balancer: BalancerPlan, host: BalancerHost): string[] {
  const ask = `printf "GET /config HTTP/1.0\\r\\n\\r\\n" >&3; tail -n 1 <&3`;
  return [
    `tasks() { for id in $(ctr -n k8s.io containers ls -q "labels.\\"io.kubernetes.container.name\\"==$1"); do if ctr -n k8s.io tasks ls -q | grep -qx "$id"; then echo "$id"; fi; done; }`,
    `signal() { for id in $(tasks "$1"); do ctr -n k8s.io tasks kill --signal "$2" "$id" || true; done; }`,
    `taken_up() { [ "$(timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/${balancerHealthPort}; ${ask}' 2>/dev/null)" = ${haproxyConfigHash(balancer, host)} ]; }`,
    `taken_up || signal haproxy SIGUSR2`,
    `wait_for ${balancerSeconds} taken_up || fail "HAProxy of ${host.name} does not run with its configuration after ${balancerSeconds} s; look at its log on ${host.address}"`,
    `[ "$was" = "$(sum ${folder}/keepalived/keepalived.conf)" ] || signal keepalived SIGHUP`,
    `runs() { [ -n "$(tasks keepalived)" ]; }`,
    `wait_for ${balancerSeconds} runs || fail "keepalived of ${host.name} does not run; look at its log on ${host.address}"`,
  ];
}
