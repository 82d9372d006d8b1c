import { encryptionConfig, encryptionFolder } from "./api-server-files.ts";
import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { manifests } from "./etcd-members.ts";
import type { KubeadmSettings } from "./hosts.ts";
import { adminKubeconfig, onlyRun } from "./host-steps.ts";
import { lines, prelude } from "../shell.ts";

/** One line a key: its name, which every object that is encrypted by it names too, and the key in base64. */
const keys = `${encryptionFolder}/keys`;
/** One line: the key by which everything is written, then the kinds that are encrypted. */
const settled = `${encryptionFolder}/settled`;
/** Kinds that a change which is under way may have written in another way than `settled` says. */
const touched = `${encryptionFolder}/touched`;
/** What another member needs of these, and by what the first one writes. */
const shared = "keys settled touched config.yaml";
/** On the first host: changes with every change of keys that begins. */
const change = `${encryptionFolder}/change`;
/** What kubectl said last. */
const said = `${encryptionFolder}/said`;

/** An API server looks at the file once a minute. */
const reloadSeconds = 150;
const rewriteTries = 5;

/**
 * What a change of keys needs, as functions of the shell. Keys are in no argument of a program, in no environment and in no output.
 *
 * A member that meets an object by a key that it does not have cannot list that kind at all. So a change goes in three rounds,
 * each over all members before the next begins: all can read by the new key (`read`), all write by it (`write`), everything is
 * written anew and the old keys are forgotten (`settle`). Each round may be cut short and run again.
 */
function encryptionFunctions({ encryption: { provider, resources, keyGeneration } }: KubeadmSettings): string {
  // A key's name has a random end, as `secretbox-1` may be made twice in the life of a cluster.
  const wanted = provider === "identity" ? "identity" : `${provider}-${keyGeneration}`;
  return `wanted=${wanted}
kinds='${[...resources].sort().join(" ")}'
touch ${keys} ${touched}
chmod 600 ${keys} ${touched}
wanted_key() { if [ "$wanted" = identity ]; then echo identity; else sed -n "s/^\\($wanted-[0-9a-f]*\\) .*/\\1/p" ${keys} | tail -n 1; fi; }
# By what this member writes a kind now.
current_key() {
  now=$(awk -v kind="  - resources: [$1]" '$0 == kind { on = 1; next } on && /identity:/ { print "identity"; exit } on && /name:/ { print $3; exit }' ${encryptionConfig} 2>/dev/null) || true
  echo "\${now:-identity}"
}
every_kind() {
  { cut -s -d" " -f2- ${settled} 2>/dev/null || true; cat ${touched}; echo "$kinds"; sed -n 's/^  - resources: \\[\\(.*\\)]$/\\1/p' ${encryptionConfig} 2>/dev/null || true; } | tr " " "\\n" | grep . | sort -u
}
among() { case " $2 " in *" $1 "*) ;; *) return 1 ;; esac; }
is_settled() { [ "$(cat ${settled} 2>/dev/null)" = "$(wanted_key) $kinds" ] && [ ! -s ${touched} ]; }
providers() {
  { echo "$1"; cut -d" " -f1 ${keys}; echo identity; } | awk '!seen[$0]++' | while read -r key; do
    case $key in
      identity) echo "      - identity: {}" ;;
      *) printf '      - %s:\\n          keys:\\n            - name: %s\\n              secret: %s\\n' "\${key%%-*}" "$key" "$(sed -n "s/^$key //p" ${keys})" ;;
    esac
  done
}
configuration() {
  printf 'apiVersion: apiserver.config.k8s.io/v1\\nkind: EncryptionConfiguration\\nresources:\\n'
  for kind in $(case $1 in settle) echo "$kinds" ;; *) every_kind ;; esac); do
    by=identity
    case $1 in
      read) by=$(current_key "$kind") ;;
      *) ! among "$kind" "$kinds" || by=$(wanted_key) ;;
    esac
    printf '  - resources: [%s]\\n    providers:\\n' "$kind"
    providers "$by"
  done
}
# Puts the configuration in place; one that is the same stays untouched.
configure() {
  configuration "$1" > ${encryptionConfig}.made
  if cmp -s ${encryptionConfig}.made ${encryptionConfig}; then rm ${encryptionConfig}.made; else chmod 600 ${encryptionConfig}.made; mv -f ${encryptionConfig}.made ${encryptionConfig}; fi
}
`;
}

