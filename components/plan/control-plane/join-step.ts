import { balancerAuthorityLines } from "./balancer-step.ts";
import type { PlannedHost } from "./control-plane.ts";
import { memberReads, sealEncryption } from "./encryption.ts";
import {
  adminKubeconfig,
  onlyRun,
  pki,
  resumedChecks,
  sealCertificate,
  sealKey,
  type StepContext,
} from "./host-steps.ts";
import { etcdCertificateLines, etcdDefinitions, etcdStepLines } from "./external-etcd.ts";
import { hostFolder, initDocuments, joinDocument, toYaml } from "./kubeadm-config.ts";
import { kubeletLines, memberLines } from "./member-lines.ts";
import { secondSetLines } from "./second-set.ts";
import { indent, lines, prelude, putFile } from "../shell.ts";

/** On the first host: seals what another host needs to join, to the certificate on stdin. */
export function ticketScript(context: StepContext, host: PlannedHost): string {
  const shared = "ca.crt ca.key sa.key sa.pub front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key";
  return lines(
    prelude,
    `export KUBECONFIG=${adminKubeconfig}`,
    `have=$(kubectl get node ${host.name} --ignore-not-found -o jsonpath='{.status.addresses[?(@.type=="InternalIP")].address}')`,
    `[ -z "$have" ] || [ "$have" = ${host.address} ] || fail "quorum:controlPlane.hosts.${host.name}.address is ${host.address}, but that host is in the cluster at $have; set it back, or replace the host with 'npm run control-plane -- replace ${host.name}'"`,
    `work=$(mktemp -d)`,
    `trap 'rm -rf "$work"' EXIT`,
    `mkdir "$work/ticket"`,
    `cat > "$work/seal.crt"`,
    `kubeadm kubeconfig user --config ${hostFolder}/init.yaml --client-name system:bootstrap:${host.name} --org system:bootstrappers:kubeadm:default-node-token > "$work/ticket/discovery.conf"`,
    ...(host.role === "control-plane"
      ? [
          `mkdir "$work/ticket/pki"`,
          `tar -C ${pki} -cf - ${shared} | tar -C "$work/ticket/pki" -xf -`,
          ...sealEncryption(context, "$work/ticket"),
        ]
      : []),
    `tar -C "$work/ticket" -czf "$work/ticket.tar" .`,
    `openssl cms -encrypt -binary -aes256 -outform PEM -in "$work/ticket.tar" "$work/seal.crt"`,
  );
}

/** On a further host: joins with the ticket on stdin, goes on with a join that was cut short, or takes changed settings. */
export function joinScript(context: StepContext, host: PlannedHost): string {
  const { settings, plan, mirror } = context;
  const folder = `${hostFolder}/join`;
  const config = `${hostFolder}/member.yaml`;
  const member = host.role === "control-plane";
  return lines(
    prelude,
    onlyRun(host),
    putFile(`${hostFolder}/join.yaml`, "600", toYaml([joinDocument(settings, host)])),
    ...(member ? [putFile(config, "600", toYaml(initDocuments(settings, plan, mirror, host)))] : []),
    ...etcdDefinitions(context, host),
    `open_ticket() {`,
    `  mkdir -p ${folder}`,
    `  cat > ${folder}/ticket.pem`,
    `  openssl cms -decrypt -inform PEM -in ${folder}/ticket.pem -inkey ${sealKey} -recip ${sealCertificate} -out ${folder}/ticket.tar || fail "the ticket of ${host.name} was sealed to another machine; the host was made anew since: replace it with 'npm run control-plane -- replace ${host.name}'"`,
    `  tar -C ${folder} -xzf ${folder}/ticket.tar`,
    `}`,
    `if [ -e ${folder}.done ]; then`,
    ...(member ? [indent(memberChange(context, host, config, folder))] : []),
    ...kubeletLines(settings, host).map((line) => indent(line)),
    `  exit 0`,
    `fi`,
    `open_ticket`,
    `if [ -d ${folder}/pki ]; then (cd ${folder}/pki && find . -type f) | while read -r file; do put "${pki}/$file" 600 < "${folder}/pki/$file"; done; fi`,
    ...(member ? [memberReads(context, host, folder, false)] : []),
    ...balancerAuthorityLines(plan, host),
    ...(member ? etcdCertificateLines(plan, host) : []),
    `resumed=`,
    `if [ -e ${folder}.started ]; then`,
    `  resumed=--ignore-preflight-errors=${resumedChecks}`,
    // kubeadm refuses a name whose node is Ready; when our own run got that far, the kubelet has its credentials already.
    `  if kubectl --kubeconfig /etc/kubernetes/kubelet.conf get node ${host.name} >/dev/null 2>&1; then resumed="$resumed --skip-phases=kubelet-start,kubelet-wait-bootstrap"; fi`,
    `fi`,
    `: > ${folder}.started`,
    `kubeadm join --config ${hostFolder}/join.yaml $resumed >&2 || fail "kubeadm join failed on ${host.name} (${host.address}); its words are above, and the next run goes on from here"`,
    ...(member
      ? [...etcdStepLines(context, host, "yes"), ...secondSetLines(plan, host), `cp ${config} ${config}.applied`]
      : []),
    `: > ${folder}.done`,
    // Only a member is sent anything later.
    `rm -rf ${folder}${member ? "" : ` ${sealKey}`}`,
  );
}

function memberChange(context: StepContext, host: PlannedHost, config: string, folder: string): string {
  return lines(
    `export KUBECONFIG=${adminKubeconfig}`,
    memberReads(context, host, folder, true),
    `rm -rf ${folder}`,
    ...etcdStepLines(context, host, "yes"),
    `if ! cmp -s ${config} ${config}.applied; then`,
    ...memberLines(context.settings, host, config).map((line) => indent(line)),
    ...secondSetLines(context.plan, host).map((line) => indent(line)),
    `  cp ${config} ${config}.applied`,
    `fi`,
  );
}
