import { auditPolicyFile, authenticationFile, encryptionConfig } from "./api-server-files.ts";
import { auditFolder } from "./audit.ts";
import type { ExtraFlags } from "./hardening-settings.ts";
import type { KubeadmSettings } from "./hosts.ts";

export interface Flag {
  readonly name: string;
  readonly value: string;
}

/**
 * Suites of TLS 1.2 with forward secrecy and authenticated encryption; those of 1.3 are all strong and cannot be chosen.
 *
 * @see CIS Kubernetes Benchmark 1.12, items 1.2.29 and 4.2.12
 */
export const cipherSuites = ["AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256"].flatMap((cipher) =>
  ["ECDSA", "RSA"].map((key) => `TLS_ECDHE_${key}_WITH_${cipher}`),
);

const tlsFlags: Flag[] = [
  { name: "tls-min-version", value: "VersionTLS12" },
  { name: "tls-cipher-suites", value: cipherSuites.join(",") },
];
const noProfiling: Flag = { name: "profiling", value: "false" };
/** Ended pods beyond this many are removed, the oldest first; the default of 12500 outgrows a small etcd. */
const endedPods = 1000;
/** All of a host's own: the settings are one text for all hosts, so they cannot name the address of one. */
export const everyAddress = "0.0.0.0";

/**
 * What the API server gets beyond kubeadm's own flags. docs/cis-benchmark.md says which item of the benchmark each is for.
 *
 * @param auditLog file of the audit log; each of several API servers on a host needs its own
 */
export function apiServerFlags(settings: KubeadmSettings, auditLog = `${auditFolder}/audit.log`): Flag[] {
  const { audit, apiServer, flags } = settings;
  const reads = apiServer.maxRequestsInFlight ?? requestsInFlight(settings);
  const writes = apiServer.maxMutatingRequestsInFlight ?? (reads && Math.ceil(reads / 2));
  const limit = (name: string, value: number | undefined) =>
    value === undefined ? [] : [{ name, value: String(value) }];
  return overlaid(
    [
      // Anonymous access is in the file, so there is no anonymous-auth.
      { name: "authentication-config", value: authenticationFile(settings).path },
      // Hosts join by a certificate of their own, so no token has to be taken for one.
      { name: "enable-bootstrap-token-auth", value: "false" },
      { name: "enable-admission-plugins", value: "NodeRestriction,DenyServiceExternalIPs" },
      { name: "encryption-provider-config", value: encryptionConfig },
      { name: "encryption-provider-config-automatic-reload", value: "true" },
      // Kubelets whose certificate nobody signs cannot be told from others.
      ...(signsKubelets(settings)
        ? [{ name: "kubelet-certificate-authority", value: "/etc/kubernetes/pki/ca.crt" }]
        : []),
      { name: "service-account-lookup", value: "true" },
      { name: "service-account-extend-token-expiration", value: "false" },
      noProfiling,
      ...tlsFlags,
      ...limit("max-requests-inflight", reads),
      ...limit("max-mutating-requests-inflight", writes),
      ...(audit.enabled
        ? [
            { name: "audit-policy-file", value: auditPolicyFile().path },
            { name: "audit-log-path", value: auditLog },
            { name: "audit-log-maxage", value: String(audit.maxAgeDays) },
            { name: "audit-log-maxbackup", value: String(audit.maxBackups) },
            { name: "audit-log-maxsize", value: String(audit.maxSizeMiB) },
            // Written before the answer goes out. A write that fails, as on a full disk, is counted and the request goes on;
            // only blocking-strict would refuse it. Batches would be lost with the process that somebody ends.
            { name: "audit-log-mode", value: "blocking" },
          ]
        : []),
    ],
    flags.apiServer,
  );
}

