import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OwnHosts } from "./own-hosts.ts";

/** Prints the id of the container of etcd that runs on a host; nothing where none does. */
export const etcdContainer = `$(ctr -n k8s.io containers ls -q 'labels."io.kubernetes.container.name"==etcd' | while read -r id; do ctr -n k8s.io tasks ls -q | grep -x "$id" || true; done)`;

/** A script for a host: etcd's log is broken, so that it does not start any more. */
export const breakLog = `wal=$(ls /var/lib/etcd/member/wal/*.wal | tail -1)
dd if=/dev/urandom of=$wal bs=4k seek=1 count=4 conv=notrunc 2>/dev/null
ctr -n k8s.io tasks kill -s SIGKILL ${etcdContainer}
sleep 5`;

/** A script for a host: its etcd loses its folder, and begins an empty cluster by itself, as kubeadm's manifest of a first host has it. */
export const emptyData = `mv /etc/kubernetes/manifests/etcd.yaml ~/
for i in $(seq 60); do [ -n "${etcdContainer}" ] || break; sleep 1; done
rm -rf /var/lib/etcd/member
mv ~/etcd.yaml /etc/kubernetes/manifests/
for i in $(seq 60); do [ -d /var/lib/etcd/member/snap ] && break; sleep 1; done
sleep 5`;

/** A snapshot of etcd, brought off its host into a folder, as a site would keep it. @returns the file */
export async function saveSnapshot(own: OwnHosts, host: string, folder: string, name: string): Promise<string> {
  await own.etcdctl(host, `snapshot save ~/${name} >&2`);
  const file = join(folder, name);
  writeFileSync(file, Buffer.from(await own.ssh(host, `base64 ~/${name}; rm ~/${name}`), "base64"));
  return file;
}

/** What a control-plane host is like, apart from what only a clock decides. */
export function stateOf(own: OwnHosts, host: string): Promise<string> {
  return own.ssh(
    host,
    `ls /etc/kubernetes /etc/kubernetes/manifests /etc/kubernetes/pki /etc/kubernetes/pki/etcd | grep -v '\\.old$'
ls -d /var/lib/etcd/member
[ ! -e /etc/kubernetes/quorum/recoveries/under-way ] || echo under way
[ ! -e /etc/kubernetes/quorum/recoveries/mending ] || echo mending
cat /etc/kubernetes/quorum/facts.applied`,
  );
}
