/** What a service says of its requests from outside, as an Ingress or an HTTPRoute. */
export interface IngressSettings {
  readonly hostname: string;
  readonly path: string;
  readonly api: "Ingress" | "HTTPRoute";
  readonly tls?: { readonly secretName?: string | undefined; readonly issuer?: string | undefined } | undefined;
  readonly basicAuth?: Readonly<Record<string, unknown>> | undefined;
  readonly rewritePath?: string | undefined;
}

export interface IngressServices {
  readonly [name: string]: { readonly ingress?: IngressSettings | undefined };
}

/** Ports of the controller, inside its pods as outside: a Gateway's listeners and redirects name them. */
export interface IngressPorts {
  readonly httpPort: number;
  readonly httpsPort: number;
}

/** One rule of an Ingress. */
export interface IngressPath {
  readonly path: string;
  readonly pathType: "Prefix" | "ImplementationSpecific";
  readonly annotations: Readonly<Record<string, string>>;
}

/** One listener of a Gateway, in the form of gateway.networking.k8s.io/v1. */
export interface Listener {
  readonly name: string;
  readonly port: number;
  readonly protocol: "HTTP" | "HTTPS";
  readonly hostname?: string;
  readonly tls?: { readonly mode: "Terminate"; readonly certificateRefs: { readonly name: string }[] };
  readonly allowedRoutes: { readonly namespaces: { readonly from: "Same" } };
}

/** What answers checks of readiness and gives metrics, inside the controller's pods. */
export const controllerAdminPort = 9000;
export const httpListener = "http";
const nginx = "nginx.ingress.kubernetes.io";

/** Secret with a service's certificate. */
export function tlsSecretName(service: string, { tls }: Pick<IngressSettings, "tls">): string {
  return tls?.secretName ?? `${service}-tls`;
}

/**
 * Hostnames on which a path is rewritten. Controllers that follow nginx's annotations take every path of such a name as a
 * regular expression, whichever Ingress it is from.
 */
export function patternHosts(services: IngressServices): Set<string> {
  const rewritten = Object.values(services).flatMap(({ ingress }) =>
    ingress?.api === "Ingress" && ingress.rewritePath !== undefined ? [ingress.hostname] : [],
  );
  return new Set(rewritten);
}

/**
 * The path of an Ingress, with the annotations that rewrite it.
 *
 * @param pattern whether its hostname is one of `patternHosts`
 */
export function ingressPath(
  { path, rewritePath }: Pick<IngressSettings, "path" | "rewritePath">,
  pattern: boolean,
): IngressPath {
  const base = withoutSlash(path);
  if (rewritePath !== undefined) {
    const target = `${withoutSlash(rewritePath)}/${base === "" ? "$1" : "$2"}`;
    return {
      path: base === "" ? "/(.*)" : `${escaped(base)}(/|$)(.*)`,
      pathType: "ImplementationSpecific",
      annotations: { [`${nginx}/use-regex`]: "true", [`${nginx}/rewrite-target`]: target },
    };
  }
  if (pattern && base !== "") {
    // Without an end, the expression /shop would take /shopping too.
    const annotations = { [`${nginx}/use-regex`]: "true" };
    return { path: `${escaped(base)}(/|$)`, pathType: "ImplementationSpecific", annotations };
  }
  return { path, pathType: "Prefix", annotations: {} };
}

/** Annotations by which a controller asks for a name and password. */
export function basicAuthAnnotations(secretName: string, realm: string): Record<string, string> {
  return {
    [`${nginx}/auth-type`]: "basic",
    [`${nginx}/auth-secret`]: secretName,
    [`${nginx}/auth-realm`]: realm,
  };
}

/** Annotation by which cert-manager makes the certificate. @see https://cert-manager.io/docs/usage/ingress/ */
export function issuerAnnotations(issuer: string | undefined): Record<string, string> {
  return issuer === undefined ? {} : { "cert-manager.io/cluster-issuer": issuer };
}

/** The listener for a hostname's TLS connections, where the Gateway is ours. */
export function httpsListener(hostname: string): string {
  return `https-${hostname}`;
}

/** What a Gateway of ours listens for: plain HTTP for every name, and TLS for each name that has a certificate. */
export function gatewayListeners(services: IngressServices, { httpPort, httpsPort }: IngressPorts): Listener[] {
  const allowedRoutes = { namespaces: { from: "Same" as const } };
  const secure = new Map<string, string>();
  for (const [service, ingress] of routesOf(services)) {
    if (ingress.tls !== undefined) secure.set(ingress.hostname, tlsSecretName(service, ingress));
  }
  return [
    { name: httpListener, port: httpPort, protocol: "HTTP", allowedRoutes },
    ...[...secure].sort(byText).map(([hostname, name]): Listener => ({
      name: httpsListener(hostname),
      hostname,
      port: httpsPort,
      protocol: "HTTPS",
      tls: { mode: "Terminate", certificateRefs: [{ name }] },
      allowedRoutes,
    })),
  ];
}

/** The issuer of a Gateway's certificates: cert-manager knows one for all of its listeners. */
export function gatewayIssuer(services: IngressServices): string | undefined {
  return routesOf(services).flatMap(([, { tls }]) => tls?.issuer ?? [])[0];
}

/** Services whose requests come through an HTTPRoute, by name. */
export function routesOf(services: IngressServices): [string, IngressSettings][] {
  return Object.entries(services).flatMap(([name, { ingress }]): [string, IngressSettings][] =>
    ingress?.api === "HTTPRoute" ? [[name, ingress]] : [],
  );
}

function withoutSlash(path: string): string {
  return path.replace(/\/$/, "");
}

function escaped(path: string): string {
  return path.replaceAll(".", "\\.");
}

function byText([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}