export function controllerManagerFlags(settings: KubeadmSettings): Flag[] {
  return overlaid(
    [
      // The plan hands out pod addresses: a controller that did so too would publish others in the Node objects.
      ...(settings.network.plugin === "routed" ? [{ name: "allocate-node-cidrs", value: "false" }] : []),
      ...metricsAddress(settings),
      { name: "cluster-signing-duration", value: hours(settings.certificates.days) },
      { name: "terminated-pod-gc-threshold", value: String(endedPods) },
      noProfiling,
      ...tlsFlags,
    ],
    settings.flags.controllerManager,
  );
}

export function schedulerFlags(settings: KubeadmSettings): Flag[] {
  return overlaid([...metricsAddress(settings), noProfiling, ...tlsFlags], settings.flags.scheduler);
}

/** etcd's own defaults. @see https://etcd.io/docs/v3.6/tuning/ and https://etcd.io/docs/v3.6/dev-guide/limit/ */
const etcdDefaults = { quotaMiB: 2048, heartbeatMillis: 100 };
const bytesPerMebibyte = 1024 * 1024;

/**
 * What every member of etcd gets, save addresses and files: checks of its data, TLS, the quota, and heartbeats at the longest
 * round trip with elections after ten of them. Nothing compacts by itself: the API server does so every five minutes.
 *
 * `CompactHashCheck`: each minute the leader compares what members hashed as they compacted, at no further cost. A full check
 * of all data (corrupt-check-time) reads the whole database of every member, and finds nothing that the other would not.
 */
export function etcdFlags({ etcd: { quotaMiB, roundTripMillis }, flags }: KubeadmSettings): Flag[] {
  const heartbeat = Math.max(etcdDefaults.heartbeatMillis, roundTripMillis);
  return overlaid(
    [
      { name: "feature-gates", value: "InitialCorruptCheck=true,CompactHashCheck=true" },
      // Only programs of the control plane speak to it, all of them of today.
      { name: "tls-min-version", value: "TLS1.3" },
      ...(quotaMiB === etcdDefaults.quotaMiB
        ? []
        : [{ name: "quota-backend-bytes", value: String(quotaMiB * bytesPerMebibyte) }]),
      ...(heartbeat === etcdDefaults.heartbeatMillis
        ? []
        : [
            { name: "heartbeat-interval", value: String(heartbeat) },
            { name: "election-timeout", value: String(10 * heartbeat) },
          ]),
    ],
    flags.etcd,
  );
}

/** Whether every kubelet asks the cluster for its serving certificate. */
export function signsKubelets({ kubelet, hosts }: KubeadmSettings): boolean {
  return [kubelet, ...Object.values(hosts).map((host) => host.kubelet ?? {})].every(
    (settings) => settings["serverTLSBootstrap"] !== false,
  );
}

/** Requests that an API server works on at once on a host of the usual size; Kubernetes' own default. */
const usual = { requests: 400, memoryMiB: 8192 };
const fewestRequests = 100;
/** As the largest clusters of kube-up had. @see kubernetes/cluster/gce/gci/configure-helper.sh */
const mostRequests = 3000;

/** By memory, of which each request takes some; every API server has the same flags, so the smallest host decides. */
function requestsInFlight({ hosts, local }: KubeadmSettings): number | undefined {
  const sizes = Object.values(hosts)
    .filter(({ role }) => role === "control-plane")
    .map(({ memoryMiB }) => memoryMiB);
  const known = sizes.filter((size) => size !== undefined);
  if (local || known.length < sizes.length) return undefined;
  const scaled = Math.round((usual.requests * Math.min(...known)) / usual.memoryMiB);
  return Math.min(mostRequests, Math.max(fewestRequests, scaled));
}

/** kubeadm's probes ask at the pod's address, which is the host's, where this one is set. */
function metricsAddress({ metrics }: KubeadmSettings): Flag[] {
  return metrics ? [{ name: "bind-address", value: everyAddress }] : [];
}

/** A duration of Go. */
export function hours(days: number): string {
  return `${days * 24}h0m0s`;
}

function overlaid(ours: readonly Flag[], theirs: ExtraFlags): Flag[] {
  const others = Object.entries(theirs).map(([name, value]) => ({ name, value }));
  return [...ours.filter(({ name }) => !(name in theirs)), ...others];
}
