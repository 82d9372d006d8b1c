import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { etcdManifest } from "./etcd-manifest.ts";
import { type EtcdMember, manifests } from "./etcd-members.ts";
import type { KubeadmSettings } from "./hosts.ts";
import { pki, type StepContext } from "./host-steps.ts";
import { certificateDocuments, criSocket, hostFolder, toYaml } from "./kubeadm-config.ts";
import { certificatesConfig, memberFunctions, membersFolder } from "./member-functions.ts";
import { indent, lines, putFile, shellQuote } from "../shell.ts";

/** The members on a host that no kubeadm makes. */
export function generatedMembers(plan: ControlPlanePlan, host: string): EtcdMember[] {
  return plan.etcd.filter((member) => member.host === host && member.madeBy === "quorum");
}

/** Whether kubeadm is not enough for etcd on this host: for its members, or for its API server's way to those of others. */
export function isBeyond(plan: ControlPlanePlan, host: PlannedHost): boolean {
  return plan.etcdMode === "external" ? host.role !== "worker" : generatedMembers(plan, host.name).length > 0;
}

/** Lines for the front of a step that has `etcdStepLines`: files and functions, which do nothing by themselves. */
export function etcdDefinitions(context: StepContext, host: PlannedHost): string[] {
  const { settings, plan, mirror } = context;
  if (!isBeyond(plan, host)) return [];
  return [
    putFile(certificatesConfig, "600", toYaml(certificateDocuments(settings, plan, mirror, host))),
    ...generatedMembers(plan, host.name).map((member) =>
      putFile(`${membersFolder}/${member.pod}.yaml`, "600", etcdManifest(settings, member)),
    ),
    ...memberFunctions(host),
  ];
}

/**
 * Lines for what of etcd kubeadm does not make on a host; none where it makes all. They start the members, one after the other, or
 * bring changed settings to them. A kubelet that takes the host's manifests must run.
 *
 * The first member of a cluster begins it alone. Every further one is added as a learner, which has no vote, starts, catches up,
 * and is promoted: at no time does one count that has no data. Each step looks at what is there, so that a run that was ended
 * anywhere goes on from there.
 *
 * @param phase `first`: before there is an API server. A kubelet that has not reached its own yet ends no pod, so that none can be
 * changed: that is done by a `last` phase, which takes for granted that they run
 * @param begun a word of the shell: yes where the cluster exists already, so that no member of this host may begin one; no before
 */
export function etcdStepLines(
  { plan }: StepContext,
  host: PlannedHost,
  begun: string,
  phase: "first" | "last" | "both" = "both",
): string[] {
  if (!isBeyond(plan, host)) return [];
  const members = generatedMembers(plan, host.name);
  return [
    `begun=${begun}`,
    ...etcdCertificateLines(plan, host),
    ...(members.length === 0 ? [] : [`restore_pods`]),
    ...members.flatMap((member) => [
      ...(phase === "last" ? [] : [`etcd_member ${memberArguments(plan, member).map(shellWord).join(" ")}`]),
      ...(phase === "first" ? [] : [`etcd_change ${member.pod} ${member.ports.client} ${stateOf(plan, member)}`]),
    ]),
  ];
}

/** A single member of events whose data is gone begins anew, empty: nothing else would be lost, and API servers wait for it. */
function stateOf({ etcd }: ControlPlanePlan, { cluster }: EtcdMember): "new" | "existing" {
  return cluster === "events" && etcd.filter((one) => one.cluster === "events").length === 1 ? "new" : "existing";
}

function shellWord(word: string): string {
  return word === "" ? "''" : shellQuote(word);
}

function memberArguments(plan: ControlPlanePlan, member: EtcdMember): string[] {
  const cluster = plan.etcd.filter((one) => one.cluster === member.cluster);
  const others = cluster.filter((one) => one !== member).map(({ clientUrl }) => clientUrl);
  // A second cluster of events would cost events alone, and one is to be had on a cluster that runs.
  const begins = member.cluster === "events" ? "always" : "begins";
  const how = beginnerOf(plan, member.cluster)?.name === member.name ? begins : "joins";
  return [member.pod, member.name, member.peerUrl, String(member.ports.client), how, others.join(" ")];
}

