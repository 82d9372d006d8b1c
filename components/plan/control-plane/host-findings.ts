import { encryptionFolder } from "./api-server-files.ts";
import { pki } from "./host-steps.ts";
import { hostFolder } from "./kubeadm-config.ts";
import { etcdClientPort, etcdFunctions, etcdUtility } from "./operation.ts";
import { lines, prelude } from "../shell.ts";

/** Where a host keeps what it was told to do once. */
export const recoveries = `${hostFolder}/recoveries`;
/** Snapshots that recoveries restore from; beside etcd's data, so that a hard link does. */
export const recoveryCopies = "/var/lib/quorum/recovery";
export const manifests = "/etc/kubernetes/manifests";
export const etcdData = "/var/lib/etcd";
/** New binaries of a release lie here, for hosts whose site has no packages of it. */
export const releaseFolder = (version: string) => `/var/lib/quorum/kubernetes/v${version}`;

/** What a host says of itself before an operation begins; reading it changes nothing. */
export interface HostFindings {
  readonly host: string;
  /** Why it could not be entered; undefined where it could. */
  readonly unreachable?: string | undefined;
  /** Its clock, in seconds since 1970. */
  readonly clock?: number | undefined;
  /** Cluster that it belongs to; undefined for a bare machine. */
  readonly cluster?: string | undefined;
  /** Whether it has the cluster's authorities, and so can let others in. */
  readonly authorities: boolean;
  /** Whether it has the keys by which objects are encrypted. */
  readonly keys: boolean;
  /** Whether etcd's certificate there has run out. */
  readonly expired: boolean;
  /**
   * `answers`: with a quorum behind it. `alone`: it runs, but there is no quorum. `anew`: it answers, but it has lost its data and
   * begun a cluster by itself that holds nothing. `off`: it does not answer at all.
   */
  readonly etcd: "answers" | "alone" | "anew" | "off";
  /** etcd's files there: checked where etcd does not run. */
  readonly data: "sound" | "broken" | "none";
  /** Last revision that its etcd has applied. */
  readonly revision?: number | undefined;
  /** Where an earlier recovery raised the revisions to. */
  readonly raised?: number | undefined;
  /** Static pods by their manifests, those included that a recovery has put away. */
  readonly pods: readonly string[];
  /** A recovery that was begun there and has not ended: its name and what it restores from. */
  readonly recovery?: { readonly id: string; readonly source: string; readonly restored: boolean } | undefined;
  /** Recoveries for which its data were copied. */
  readonly copies: readonly string[];
  /** Versions without a `v`: of kubeadm and the kubelet on its disk, of the API server and etcd in their manifests. */
  readonly versions: Readonly<Partial<Record<"kubeadm" | "kubelet" | "apiServer" | "etcd", string | undefined>>>;
  /** Releases whose binaries lie ready, without a `v`, with the version of etcd that each one's kubeadm runs. */
  readonly releases: Readonly<Record<string, string>>;
  /** Whether the last recovery ended before the other hosts had joined. */
  readonly joining: boolean;
  /** How far it has joined the cluster by `up`; undefined where it has not begun to, and on the host that began the cluster. */
  readonly joined?: "begun" | "whole" | undefined;
}

