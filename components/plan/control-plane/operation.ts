import { pki } from "./host-steps.ts";

/** One step of an operation on hosts; it may be run again at any point. */
export interface OperationStep {
  readonly host: string;
  /** What it does, for people. */
  readonly what: string;
  /** Bash. Its standard output is for programs: `standing VOTERS ALIVE`, and `done` where there is nothing left to do. */
  readonly script: string;
}

/** Something that is done to a control plane by hand and never by `up`. */
export interface Operation {
  readonly title: string;
  readonly steps: readonly OperationStep[];
}

export const etcdClientPort = 2379;
export const etcdPeerPort = 2380;

/**
 * `etcd_ctl` asks the etcd of this host, by a program of the host or by the one in its container, and so without an API server.
 * `standing` tells how many members vote and how many of them answer.
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
members() { etcd_ctl member list --endpoints https://127.0.0.1:${etcdClientPort}; }
answers() { etcd_ctl endpoint health --endpoints "$1" --command-timeout 3s >/dev/null 2>&1; }
standing() {
  voters=0 alive=0
  while IFS=, read -r _ _ _ _ client learner; do
    [ "$(echo $learner)" = false ] || continue
    voters=$((voters + 1))
    ! answers "$(echo $client)" || alive=$((alive + 1))
  done <<QUORUM_MEMBERS
$(members)
QUORUM_MEMBERS
  echo "standing $voters $alive"
}`;
