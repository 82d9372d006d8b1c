import { encryptionFolder } from "./api-server-files.ts";
import type { PlannedHost } from "./control-plane.ts";
import { etcdData, manifests, recoveries, recoveryCopies } from "./host-findings.ts";
import { hostScripts } from "./host-scripts.ts";
import { adminKubeconfig, nodeSeconds, onlyRun, pki } from "./host-steps.ts";
import { apiPort } from "./hosts.ts";
import { initScript } from "./init-step.ts";
import { hostFolder } from "./kubeadm-config.ts";
import { etcdClientPort, etcdFunctions, etcdUtility } from "./operation.ts";
import { copyOf, type Recovery } from "./recovery.ts";
import { kubeletCredentialLines } from "./renew.ts";
import { restoreScript } from "./restore-script.ts";
import { endSeconds, staticPodFunctions } from "./static-pod-functions.ts";
import { lines, prelude, putFile, shellQuote } from "../shell.ts";

/** Where a kubeadm host keeps what makes it part of one cluster. */
const credentials = ["admin", "super-admin", "kubelet", "bootstrap-kubelet", "controller-manager", "scheduler"].map(
  (name) => `/etc/kubernetes/${name}.conf`,
);
const kubeletState = ["config.yaml", "kubeadm-flags.env", "pki"].map((name) => `/var/lib/kubelet/${name}`);

/** The scripts of one recovery, each of which may be run again after it was cut off anywhere. */
export class RecoveryScripts {
  protected readonly recovery: Recovery;
  protected readonly folder: string;
  /** Where the files that were kept with a snapshot are put on the first host. */
  readonly keptFile: string;

  constructor(recovery: Recovery) {
    this.recovery = recovery;
    this.folder = `${recoveries}/${recovery.id}`;
    this.keptFile = `${recoveryCopies}/${recovery.id}.kept.tar`;
  }

  begin(): string {
    const { context } = this.recovery;
    const { first } = context.plan;
    const steps = hostScripts(context);
    const begins = steps.findIndex(({ name }) => name === `${first.name}-init`);
    const checks = steps.slice(0, begins).filter(({ host, input }) => host === first && input === undefined);
    return lines(prelude, ...checks.map(({ script }) => `(\n${script})`), this.note());
  }

  /** Tells the next run that a recovery is under way. */
  note(): string {
    const { id, source } = this.recovery;
    const shown = source === undefined ? "" : source.kind === "survivor" ? `the data of ${source.host}` : source.shown;
    return lines(
      prelude,
      `mkdir -p ${this.folder} ${recoveryCopies}`,
      ...(source === undefined ? [] : [putFile(`${recoveries}/under-way`, "644", `${id} ${shown}`)]),
    );
  }

  /** Ends etcd and what reads it. Nothing is done where this recovery has come further already. */
  stop(host: PlannedHost): string {
    return lines(
      prelude,
      staticPodFunctions,
      `mkdir -p ${this.folder}`,
      onlyRun(host),
      `[ ! -e ${this.folder}/restored ] && [ ! -e ${this.folder}/aside ] || exit 0`,
      // A kubelet that does not run ends nothing.
      `[ ! -e /var/lib/kubelet/config.yaml ] || systemctl is-active --quiet kubelet || systemctl start kubelet >&2 || true`,
      `for part in kube-scheduler kube-controller-manager kube-apiserver etcd; do put_away $part ${this.folder}/manifests; done`,
      `stopped() { closed ${etcdClientPort} && closed ${apiPort}; }`,
      `wait_for ${endSeconds} stopped || fail "etcd or the API server of ${host.name} does not end; see that its kubelet runs (systemctl status kubelet on ${host.address}), or end them there by hand, and run the same command again"`,
    );
  }

  copy(name: string): string {
    const { id, context } = this.recovery;
    const host = context.plan.hosts.find((each) => each.name === name) ?? context.plan.first;
    const file = copyOf(id);
    return lines(
      prelude,
      onlyRun(host),
      etcdUtility,
      `mkdir -p ${recoveryCopies}`,
      // etcd is stopped, so nothing writes to the file under its other name.
      `if [ ! -e ${file} ]; then rm -f ${file}.new; ln ${etcdData}/member/snap/db ${file}.new 2>/dev/null || cp ${etcdData}/member/snap/db ${file}.new; mv -f ${file}.new ${file}; fi`,
      `etcd_utl snapshot status ${file} -w table >&2 || fail "the data of ${name} cannot be read; give a snapshot: --from FILE"`,
    );
  }