/** Functions that need the host's API server. */
function reloadFunctions(plan: ControlPlanePlan, host: PlannedHost): string {
  const waits = plan.apiServers
    .filter((instance) => instance.host === host.name)
    .map(({ number, ports: { api } }) => {
      const which = number === 1 ? "the API server" : `API server ${number}`;
      return `  ! takes_file ${manifests}/kube-apiserver${number === 1 ? "" : number}.yaml || wait_for ${reloadSeconds} reads_file ${api} || fail "${which} of ${host.name} does not take the keys in ${encryptionConfig} after ${reloadSeconds} s; look at its log on ${host.address}"`;
    });
  return `reads_file() {
  sum=$(sha256sum < ${encryptionConfig} | cut -d" " -f1)
  kubectl --server https://${host.address}:$1 get --raw /metrics 2>/dev/null | grep "^apiserver_encryption_config_controller_last_config_info{" | grep -q "sha256:$sum"
}
takes_file() { grep -q encryption-provider-config= "$1" 2>/dev/null; }
# An API server that is not told of the file yet, or does not run, reads it when it starts. Of several on the host each is waited
# for: one that cannot read by a new key yet fails to list what another has written by it.
reloaded() {
${waits.join("\n")}
}
`;
}

interface Context {
  readonly settings: KubeadmSettings;
  readonly plan: ControlPlanePlan;
}

/** On the host that begins the cluster, before its API server starts: the key, and the configuration that writes by it. */
export function beginEncryption({ settings }: Context): string {
  return lines(
    encryptionFunctions(settings),
    makeKey,
    // Nothing is stored yet, so nothing is to be written anew; what a site brought from another cluster may hold on to its keys.
    `[ -e ${settled} ] || echo "$(wanted_key) $kinds" | put ${settled} 600`,
    remember,
    `if [ -e ${encryptionConfig} ]; then configure read; else configure write; fi`,
    printChange,
  );
}

/** On the first host of a cluster that runs: a key that is missing, and the first round of a change. */
export function firstReads({ settings, plan }: Context): string {
  // An API server that is alone needs no round in which the others learn to read.
  const round = membersOf(plan).length === 1 ? "write" : "read";
  return lines(
    encryptionFunctions(settings),
    reloadFunctions(plan, plan.first),
    makeKey,
    remember,
    // Later rounds read this: an engine that remembers them from earlier settings must not skip them.
    `is_settled || rm -f ${change}`,
    configured(round),
    printChange,
  );
}

const printChange = `[ -e ${change} ] || openssl rand -hex 8 | put ${change} 600
cat ${change}`;

/**
 * On a member that joins or has joined: takes over the keys from its ticket, then the first round. The ticket's are added to
 * those that the member has; where both have one that is wanted, all members take that of the first.
 *
 * @param ticket folder that the function `open_ticket` of the shell opens the ticket into
 */
export function memberReads({ settings, plan }: Context, host: PlannedHost, ticket: string, running: boolean): string {
  const from = `${ticket}/encryption`;
  const take = `if ! is_settled || [ -z "$(wanted_key)" ] || [ ! -e ${encryptionConfig} ]; then
${running ? "  open_ticket\n" : ""}  [ -e ${from}/keys ] || fail "the ticket of ${host.name} brings no keys for quorum:controlPlane.encryption; run up again"
  { grep -vxF -f ${from}/keys ${keys} || true; cat ${from}/keys; } | put ${keys} 600
  [ -e ${encryptionConfig} ] || for file in ${shared}; do [ $file = keys ] || [ ! -e ${from}/$file ] || put ${encryptionFolder}/$file 600 < ${from}/$file; done
  [ -n "$(wanted_key)" ] || fail "the ticket of ${host.name} is older than its key for quorum:controlPlane.encryption; run up again"
fi`;
  return lines(
    encryptionFunctions(settings),
    ...(running
      ? [reloadFunctions(plan, host), take, remember, configured("read")]
      : [take, remember, `configure read`]),
  );
}

