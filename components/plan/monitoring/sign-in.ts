import { monitoringPorts, proxiedParts, type ProxiedPart } from "../connections/monitoring-parts.ts";

/** An OpenID Connect provider, and who of those that it knows may look. */
export interface SignInSettings {
  readonly issuerUrl: string;
  readonly clientId: string;
  /** Of the provider's discovery document; only Grafana is told them, which does not look them up. */
  readonly authUrl?: string | undefined;
  readonly tokenUrl?: string | undefined;
  readonly apiUrl?: string | undefined;
  readonly scopes: readonly string[];
  /** Empty: everybody who can sign in. */
  readonly groups: readonly string[];
  readonly admins: readonly string[];
  readonly caCertificate?: string | undefined;
}

/** Parts with pages for people. */
export const reachedParts = [...proxiedParts, "grafana"] as const;
export type ReachedPart = (typeof reachedParts)[number];

/** Parts that may have a port of their own for the outside: besides those, Loki's API. */
export const exposedParts = ["prometheus", "alertmanager", "grafana", "loki", "zipkin"] as const;
export type ExposedPart = (typeof exposedParts)[number];

interface Reached {
  readonly enabled: boolean;
  readonly ingress?: object | undefined;
}

/** What of the monitoring decides which parts have a sign-in proxy in front of them. */
export type ProxiedNeeds = Readonly<Record<ProxiedPart, Reached>> & { readonly signIn?: object | undefined };

/** Secret that is made in the cluster: what the proxies sign and encrypt their cookies with. */
export const cookieSecret = { name: "sign-in", key: "cookie-secret" } as const;
/** Thousandths of a core, and MiB, that are set aside for a proxy. */
export const proxyNeeds = { cpuMillis: 10, memoryMiB: 32 } as const;
export const proxyPaths = { config: "/etc/sign-in", secret: "/etc/sign-in-secret" } as const;
/** Path of a hostname that is the proxy's own. */
const callbackPath = "/oauth2/callback";

/** Seconds that an answer of a part may take: longer than the longest query that Prometheus allows. */
const upstreamSeconds = 125;

/** The parts that people reach through the ingress controller. */
export function partsWithIngress(monitoring: Readonly<Record<ReachedPart, Reached>>): ReachedPart[] {
  return reachedParts.filter((name) => monitoring[name].enabled && monitoring[name].ingress !== undefined);
}

/** Those of them that people reach through a sign-in proxy. */
export function partsBehindSignIn(monitoring: ProxiedNeeds): ProxiedPart[] {
  if (monitoring.signIn === undefined) return [];
  return proxiedParts.filter((name) => monitoring[name].enabled && monitoring[name].ingress !== undefined);
}

/** What a proxy is to know besides the provider. */
export interface ProxySettings {
  /** URL of the part inside the cluster. */
  readonly upstream: string;
  /** URL that people reach the part by, without a slash at its end. */
  readonly url: string;
}

/** The configuration of oauth2-proxy in front of one part. It holds no secret. */
export function signInProxyConfig(signIn: SignInSettings, { upstream, url }: ProxySettings): string {
  const secure = url.startsWith("https://");
  const settings: Record<string, string | boolean | readonly string[]> = {
    http_address: `0.0.0.0:${monitoringPorts.signInProxy}`,
    provider: "oidc",
    oidc_issuer_url: signIn.issuerUrl,
    client_id: signIn.clientId,
    client_secret_file: `${proxyPaths.secret}/client-secret`,
    scope: signIn.scopes.join(" "),
    code_challenge_method: "S256",
    skip_provider_button: true,
    redirect_url: `${url}${callbackPath}`,
    upstreams: [upstream],
    upstream_timeout: `${upstreamSeconds}s`,
    // Who may look is said by groups; oauth2-proxy lets nobody in unless domains of addresses are named too.
    email_domains: ["*"],
    allowed_groups: allowedGroups(signIn),
    // A page's own requests are refused, not sent to the provider, which could not show them a form.
    api_routes: ["^/api/"],
    // A name with this prefix is taken by browsers only over TLS, from this very hostname.
    cookie_name: `${secure ? "__Host-" : ""}sign-in`,
    cookie_secure: secure,
    cookie_httponly: true,
    cookie_samesite: "lax",
    cookie_expire: "8h0m0s",
    // Tokens stay here: neither the browser nor the part has a use for them.
    session_cookie_minimal: true,
    pass_basic_auth: false,
    pass_user_headers: false,
    silence_ping_logging: true,
    ...(signIn.caCertificate !== undefined && {
      provider_ca_files: [`${proxyPaths.config}/ca.crt`],
      use_system_trust_store: true,
    }),
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `${lines.join("\n")}\n`;
}

/** Those who administer may look too. Empty: everybody. */
function allowedGroups({ groups, admins }: SignInSettings): readonly string[] {
  return groups.length === 0 ? [] : [...new Set([...groups, ...admins])].sort();
}

/**
 * Grafana's expression (JMESPath) for what somebody may do there, by groups.
 *
 * @returns undefined where everybody is a viewer
 */
export function grafanaRole({ groups, admins }: SignInSettings): string | undefined {
  if (groups.length === 0 && admins.length === 0) return undefined;
  const anyOf = (names: readonly string[]) =>
    [...new Set(names)].sort().map((name) => `contains(groups[*], '${name}')`);
  const roles = [
    ...anyOf(admins).map((condition) => `${condition} && 'Admin'`),
    ...(groups.length === 0 ? ["'Viewer'"] : anyOf(groups).map((condition) => `${condition} && 'Viewer'`)),
  ];
  return roles.join(" || ");
}