/** Prints `key value` lines; it reads, and writes nothing. */
export function findingsScript(host: string): string {
  return lines(
    prelude,
    "set +e",
    etcdFunctions,
    etcdUtility,
    `say() { [ -z "$2" ] || echo "$1 $2"; }`,
    `say clock "$(date +%s)"`,
    `say cluster "$(cat ${hostFolder}/cluster 2>/dev/null)"`,
    `[ ! -e ${pki}/ca.key ] || [ ! -e ${pki}/etcd/ca.key ] || [ ! -e ${pki}/sa.key ] || say authorities yes`,
    `[ ! -s ${encryptionFolder}/keys ] || say keys yes`,
    `[ ! -e ${pki}/etcd/server.crt ] || openssl x509 -checkend 0 -noout -in ${pki}/etcd/server.crt >/dev/null 2>&1 || say expired yes`,
    `id=$(cut -d" " -f1 ${recoveries}/under-way 2>/dev/null)`,
    `[ -z "$id" ] || { say recovery "$(cat ${recoveries}/under-way)"; [ ! -e "${recoveries}/$id/restored" ] || say restored yes; }`,
    `say raised "$(cat ${recoveries}/raised 2>/dev/null)"`,
    `for file in ${manifests}/*.yaml ${recoveries}/"$id"/manifests/*.yaml; do [ ! -e "$file" ] || say pod "$(basename "$file" .yaml)"; done`,
    `[ ! -e ${recoveries}/joining ] || say joining yes`,
    `if [ -e ${hostFolder}/join.done ]; then say joined whole; elif [ -e ${hostFolder}/join.started ]; then say joined begun; fi`,
    `for file in ${recoveryCopies}/*.db; do [ ! -e "$file" ] || say copy "$(basename "$file" .db)"; done`,
    `say kubeadm "$(kubeadm version -o short 2>/dev/null)"`,
    `say kubelet "$(kubelet --version 2>/dev/null | cut -d" " -f2)"`,
    `say apiServer "$(sed -n 's|.*image: .*/kube-apiserver:||p' ${manifests}/kube-apiserver.yaml 2>/dev/null)"`,
    `say etcdImage "$(sed -n 's|.*image: .*/etcd:||p' ${manifests}/etcd.yaml 2>/dev/null)"`,
    `for folder in ${releaseFolder("*").replace("/v*", "")}/v*; do [ ! -x "$folder/kubeadm" ] || [ ! -x "$folder/kubelet" ] || [ ! -x "$folder/kubectl" ] || say release "\${folder##*/} $("$folder/kubeadm" config images list --kubernetes-version "\${folder##*/}" 2>/dev/null | sed -n 's|.*/etcd:||p')"; done`,
    `revision_of() { sed -n 's|.*"revision":\\([0-9]*\\).*|\\1|p'; }`,
    `if status=$(etcd_ctl endpoint status -w json --command-timeout 5s 2>/dev/null) && [ -n "$status" ]; then`,
    `  if ! answers https://127.0.0.1:${etcdClientPort}; then say etcd alone; elif holds_cluster; then say etcd answers; else say etcd anew; fi`,
    `  say data sound`,
    `  say revision "$(echo "$status" | revision_of)"`,
    `elif [ -e ${etcdData}/member/snap/db ]; then`,
    `  say etcd off`,
    `  if status=$(etcd_utl snapshot status ${etcdData}/member/snap/db -w json 2>/dev/null); then say data sound; say revision "$(echo "$status" | revision_of)"; else say data broken; fi`,
    `fi`,
    `echo "host ${host}"`,
  );
}

/** @throws when the answer is cut short */
export function parseFindings(host: string, answer: string): HostFindings {
  const pairs = answer.split("\n").flatMap((line): [string, string][] => {
    const space = line.indexOf(" ");
    return space > 0 ? [[line.slice(0, space), line.slice(space + 1).trim()]] : [];
  });
  const all = (key: string) => pairs.filter(([name]) => name === key).map(([, value]) => value);
  const one = (key: string) => all(key)[0];
  if (one("host") !== host) throw new Error(`what ${host} says of itself is cut short; run the command again`);
  const number = (key: string) => (one(key) === undefined ? undefined : Number(one(key)));
  const version = (key: string) => one(key)?.replace(/^v/, "");
  const [id, ...source] = (one("recovery") ?? "").split(" ");
  const etcd = one("etcd");
  const joined = one("joined");
  const data = etcd === "anew" ? "none" : one("data");
  return {
    host,
    clock: number("clock"),
    cluster: one("cluster"),
    authorities: one("authorities") === "yes",
    keys: one("keys") === "yes",
    expired: one("expired") === "yes",
    etcd: etcd === "answers" || etcd === "alone" || etcd === "anew" ? etcd : "off",
    data: data === "sound" || data === "broken" ? data : "none",
    revision: etcd === "anew" ? undefined : number("revision"),
    raised: number("raised"),
    pods: [...new Set(all("pod"))],
    recovery:
      id === undefined || id === "" ? undefined : { id, source: source.join(" "), restored: one("restored") === "yes" },
    copies: all("copy"),
    versions: {
      kubeadm: version("kubeadm"),
      kubelet: version("kubelet"),
      apiServer: version("apiServer"),
      etcd: version("etcdImage"),
    },
    releases: Object.fromEntries(all("release").map((line) => line.replace(/^v/, "").split(" ") as [string, string])),
    joining: one("joining") === "yes",
    joined: joined === "begun" || joined === "whole" ? joined : undefined,
  };
}

/** What is known of a host that could not be entered, and why. */
export function unreachableHost(host: string, reason: string): HostFindings {
  return {
    host,
    unreachable: reason,
    authorities: false,
    keys: false,
    expired: false,
    etcd: "off",
    data: "none",
    pods: [],
    copies: [],
    versions: {},
    releases: {},
    joining: false,
  };
}

/** Seconds by which a clock may differ from that of the machine that runs the operation. */
const clockSeconds = 60;

/** Hosts whose clock is wrong, with how much: certificates that are not valid yet, and leases that end too soon, follow from it. */
export function wrongClocks(findings: readonly HostFindings[], now: number): { host: string; seconds: number }[] {
  return findings.flatMap(({ host, clock }) => {
    const seconds = clock === undefined ? 0 : Math.round(clock - now);
    return Math.abs(seconds) > clockSeconds ? [{ host, seconds }] : [];
  });
}
