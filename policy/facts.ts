import { etcdMembers } from "../components/plan/control-plane/etcd-members.ts";
import { imageReference } from "../components/plan/images/images.ts";
import type { Config } from "../config/parse.ts";
import type { PolicyFacts } from "./types.ts";

/** What the rules know of a configuration. */
export function policyFacts(config: Config, stack: string): PolicyFacts {
  const { controlPlane, images, backup, services } = config;
  const care = controlPlane.mode === "kubeadm" ? controlPlane.etcd : undefined;
  return {
    stack,
    local: controlPlane.mode === "kubeadm" && controlPlane.local,
    trusted: images.trusted,
    pinnedTags: Object.keys(images.catalog).map((name) => imageReference(images.catalog, name, images.mirror)),
    etcd: membersOf(controlPlane),
    etcdBackup: care?.backup && { ...care.backup, encrypted: care.backup.recipients.length > 0 },
    restoreDrill: care?.drill.enabled ?? false,
    volumeBackup: backup,
    servicesWithVolumes: Object.entries(services)
      .filter(([, { volumes }]) => Object.keys(volumes).length > 0)
      .map(([name]) => name),
  };
}

function membersOf(controlPlane: Config["controlPlane"]): Record<string, number> {
  if (controlPlane.mode === "existing") return {};
  const counts: Record<string, number> = {};
  for (const { cluster } of etcdMembers(controlPlane)) {
    const name = cluster === "main" ? "all objects" : "events";
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
