import { dirname } from "node:path/posix";
import type { PlannedHost } from "./control-plane.ts";
import type { EtcdMember } from "./etcd-members.ts";
import { recoveries } from "./host-findings.ts";
import { onlyRun } from "./host-steps.ts";
import { etcdUtility } from "./operation.ts";
import { copyOf, type Recovery } from "./recovery.ts";
import { staticPodFunctions } from "./static-pod-functions.ts";
import { lines, prelude } from "../shell.ts";

/**
 * How far revisions are raised, so that no watcher sees one that it has seen already. An older snapshot than that of the last
 * recovery is raised by a multiple of it.
 */
const raise = 1_000_000_000;
/** Revisions that a cluster may have made since its last known one: at 1,000 writes a second those of five days. */
const unknown = raise / 2;
const raised = `${recoveries}/raised`;

/**
 * Restores one file for every given member of a host, as a cluster that all of `cluster` belong to. What lay there is set aside.
 *
 * @param summed whether the file ends with a checksum of its own, which is held against it then
 */
export function restoreScript(
  { id, findings }: Recovery,
  host: PlannedHost,
  members: readonly EtcdMember[],
  cluster: readonly EtcdMember[],
  summed: boolean,
): string {
  const folder = `${recoveries}/${id}`;
  const file = copyOf(id);
  const initial = cluster.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
  // The same on every host, or its members would hold other revisions than the rest.
  const seen = Math.max(0, ...findings.map(({ revision = 0, raised: before = 0 }) => Math.max(revision, before)));
  return lines(
    prelude,
    staticPodFunctions,
    etcdUtility,
    onlyRun(host),
    `[ ! -e ${folder}/restored ] || exit 0`,
    `status=$(etcd_utl snapshot status ${file} -w json) || fail "the snapshot does not check; take another one: --from FILE"`,
    `echo "$status" >&2`,
    `revision=$(echo "$status" | sed -n 's|.*"revision":\\([0-9]*\\).*|\\1|p')`,
    `raise=${raise}`,
    `while [ $((revision + raise)) -le $((${seen} + ${unknown})) ]; do raise=$((raise + ${raise})); done`,
    `need=$(($(stat -L -c %s ${file}) / 512 * ${members.length}))`,
    ...members.flatMap(({ name, peerUrl, dataDir }) => [
      `free=$(df -Pk ${dirname(dataDir)} | awk 'NR == 2 { print $4 }')`,
      `[ "$free" -gt "$need" ] || fail "${host.name} has $free KiB free for ${dataDir}, but restoring takes $need; make room on ${host.address}"`,
      `restored=$(aside_folder restored ${dataDir}) aside=$(aside_folder aside-${id} ${dataDir})`,
      `rm -rf "$restored"`,
      `etcd_utl snapshot restore ${file} ${summed ? "" : "--skip-hash-check "}--data-dir "$restored" --name ${name} --initial-cluster ${initial} --initial-advertise-peer-urls ${peerUrl} --initial-cluster-token quorum-${id} --bump-revision $raise --mark-compacted >&2 || fail "etcdutl could not restore the snapshot; its words are above"`,
      `if [ -e ${dataDir}/member ]; then`,
      // A second run: what lies there then was restored by the first, and no etcd has written to it.
      `  if [ -e "$aside/member" ]; then rm -rf ${dataDir}/member; else mkdir -p "$aside"; mv ${dataDir}/member "$aside/member"; fi`,
      `fi`,
      `mkdir -p ${dataDir}`,
      `chmod 700 ${dataDir}`,
      `mv "$restored/member" ${dataDir}/member`,
      `rmdir "$restored"`,
    ]),
    `sync`,
    `echo $((revision + raise)) | put ${raised} 644`,
    `: > ${folder}/restored`,
  );
}