/** Lines that put the keys into a ticket, on the host that seals it, and the change that is under way. */
export function sealEncryption({ settings }: Context, folder: string): string[] {
  return [
    encryptionFunctions(settings),
    `mkdir "${folder}/encryption"`,
    `for file in ${shared}; do [ ! -e ${encryptionFolder}/$file ] || cp ${encryptionFolder}/$file "${folder}/encryption/$file"; done`,
  ];
}

/** One step of the rounds that come after every member can read by the wanted key. */
export interface EncryptionStep {
  readonly host: PlannedHost;
  readonly action: "encrypt" | "settle";
  readonly script: string;
}

/** The second and third round: everything after each member can read by the wanted key. One member alone takes them in one. */
export function encryptionSteps({ settings, plan }: Context): EncryptionStep[] {
  const members = membersOf(plan);
  const script = (host: PlannedHost, ...rounds: string[]) =>
    lines(
      prelude,
      onlyRun(host),
      `export KUBECONFIG=${adminKubeconfig}`,
      encryptionFunctions(settings),
      reloadFunctions(plan, host),
      ...rounds,
    );
  if (members.length === 1)
    return members.map((host) => ({ host, action: "encrypt", script: script(host, encrypt, settle) }));
  return [
    ...members.map((host) => ({ host, action: "encrypt" as const, script: script(host, encrypt) })),
    ...members.map((host) => ({ host, action: "settle" as const, script: script(host, settle) })),
  ];
}

function membersOf(plan: ControlPlanePlan): PlannedHost[] {
  return plan.hosts.filter(({ role }) => role === "control-plane");
}

function configured(round: "read" | "write"): string {
  return `{ is_settled && [ -e ${encryptionConfig} ]; } || { configure ${round}; reloaded; }`;
}

const makeKey = `if [ -z "$(wanted_key)" ]; then
  { cat ${keys}; printf '%s-%s %s\\n' "$wanted" "$(openssl rand -hex 4)" "$(openssl rand -base64 32)"; } | put ${keys} 600
fi`;

/** Remembers what a change may write before anything is written. */
const remember = `is_settled || every_kind | tr "\\n" " " | put ${touched} 600`;

const encrypt = `if ! is_settled; then
  [ -n "$(wanted_key)" ] || fail "the key $wanted of quorum:controlPlane.encryption is not on this host; run up again"
  configure write
  reloaded
fi`;

/**
 * Writes every object of the kinds anew, each by the key that is wanted for it now, and then forgets the other keys. An object
 * that somebody changes in between is by the wanted key already; it only makes another try necessary.
 *
 * Every member does so for itself: a run that was cut short, and one after it with other settings, may have left objects that
 * the first member knows nothing of. What is written already costs no write.
 */
const settle = `if ! is_settled; then
  for kind in $(every_kind); do
    written=
    for try in $(seq ${rewriteTries}); do
      rm -f ${said} ${said}.list
      { kubectl get "$kind" --all-namespaces --output json 2>${said}.list || echo failed >> ${said}.list; } | kubectl replace --filename - >/dev/null 2>${said} && written=1
      if grep -q "have a resource type" ${said}.list; then written=1
      elif grep -qx failed ${said}.list; then written=
      elif grep -q "no objects passed" ${said}; then written=1
      fi
      [ -z "$written" ] || break
      sleep 2
    done
    [ -n "$written" ] || { cat ${said}.list ${said} | tail -n 5 >&2; fail "some objects of kind $kind could not be written anew by the key $wanted, so the earlier keys stay; what kubectl said is above, and the next run goes on from here"; }
    echo "every object of kind $kind is written by $(wanted_key)" >&2
  done
  rm -f ${said} ${said}.list
  echo "$(wanted_key) $kinds" | put ${settled} 600
  { [ "$wanted" = identity ] || grep "^$(wanted_key) " ${keys}; } > ${keys}.left
  put ${keys} 600 < ${keys}.left
  rm -f ${keys}.left
  configure settle
  reloaded
  put ${touched} 600 < /dev/null
fi`;
