import { pki } from "./host-steps.ts";
import { hostFolder } from "./kubeadm-config.ts";
import { type Standing, standingOf } from "./member-change.ts";

/** One step of an operation on hosts; it may be run again at any point. */
export interface OperationStep {
  readonly host: string;
  /** What it does, for people. */
  readonly what: string;
  /** Bash. Its standard output is for programs: `standing VOTERS ALIVE` or `standing unknown`, and `done` where there is nothing left to do. */
  readonly script: string;
  /** How etcd stands before, while and after the step, as planned. @default as after the step before */
  readonly standing?: StepStanding | undefined;
  /** A file that the host has before the script runs. */
  readonly file?: StepFile | undefined;
}

/** How etcd stands around one step. */
export interface StepStanding {
  readonly before: Standing;
  readonly during: Standing;
  readonly after: Standing;
}

/** A file for a step: from the machine that runs the operation, or from another host. */
export interface StepFile {
  readonly from: { readonly file: string } | { readonly host: string; readonly path: string };
  /** Where it is put on the step's host, whole or not at all. */
  readonly to: string;
}

/** Something that is done to a control plane by hand and never by `up`. */
export interface Operation {
  readonly title: string;
  readonly steps: readonly OperationStep[];
  /** What whoever runs it must know before it begins: what is lost, what must not happen beside it. */
  readonly notes?: readonly string[] | undefined;
  /** How etcd stands before the first step. */
  readonly standing?: Standing | undefined;
}

/** What people are shown of an operation: all but its scripts. */
export interface OperationOutline extends Omit<Operation, "steps"> {
  readonly steps: readonly Omit<OperationStep, "script" | "file">[];
}

/** A step that leaves the members as they are. */
export function unchanged(standing: Standing): StepStanding {
  return { before: standing, during: standing, after: standing };
}

/** A step in which one of the living members restarts. */
export function restarting(standing: Standing): StepStanding {
  return { before: standing, during: standingOf(standing.voters, standing.alive - 1), after: standing };
}

/** A step after which etcd stands otherwise. */
export function becoming(before: Standing, after: Standing, during = before): StepStanding {
  return { before, during, after };
}

export const etcdClientPort = 2379;
export const etcdPeerPort = 2380;

/** What is said where a host's etcd does not answer who its members are. */
export const silentEtcd = (host: string) =>
  `etcd of ${host} does not tell its members; with the quorum lost, run 'npm run control-plane -- recover'`;

/**
 * `etcd_ctl` asks the etcd of this host, by a program of the host or by the one in its container, and so without an API server.
 * `standing` tells how many members vote and how many of them answer, or that etcd does not tell.
 */
export const etcdFunctions = `etcd_ctl() {
  if command -v etcdctl >/dev/null; then set -- etcdctl "$@"; else
    task=
    for id in $(ctr -n k8s.io containers ls -q 'labels."io.kubernetes.container.name"==etcd'); do
      ctr -n k8s.io tasks ls -q | grep -qx "$id" && task=$id
    done
    [ -n "$task" ] || fail "no etcd runs on $(hostname), and there is no etcdctl; start its kubelet, or install etcdctl"
    set -- ctr -n k8s.io tasks exec --exec-id "quorum-$$-$(date +%N)" "$task" etcdctl "$@"
  fi
  case " $* " in *" --endpoints "*|*" --cluster "*) ;; *) set -- "$@" --endpoints https://127.0.0.1:${etcdClientPort} ;; esac
  "$@" --cacert ${pki}/etcd/ca.crt --cert ${pki}/etcd/server.crt --key ${pki}/etcd/server.key
}
members() { etcd_ctl member list --endpoints "\${1:-https://127.0.0.1:${etcdClientPort}}"; }
# member_at PEER-URL [ENDPOINTS]: the line of that member, which has no name before its first start; nothing where etcd has none.
# An etcd that does not tell is a failure, and not an etcd without the member.
member_at() { listed=$(members "\${2:-}") || return 1; echo "$listed" | grep -F " $1," || true; }
answers() { etcd_ctl endpoint health --endpoints "$1" --command-timeout 3s >/dev/null 2>&1; }
# kubeadm's own settings lie in every cluster that it made, and in none that an etcd without its data has begun by itself.
holds_cluster() { etcd_ctl get /registry/configmaps/kube-system/kubeadm-config --keys-only 2>/dev/null | grep -q kubeadm-config; }
standing() {
  voters=0 alive=0
  listed=$(members) || { echo "standing unknown"; return; }
  while IFS=, read -r _ _ _ _ client learner; do
    [ "$(echo $learner)" = false ] || continue
    voters=$((voters + 1))
    ! answers "$(echo $client)" || alive=$((alive + 1))
  done <<QUORUM_MEMBERS
$listed
QUORUM_MEMBERS
  echo "standing $voters $alive"
}`;

/** `etcd_utl` reads and restores etcd's files, by a program of the host or by the one in etcd's image: etcd need not run. */
export const etcdUtility = `etcd_utl() {
  if command -v etcdutl >/dev/null; then etcdutl "$@"; return; fi
  image=$(cat /etc/kubernetes/manifests/etcd.yaml ${hostFolder}/recoveries/*/manifests/etcd.yaml 2>/dev/null | sed -n 's|^ *image: *||p' | head -1)
  [ -n "$image" ] || image=$(kubeadm config images list --config ${hostFolder}/init.yaml 2>/dev/null | grep /etcd:)
  [ -n "$image" ] || fail "there is no etcdutl on $(hostname), and no manifest names etcd's image; install etcdutl"
  ctr -n k8s.io images ls -q | grep -qx "$image" || ctr -n k8s.io images pull "$image" >&2 || fail "there is no etcdutl on $(hostname), and image $image cannot be pulled; install etcdutl"
  ctr -n k8s.io run --rm --mount type=bind,src=/var/lib,dst=/var/lib,options=rbind:rw "$image" "quorum-utl-$$-$(date +%N)" etcdutl "$@"
}`;
