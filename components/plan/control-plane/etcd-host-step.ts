import type { PlannedHost } from "./control-plane.ts";
import { etcdDefinitions, etcdStepLines, standaloneKubeletLines } from "./external-etcd.ts";
import { onlyRun, pki, sealCertificate, sealKey, type StepContext } from "./host-steps.ts";
import { certificateLines, endpointLines } from "./init-step.ts";
import { hostFolder } from "./kubeadm-config.ts";
import { certificatesConfig } from "./member-functions.ts";
import { indent, lines, prelude } from "../shell.ts";

/**
 * On the first host, before any host of etcd alone: the authorities, of which one signs etcd's certificates. `up` moves no member
 * from one kind of host to the other: it would have to take members away.
 */
export function authoritiesScript(context: StepContext): string {
  const { first } = context.plan;
  return lines(
    prelude,
    onlyRun(first),
    `if [ -e ${hostFolder}/init.done ]; then`,
    `  grep -q '^etcd own hosts$' ${hostFolder}/facts.applied || fail "quorum:controlPlane.hosts has role etcd, but the cluster was begun with its members on control-plane hosts, and up moves none; take the role away"`,
    `  exit 0`,
    `fi`,
    `[ -e ${hostFolder}/init.started ] || {`,
    indent(lines(":", ...endpointLines(context.plan))),
    `}`,
    ...etcdDefinitions(context, first),
    ...certificateLines(certificatesConfig),
  );
}

/**
 * On the first host: seals the etcd authority for a host of etcd alone, to the certificate on stdin. With its key that host makes
 * its own certificates, now and when they are renewed; who holds a member's data has every Secret anyway.
 */
export function etcdTicketScript(): string {
  return lines(
    prelude,
    `work=$(mktemp -d)`,
    `trap 'rm -rf "$work"' EXIT`,
    `cat > "$work/seal.crt"`,
    `mkdir -p "$work/ticket/etcd"`,
    `cp ${pki}/etcd/ca.crt ${pki}/etcd/ca.key "$work/ticket/etcd/"`,
    // A host made anew must not begin a second cluster where there is one already.
    `begun=no; [ ! -e ${hostFolder}/init.done ] || begun=yes`,
    `echo $begun > "$work/ticket/begun"`,
    `tar -C "$work/ticket" -czf "$work/ticket.tar" .`,
    `openssl cms -encrypt -binary -aes256 -outform PEM -in "$work/ticket.tar" "$work/seal.crt"`,
  );
}

/** On a host of etcd alone: its certificates, a kubelet that belongs to no cluster, and its members; or changed settings of them. */
export function etcdHostScript(context: StepContext, host: PlannedHost): string {
  const folder = `${hostFolder}/join`;
  const failure = `the ticket of ${host.name} was sealed to another machine; the host was made anew since: replace it with 'npm run control-plane -- replace ${host.name}'`;
  return lines(
    prelude,
    onlyRun(host),
    ...etcdDefinitions(context, host),
    `begun=yes`,
    `if [ ! -e ${folder}.done ]; then`,
    `  mkdir -p ${folder}`,
    `  cat > ${folder}/ticket.pem`,
    `  openssl cms -decrypt -inform PEM -in ${folder}/ticket.pem -inkey ${sealKey} -recip ${sealCertificate} -out ${folder}/ticket.tar || fail "${failure}"`,
    `  tar -C ${folder} -xzf ${folder}/ticket.tar`,
    `  begun=$(cat ${folder}/begun)`,
    `  for file in ca.crt ca.key; do put ${pki}/etcd/$file 600 < ${folder}/etcd/$file; done`,
    `fi`,
    ...standaloneKubeletLines(context.settings, host),
    ...etcdStepLines(context, host, `$begun`),
    `: > ${folder}.done`,
    `rm -rf ${folder}`,
  );
}
