import { grafanaAdminSecret, grafanaEncryptionSecret } from "./grafana.ts";
import { cookieSecret, partsBehindSignIn, type ProxiedNeeds } from "./sign-in.ts";

/** A Secret with one key, whose value nobody has to choose. */
interface MadeSecret {
  readonly name: string;
  readonly key: string;
}

/** Secrets that are made in the cluster for parts of the monitoring. */
export function monitoringSecrets(
  monitoring: ProxiedNeeds & { readonly grafana: { readonly enabled: boolean } },
): MadeSecret[] {
  return [
    ...(monitoring.grafana.enabled ? [grafanaAdminSecret, grafanaEncryptionSecret] : []),
    ...(partsBehindSignIn(monitoring).length > 0 ? [cookieSecret] : []),
  ];
}

/** Names that no other Secret may have that is made in the cluster. */
export const monitoringSecretNames: readonly string[] = [
  grafanaAdminSecret.name,
  grafanaEncryptionSecret.name,
  cookieSecret.name,
];
