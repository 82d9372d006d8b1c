import { stringify } from "yaml";

/** Name of the registry's objects, and label `app` of its pod. */
export const registryName = "registry";
/** Port that it listens on, in its container. */
export const registryPort = 5000;
/** Name of the CronJob that restarts it, label `app` and account of that one's pods. */
export const registryRestartName = "registry-restart";

export const registryPaths = {
  data: "/var/lib/registry",
  config: "/etc/distribution",
  users: "/etc/registry-users",
  certificate: "/etc/registry-tls",
} as const;

/**
 * The configuration of distribution v3.
 *
 * @see https://distribution.github.io/distribution/about/configuration/
 */
export function registryConfig(): string {
  return stringify({
    version: 0.1,
    log: { level: "info", formatter: "json", accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: registryPaths.data },
      // A client may take its own images away; what they leave is collected at the next restart.
      delete: { enabled: true },
      // The collection must see what is there, not what an earlier process remembers.
      cache: { blobdescriptor: "inmemory" },
      maintenance: { uploadpurging: { enabled: true, age: "24h", interval: "6h", dryrun: false } },
    },
    http: {
      addr: `:${registryPort}`,
      tls: {
        certificate: `${registryPaths.certificate}/tls.crt`,
        key: `${registryPaths.certificate}/tls.key`,
        minimumtls: "tls1.2",
      },
      headers: { "X-Content-Type-Options": ["nosniff"] },
    },
    auth: { htpasswd: { realm: registryName, path: `${registryPaths.users}/htpasswd` } },
    health: { storagedriver: { enabled: true, interval: "10s", threshold: 3 } },
  });
}
