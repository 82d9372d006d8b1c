import { balancerAuthorityLines, balancerBegunLines } from "./balancer-step.ts";
import type { ControlPlanePlan } from "./control-plane.ts";
import { etcdDefinitions, etcdStepLines, generatedMembers, isBeyond } from "./external-etcd.ts";
import { apiPort, type KubeadmSettings } from "./hosts.ts";
import { beginEncryption, firstReads } from "./encryption.ts";
import { adminKubeconfig, onlyRun, pki, resumedChecks, type StepContext } from "./host-steps.ts";
import { hostFolder, initDocuments, toYaml } from "./kubeadm-config.ts";
import { kubeletLines, memberLines } from "./member-lines.ts";
import { certificatesConfig } from "./member-functions.ts";
import { apiEndpointLines, secondSetLines } from "./second-set.ts";
import { indent, lines, prelude, putFile } from "../shell.ts";

/** Begins the cluster on the first host, goes on with a beginning that was cut short, or brings changed settings to it. */
export function initScript(context: StepContext): string {
  const { settings, plan, mirror } = context;
  const { first } = plan;
  const config = `${hostFolder}/init.yaml`;
  return lines(
    prelude,
    onlyRun(first),
    `export KUBECONFIG=${adminKubeconfig}`,
    putFile(config, "600", toYaml(initDocuments(settings, plan, mirror))),
    putFile(`${hostFolder}/facts`, "644", factsOf(settings, plan)),
    ...etcdDefinitions(context, first),
    `if [ -e ${hostFolder}/init.done ]; then`,
    indent(changeLines(context, config)),
    `fi`,
    `if [ ! -e ${hostFolder}/init.started ]; then`,
    ...endpointLines(plan).map((line) => indent(line)),
    `  resumed=`,
    `else`,
    `  resumed=--ignore-preflight-errors=${resumedChecks}`,
    `  for file in admin super-admin kubelet controller-manager scheduler; do`,
    `    conf=/etc/kubernetes/$file.conf`,
    `    [ ! -e "$conf" ] || { kubectl --kubeconfig "$conf" config current-context >/dev/null 2>&1 && grep -q client-key "$conf"; } || mv -f "$conf" "$conf.broken"`,
    `  done`,
    `fi`,
    `: > ${hostFolder}/init.started`,
    ...certificateLines(isBeyond(plan, first) ? certificatesConfig : config),
    beginEncryption(context),
    ...balancerAuthorityLines(plan, first),
    ...beginningOfEtcd(context, config),
    `kubeadm init --config ${config} --skip-phases=show-join-command $resumed >&2 || fail "kubeadm init failed on ${first.name} (${first.address}); its words are above, and the next run goes on from here"`,
    ...balancerBegunLines(plan),
    ...etcdStepLines(context, first, "yes", "last"),
    ...secondSetLines(plan, first),
    ...apiEndpointLines(plan, first),
    `cp ${config} ${hostFolder}/init.applied`,
    `cp ${hostFolder}/facts ${hostFolder}/facts.applied`,
    `: > ${hostFolder}/init.done`,
  );
}

/**
 * The same, for a step that an engine remembers: the cluster exists, so a machine that knows nothing of it is another one.
 * To begin again there would leave two clusters of one name.
 */
export function changeScript(context: StepContext): string {
  const { first } = context.plan;
  return lines(
    `[ -e ${hostFolder}/init.started ] || { echo "quorum:controlPlane.hosts.${first.name}.address is ${first.address}, but the cluster was not begun on that machine; set the address back, or bring the cluster back with 'npm run control-plane -- recover'" >&2; exit 1; }`,
    initScript(context),
  );
}

/** Prints the administrator's kubeconfig. Never run again by a change of another step, so that it stays known at preview. */
export const kubeconfigScript = `cat ${adminKubeconfig}`;

/** Fact of a cluster without a cloud, and of one that was begun before this was asked. */
const noProvider = "none";

/** Where etcd is on a cluster that was begun before this was asked. */
const onControlPlane = "control-plane hosts";

function etcdPlace({ etcd, etcdHosts }: ControlPlanePlan): string {
  const own = etcd.some(({ cluster, host }) => cluster === "main" && etcdHosts.some(({ name }) => name === host));
  return own ? "own hosts" : onControlPlane;
}

/** Settings that a running cluster cannot take; they are compared line by line. */
export function factsOf(settings: KubeadmSettings, plan: ControlPlanePlan): string {
  return lines(
    `etcd ${etcdPlace(plan)}`,
    `clusterName ${plan.clusterName}`,
    `kubernetesVersion ${plan.kubernetesVersion}`,
    `endpoint ${plan.endpoint}`,
    `network.podSubnet ${settings.network.podSubnet}`,
    `network.serviceSubnet ${settings.network.serviceSubnet}`,
    `cloudProvider ${settings.cloudProvider ?? noProvider}`,
  );
}

