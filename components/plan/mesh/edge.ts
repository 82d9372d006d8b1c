import { type IngressPorts, type IngressServices, tlsSecretName } from "../workload/ingress.ts";
import { gatewaySelector, ingressGateway } from "./mesh-parts.ts";

/** One server of a Gateway, in the form of networking.istio.io/v1. */
export interface GatewayServer {
  readonly port: { readonly number: number; readonly name: string; readonly protocol: "HTTP" | "HTTPS" };
  readonly hosts: readonly string[];
  readonly tls?:
    | { readonly httpsRedirect: true }
    | { readonly mode: "SIMPLE"; readonly credentialName: string; readonly minProtocolVersion: "TLSV1_2" };
}

/** A certificate that cert-manager makes where the gateway's pods are. */
export interface EdgeCertificate {
  readonly hostname: string;
  readonly secretName: string;
  readonly issuer: string;
}

/** What the ingress gateway listens for. */
export interface EdgePlan {
  readonly selector: Readonly<Record<string, string>>;
  readonly servers: readonly GatewayServer[];
  readonly certificates: readonly EdgeCertificate[];
}

/**
 * The servers of the ingress gateway: for each name that a service has an ingress by, plain HTTP, or TLS and a redirect to it. Who
 * asks for another name gets no answer.
 */
export function planEdge(services: IngressServices, { httpPort, httpsPort }: IngressPorts): EdgePlan {
  const names = new Map<string, { readonly secretName: string; readonly issuer: string | undefined } | undefined>();
  for (const [service, { ingress }] of Object.entries(services)) {
    if (ingress === undefined) continue;
    const tls = ingress.tls && { secretName: tlsSecretName(service, ingress), issuer: ingress.tls.issuer };
    names.set(ingress.hostname, names.get(ingress.hostname) ?? tls);
  }
  const all = [...names].sort(([a], [b]) => (a < b ? -1 : 1));
  const secure = all.flatMap(([hostname, tls]) => (tls === undefined ? [] : [{ hostname, ...tls }]));
  const plain = all.flatMap(([hostname, tls]) => (tls === undefined ? [hostname] : []));
  const http = (name: string, hosts: readonly string[]) => ({
    port: { number: httpPort, name, protocol: "HTTP" as const },
    hosts,
  });
  const redirected = secure.map(({ hostname }) => hostname);
  return {
    selector: gatewaySelector(ingressGateway),
    servers: [
      ...(plain.length > 0 ? [http("http", plain)] : []),
      ...(redirected.length > 0
        ? [{ ...http("http-redirect", redirected), tls: { httpsRedirect: true as const } }]
        : []),
      ...secure.map(({ hostname, secretName }) => ({
        port: { number: httpsPort, name: `https-${hostname.replaceAll(".", "-")}`, protocol: "HTTPS" as const },
        hosts: [hostname],
        tls: { mode: "SIMPLE" as const, credentialName: secretName, minProtocolVersion: "TLSV1_2" as const },
      })),
    ],
    certificates: secure.flatMap(({ hostname, secretName, issuer }) =>
      issuer === undefined ? [] : [{ hostname, secretName, issuer }],
    ),
  };
}