/** The member that begins its cluster: on the host that begins everything where that has one, else the first by name. */
function beginnerOf({ etcd, first }: ControlPlanePlan, cluster: EtcdMember["cluster"]): EtcdMember | undefined {
  const members = etcd.filter((one) => one.cluster === cluster);
  return members.find(({ host }) => host === first.name) ?? members[0];
}

/**
 * Lines that make a host's certificates of etcd by the etcd authority that is there: those of its members, and on a control-plane
 * host that by which its API server reads them. A pair of which one half is missing, as a kill may leave it, is made anew.
 */
export function etcdCertificateLines(plan: ControlPlanePlan, host: PlannedHost): string[] {
  if (!isBeyond(plan, host)) return [];
  const hasMembers = plan.etcd.some((member) => member.host === host.name);
  const leaves = [
    ...(hasMembers ? ["server", "peer", "healthcheck-client"].map((name) => [`etcd-${name}`, `etcd/${name}`]) : []),
    ...(host.role === "control-plane" ? [["apiserver-etcd-client", "apiserver-etcd-client"]] : []),
  ];
  return [
    `leaf() {`,
    `  if [ -s ${pki}/$2.crt ] && [ -s ${pki}/$2.key ]; then return; fi`,
    `  for file in crt key; do [ ! -e ${pki}/$2.$file ] || mv -f ${pki}/$2.$file ${pki}/$2.$file.old; done`,
    `  kubeadm init phase certs "$1" --config ${certificatesConfig} >&2`,
    `}`,
    ...leaves.map((names) => `leaf ${names.join(" ")}`),
  ];
}

/**
 * Lines that make a kubelet run a host's static pods and nothing else: it belongs to no cluster and has no API server. This is
 * how a host of etcd alone runs its members.
 *
 * @see https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/setup-ha-etcd-with-kubeadm/
 */
export function standaloneKubeletLines(settings: KubeadmSettings, host: PlannedHost): string[] {
  const config = `${hostFolder}/kubelet-standalone.yaml`;
  const dropIn = "/etc/systemd/system/kubelet.service.d/20-quorum-etcd.conf";
  const asked = Object.entries({ ...settings.kubelet, ...host.kubelet });
  // There is no API server to ask for a certificate.
  const fields = Object.fromEntries(asked.filter(([name]) => name !== "serverTLSBootstrap"));
  const document = {
    cgroupDriver: "systemd",
    ...fields,
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    staticPodPath: manifests,
    containerRuntimeEndpoint: criSocket,
    // Nobody asks it anything: it answers on loopback alone, and to nobody.
    address: "127.0.0.1",
    authentication: { anonymous: { enabled: false }, webhook: { enabled: false } },
    authorization: { mode: "AlwaysAllow" },
  };
  return [
    `was=$(cat ${config} ${dropIn} 2>/dev/null | cksum)`,
    `mkdir -p ${manifests}`,
    putFile(config, "600", toYaml([document])),
    `put ${dropIn} 644 <<QUORUM_UNIT`,
    `# This host runs etcd alone, so its kubelet belongs to no cluster.`,
    `[Service]`,
    `ExecStart=`,
    `ExecStart=$(command -v kubelet) --config=${config} --hostname-override=${host.name}`,
    `Restart=always`,
    `QUORUM_UNIT`,
    `if [ "$was" != "$(cat ${config} ${dropIn} | cksum)" ] || ! systemctl is-active --quiet kubelet; then`,
    indent(
      lines(
        `systemctl daemon-reload`,
        `systemctl enable --quiet kubelet`,
        `systemctl restart kubelet || fail "the kubelet of ${host.name} could not be started; look at its log on ${host.address}"`,
      ),
    ),
    `fi`,
  ];
}