/** Lines that refuse to begin a cluster where an API server of it answers. */
export function endpointLines(plan: ControlPlanePlan): string[] {
  return otherEndpoints(plan).map(
    (endpoint) =>
      `if timeout 5 openssl s_client -connect ${endpoint} </dev/null >/dev/null 2>&1; then fail "quorum:controlPlane.firstHost is ${plan.first.name}, but an API server answers at ${endpoint} and a second cluster must not begin; set firstHost to the host that began it"; fi`,
  );
}

/** Lines that begin etcd before kubeadm, where it is ours, under a kubelet that waits for its API server meanwhile. */
function beginningOfEtcd(context: StepContext, config: string): string[] {
  const { plan } = context;
  const { first } = plan;
  if (generatedMembers(plan, first.name).length === 0) return etcdStepLines(context, first, "no");
  // Members on hosts that join later do not answer yet.
  const later = plan.etcd.some(({ host, cluster }) => cluster === "main" && host !== first.name);
  const unreached = plan.etcdMode === "external" && later ? ",ExternalEtcdVersion" : "";
  return [
    `kubeadm init phase kubeconfig all --config ${config} >&2`,
    `kubeadm init phase kubelet-start --config ${config} >&2`,
    ...etcdStepLines(context, first, "no", "first"),
    `resumed=--ignore-preflight-errors=${resumedChecks}${unreached}`,
  ];
}

function otherEndpoints(plan: ControlPlanePlan): string[] {
  const others = plan.hosts.filter((host) => host.role === "control-plane" && host.name !== plan.first.name);
  const own = `${plan.first.address}:${apiPort}`;
  return [...new Set([plan.endpoint, ...others.map((host) => `${host.address}:${apiPort}`)])].filter(
    (endpoint) => endpoint !== own,
  );
}

/**
 * Certificates are made aside and taken over whole: kubeadm refuses a folder with a key but not its certificate, as a kill
 * would leave it. A CA that the site put into the folder is kept. kubeadm writes sa.pub last, so its presence means all.
 */
export function certificateLines(config: string): string[] {
  const staging = "/etc/kubernetes/pki.new";
  return [
    `if [ ! -e ${pki}/sa.pub ]; then`,
    `  if [ ! -e ${staging}/sa.pub ]; then`,
    `    rm -rf ${staging}`,
    `    mkdir ${staging}`,
    `    [ ! -d ${pki} ] || cp -a ${pki}/. ${staging}/`,
    `    sed 's|^kind: ClusterConfiguration$|&\\ncertificatesDir: ${staging}|' ${config} | put ${hostFolder}/certificates.yaml 600`,
    `    kubeadm init phase certs all --config ${hostFolder}/certificates.yaml >&2`,
    `  fi`,
    `  (cd ${staging} && find . -type f ! -name sa.pub) | while read -r file; do put "${pki}/$file" 600 < "${staging}/$file"; done`,
    `  put ${pki}/sa.pub 600 < ${staging}/sa.pub`,
    `  rm -rf ${staging}`,
    `fi`,
  ];
}

function changeLines(context: StepContext, config: string): string {
  const { settings, plan } = context;
  const proxyVersion = `kubectl -n kube-system get configmap kube-proxy -o jsonpath='{.metadata.resourceVersion}'`;
  return lines(
    `while read -r key value; do`,
    `  was=$(sed -n "s|^$key ||p" ${hostFolder}/facts.applied)`,
    `  [ "$key" != etcd ] || was=\${was:-${onControlPlane}}`,
    `  [ "$key" != cloudProvider ] || was=\${was:-${noProvider}}`,
    `  [ "$value" = "$was" ] || case $key in`,
    `    kubernetesVersion) fail "quorum:controlPlane.$key is $value, but the cluster runs $was and up changes no version; set it back, or run 'npm run control-plane -- upgrade $value'" ;;`,
    `    etcd) fail "quorum:controlPlane.hosts has etcd on $value, but the cluster was begun with it on $was, and up moves no member; set the roles back" ;;`,
    `    *) fail "quorum:controlPlane.$key is $value, but the cluster was begun with $was and cannot change it; set it back" ;;`,
    `  esac`,
    `done < ${hostFolder}/facts`,
    firstReads(context),
    // kubeadm's file says little of members that kubeadm does not make.
    ...etcdStepLines(context, plan.first, "yes"),
    `if ! cmp -s ${config} ${hostFolder}/init.applied; then`,
    ...[
      ...memberLines(settings, plan.first, config),
      ...secondSetLines(plan, plan.first),
      ...apiEndpointLines(plan, plan.first),
      // Only what is seen working here is told to hosts that join.
      `kubeadm init phase upload-config all --config ${config} >&2`,
      `was=$(${proxyVersion})`,
      `kubeadm init phase addon all --config ${config} >&2`,
      `[ "$was" = "$(${proxyVersion})" ] || kubectl -n kube-system rollout restart daemonset/kube-proxy >&2`,
      `cp ${config} ${hostFolder}/init.applied`,
    ].map((line) => indent(line)),
    `fi`,
    // Of what is this host's own kubeadm's file says nothing.
    ...kubeletLines(settings, plan.first),
    `exit 0`,
  );
}
