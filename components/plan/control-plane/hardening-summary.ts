import { auditFolder } from "./audit.ts";
import { openPaths } from "./authentication.ts";
import { apiServerFlags } from "./hardening.ts";
import type { KubeadmSettings } from "./hosts.ts";

/** One way in which the control plane is held against misuse and overload. */
export interface Hardening {
  readonly what: string;
  readonly how: string;
}

export function hardeningOf(settings: KubeadmSettings): Hardening[] {
  const { encryption, audit, issuers, cloudProvider } = settings;
  const flag = (name: string, otherwise: string) =>
    apiServerFlags(settings).find((each) => each.name === name)?.value ?? otherwise;
  const names = Object.keys(issuers).sort();
  const most = Math.round(((audit.maxBackups + 1) * audit.maxSizeMiB) / 102.4) / 10;
  return [
    {
      what: "objects in etcd",
      how:
        encryption.provider === "identity"
          ? "in plain"
          : `${encryption.resources.join(", ")} by ${encryption.provider}, key ${encryption.keyGeneration}`,
    },
    {
      what: "audit log",
      how: audit.enabled ? `${auditFolder} on each member, ${audit.maxAgeDays} days, ${most} GiB at most` : "none",
    },
    { what: "without a sign-in", how: openPaths.join(", ") },
    {
      what: "people sign in by",
      how: names.length === 0 ? "client certificates alone" : `issuers ${names.join(", ")}`,
    },
    {
      what: "requests at once, for each API server",
      how: `${flag("max-requests-inflight", "400")} reads, ${flag("max-mutating-requests-inflight", "200")} writes`,
    },
    ...(cloudProvider === undefined
      ? []
      : [{ what: `cloud controller manager of ${cloudProvider}`, how: "the site installs it; nodes wait for it" }]),
  ];
}

/** What of the settings leaves the control plane less safe than it is by itself, or waits for somebody. */
export function hardeningWarnings({ encryption, audit, cloudProvider, local }: KubeadmSettings): string[] {
  return [
    ...(encryption.provider === "identity" && !local
      ? ["encryption.provider is identity: whoever reads etcd's disk or a snapshot reads every Secret"]
      : []),
    ...(!audit.enabled && !local ? ["audit is off: nobody can tell afterwards who did what"] : []),
    ...(cloudProvider === undefined
      ? []
      : [
          `cloudProvider ${cloudProvider}: every node has the taint node.cloudprovider.kubernetes.io/uninitialized, and takes no pods, until the site has installed that cloud's controller manager`,
        ]),
  ];
}