  /** Puts back what a snapshot is of no use without. What the host has of the same cluster stays. */
  putBack(): string {
    const kept = `${this.folder}/kept`;
    const shared = "ca.key sa.key sa.pub front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key ca.crt";
    return lines(
      prelude,
      onlyRun(this.recovery.context.plan.first),
      `rm -rf ${kept}`,
      `mkdir -p ${kept}`,
      `tar -C ${kept} -xf ${this.keptFile}`,
      `[ -e ${kept}/pki/ca.key ] || fail "the archive holds no authority (pki/ca.key); take another one"`,
      `if ! cmp -s ${pki}/ca.crt ${kept}/pki/ca.crt; then`,
      // A machine that is new, or on which another cluster was begun since: the data belong to the authorities of the archive.
      `  mkdir -p ${this.folder}/other`,
      `  for file in ${[pki, ...credentials, ...kubeletState, encryptionFolder].join(" ")}; do [ ! -e "$file" ] || mv -f "$file" "${this.folder}/other/$(basename "$file")"; done`,
      `fi`,
      `if [ -s ${kept}/quorum/encryption/keys ] && [ ! -s ${encryptionFolder}/keys ]; then`,
      `  rm -rf ${encryptionFolder} ${encryptionFolder}.new`,
      `  cp -a ${kept}/quorum/encryption ${encryptionFolder}.new`,
      `  mv ${encryptionFolder}.new ${encryptionFolder}`,
      `fi`,
      // The authority comes last, as it tells that the rest is there.
      `for file in ${shared}; do [ ! -e "${kept}/pki/$file" ] || put "${pki}/$file" 600 < "${kept}/pki/$file"; done`,
      `rm -rf ${kept}`,
    );
  }

  restore(summed: boolean): string {
    const { first, etcd } = this.recovery.context.plan;
    const own = etcd.filter(({ host, cluster }) => host === first.name && cluster === "main").slice(0, 1);
    return restoreScript(this.recovery, first, own, own, summed);
  }

  /** kubeadm's own beginning, which goes on with whatever of a cluster is there: authorities, data, kubelet. */
  start(): string {
    const { context } = this.recovery;
    const { first } = context.plan;
    const config = `${hostFolder}/init.yaml`;
    return lines(
      prelude,
      onlyRun(first),
      `if [ ! -e ${this.folder}/begun ]; then`,
      `  rm -f ${hostFolder}/init.done`,
      `  : > ${hostFolder}/init.started`,
      `  if [ -e ${config} ] && [ -e ${pki}/etcd/server.crt ] && ! openssl x509 -checkend 3600 -noout -in ${pki}/etcd/server.crt >/dev/null 2>&1; then`,
      `    kubeadm certs renew all --config ${config} >&2 || fail "kubeadm could not renew the certificates of ${first.name}; its words are above"`,
      ...kubeletCredentialLines(first, config).map((line) => `    ${line}`),
      `  fi`,
      `  : > ${this.folder}/begun`,
      `fi`,
      `exec 8>&-`,
      `(`,
      initScript(context),
      `)`,
      etcdFunctions,
      `well() { answers https://127.0.0.1:${etcdClientPort}; }`,
      `wait_for ${nodeSeconds} well || fail "etcd of ${first.name} does not answer with the restored data; look at its log on ${first.address}"`,
      `standing`,
    );
  }

  /** Leaves a host as a machine that has never been in the cluster, with all that it had beside. */
  setAside(host: PlannedHost): string {
    const { id } = this.recovery;
    const files = [pki, manifests, ...credentials, ...kubeletState];
    return lines(
      prelude,
      staticPodFunctions,
      `mkdir -p ${this.folder}`,
      onlyRun(host),
      `[ ! -e ${this.folder}/aside ] || exit 0`,
      `systemctl stop kubelet >&2 || true`,
      `aside=$(aside_folder aside-${id})`,
      `if [ -e ${etcdData}/member ]; then mkdir -p "$aside"; mv ${etcdData}/member "$aside/member"; fi`,
      `mkdir -p ${this.folder}/host`,
      `for file in ${files.join(" ")}; do [ ! -e "$file" ] || [ -e "${this.folder}/host/$(basename "$file")" ] || mv "$file" "${this.folder}/host/$(basename "$file")"; done`,
      `mkdir -p ${manifests}`,
      `rm -f ${hostFolder}/join.done ${hostFolder}/join.started ${hostFolder}/init.done ${hostFolder}/init.started ${hostFolder}/*.applied`,
      `rm -rf ${hostFolder}/join`,
      forgetSteps,
      `: > ${this.folder}/aside`,
      `systemctl start kubelet >&2 || true`,
    );
  }

  forget(): string {
    const { plan } = this.recovery.context;
    const others = plan.hosts.filter(({ role, name }) => role === "control-plane" && name !== plan.first.name);
    return lines(
      prelude,
      ...others.map(
        ({ name }) =>
          `kubectl --kubeconfig ${adminKubeconfig} delete node ${shellQuote(name)} --ignore-not-found --timeout=60s >&2`,
      ),
    );
  }

  end(): string {
    const { plan } = this.recovery.context;
    return lines(
      prelude,
      etcdFunctions,
      `standing`,
      forgetSteps,
      ...(plan.members.length > 1 ? [`: > ${recoveries}/joining`] : []),
      `rm -f ${recoveries}/under-way`,
    );
  }
}

/** So that up runs each of its steps again: they do what is missing. */
const forgetSteps = `rm -f /var/lib/quorum/steps/*.sha256`;
