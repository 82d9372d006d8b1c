import { stringify } from "yaml";
import { alertmanager } from "../connections/monitoring-parts.ts";
import { tlsFiles } from "./tls.ts";

/** File of Alertmanager's folder by which its members speak TLS with each other. */
export const clusterTlsFile = "cluster-tls.yml";

/**
 * How members check each other. They call each other by addresses, which no certificate has, so by the name in the certificate that
 * all of them have; and nobody is let in by another certificate of the same authority.
 */
export function clusterTlsConfig(): string {
  const own = { cert_file: tlsFiles.certificate, key_file: tlsFiles.key };
  return stringify({
    tls_server_config: {
      ...own,
      client_auth_type: "RequireAndVerifyClientCert",
      client_ca_file: tlsFiles.authority,
      client_allowed_sans: [alertmanager.app],
    },
    tls_client_config: { ...own, ca_file: tlsFiles.authority, server_name: alertmanager.app },
  });
}
