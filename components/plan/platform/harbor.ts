import { hkdfSync } from "node:crypto";
import { htpasswd } from "../workload/htpasswd.ts";
import { type ImageCatalog, imageReference } from "../images/images.ts";

/** What of a configuration Harbor's values come from. */
export interface HarborSettings {
  readonly hostname: string;
  readonly port: number;
  readonly storageGiB: number;
  /** @default the cluster's default class */
  readonly storageClassName?: string | undefined;
  readonly retain: boolean;
  readonly tls: { readonly secretName: string };
  /** What Harbor's parts know each other by is derived from this. */
  readonly internalSecret: string;
  readonly catalog: ImageCatalog;
  readonly mirror?: string | undefined;
  readonly metrics: boolean;
}

/** Chart that the values are written for, and where it comes from. @see https://github.com/goharbor/harbor-helm */
export const harborChart = { name: "harbor", version: "1.18.4", repository: "https://helm.goharbor.io" } as const;
/** Secret that is made in the cluster, with the first password of the user `admin`. */
export const harborAdminSecret = { name: "harbor-admin", key: "HARBOR_ADMIN_PASSWORD" } as const;

/** Ports that Harbor's parts listen on among themselves: its core, jobs and portal, the registry, PostgreSQL, Redis. */
export const harborPorts = [8080, 5000, 5432, 6379] as const;
/** Port of its nginx, which the outside reaches. */
export const harborPublicPort = 8443;
export const harborMetricsPort = 8001;

const registryUser = "harbor_registry_user";
/** Lengths that Harbor insists on. */
const secretKeyLength = 16;
const csrfKeyLength = 32;
/** Images of the chart by their names in data/images.yaml, and where in its values each belongs. */
const imagePlaces: Readonly<Record<string, readonly string[]>> = {
  "harbor-nginx": ["nginx"],
  "harbor-portal": ["portal"],
  "harbor-core": ["core"],
  "harbor-jobservice": ["jobservice"],
  "harbor-registry": ["registry", "registry"],
  "harbor-registryctl": ["registry", "controller"],
  "harbor-database": ["database", "internal"],
  "harbor-redis": ["redis", "internal"],
  "harbor-exporter": ["exporter"],
};

/**
 * The few values of Harbor's chart that matter. Left to itself it makes up secrets at each rendering; here they are derived,
 * each for its purpose, so that two renderings are the same and no secret tells another.
 */
export function harborValues(settings: HarborSettings): Record<string, unknown> {
  const derived = (purpose: string, length: number) => derive(settings.internalSecret, purpose, length);
  const { hostname, port, storageGiB, storageClassName, retain, tls, metrics } = settings;
  const registryPassword = derived("registry-password", 32);
  const volume = (size: string) => ({
    size,
    ...(storageClassName === undefined ? {} : { storageClass: storageClassName }),
  });
  const values = {
    expose: {
      type: "loadBalancer",
      tls: { enabled: true, certSource: "secret", secret: { secretName: tls.secretName } },
      loadBalancer: { name: "harbor", ports: { httpPort: 80, httpsPort: port } },
    },
    externalURL: `https://${hostname}${port === 443 ? "" : `:${port}`}`,
    existingSecretAdminPassword: harborAdminSecret.name,
    existingSecretAdminPasswordKey: harborAdminSecret.key,
    secretKey: derived("secret-key", secretKeyLength),
    core: {
      secret: derived("core", secretKeyLength),
      xsrfKey: derived("csrf", csrfKeyLength),
      // Tokens are signed by the key of the certificate: it is there, and need not be made up.
      secretName: tls.secretName,
    },
    jobservice: { secret: derived("jobservice", secretKeyLength) },
    registry: {
      secret: derived("registry", secretKeyLength),
      credentials: {
        username: registryUser,
        password: registryPassword,
        htpasswdString: htpasswd("harbor/registry", { [registryUser]: registryPassword }).trimEnd(),
      },
    },
    database: { internal: { password: derived("database", 32) } },
    persistence: {
      enabled: true,
      resourcePolicy: retain ? "keep" : "",
      persistentVolumeClaim: {
        registry: volume(`${storageGiB}Gi`),
        jobservice: { jobLog: volume("1Gi") },
        database: volume("10Gi"),
        redis: volume("1Gi"),
      },
    },
    metrics: { enabled: metrics },
    // A scanner downloads its database from outside, which not every site allows; it is turned on in the chart's own words.
    trivy: { enabled: false },
    updateStrategy: { type: "Recreate" },
  };
  return withImages(values, settings);
}

function derive(secret: string, purpose: string, length: number): string {
  const bytes = hkdfSync("sha256", secret, "quorum/harbor", purpose, length);
  return Buffer.from(bytes).toString("hex").slice(0, length);
}

function withImages(values: Record<string, unknown>, { catalog, mirror }: HarborSettings): Record<string, unknown> {
  const result = structuredClone(values);
  for (const [name, path] of Object.entries(imagePlaces)) {
    const reference = imageReference(catalog, name, mirror);
    const colon = reference.lastIndexOf(":");
    let place = result;
    for (const key of path) place = (place[key] ??= {}) as Record<string, unknown>;
    place["image"] = { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) };
  }
  return result;
}
