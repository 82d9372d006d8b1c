import { longestPasswordBytes } from "./htpasswd.ts";
import { controllerAdminPort, type IngressPorts, type IngressSettings, tlsSecretName } from "./ingress.ts";
import type { Problem } from "../problems.ts";

interface CheckedService {
  readonly headless: boolean;
  readonly ingress?:
    (IngressSettings & { readonly basicAuth?: Readonly<Record<string, string>> | undefined }) | undefined;
}

/** What of a configuration says how requests come in by name. */
export interface IngressConfig {
  readonly services: Readonly<Record<string, CheckedService>>;
  readonly ingress: {
    readonly controller: "traefik" | "istio" | "existing";
    readonly controllerNamespace?: string | undefined;
    readonly annotations?: "nginx" | undefined;
    readonly gateway: { readonly namespace?: string | undefined };
    readonly expose: IngressPorts;
  };
}

type Entry = readonly [name: string, ingress: NonNullable<CheckedService["ingress"]>];

/** Most listeners of a Gateway, the one for plain HTTP among them. @see https://gateway-api.sigs.k8s.io/reference/spec/#gatewayspec */
const mostListeners = 64;
/** Listeners have the names of their hostnames, after `https-`, and those may have 253 characters. */
const longestListenedHostname = 247;
/** Where controllers that follow nginx's annotations send plain requests: the port cannot be told to them. */
const redirectPort = 443;

/** Everything that is wrong with how requests come in by name. Shapes are taken as checked. */
export function ingressProblems(config: IngressConfig): Problem[] {
  const entries = Object.entries(config.services).flatMap(([name, { ingress }]): Entry[] =>
    ingress === undefined ? [] : [[name, ingress]],
  );
  return [
    ...controllerProblems(config),
    ...entries.flatMap(([name, ingress]) => [
      ...serviceProblems(name, ingress, config),
      ...userProblems(`quorum:services.${name}.ingress.basicAuth`, ingress.basicAuth),
    ]),
    ...placeProblems(entries),
    ...certificateProblems(entries),
    ...gatewayProblems(entries, config),
  ];
}

function controllerProblems({ ingress }: IngressConfig): Problem[] {
  if (ingress.controller === "existing") return [];
  const problems: Problem[] = [];
  const { httpPort, httpsPort } = ingress.expose;
  const refuse = (key: string, got: string, text: string) =>
    problems.push({ key: `quorum:ingress.${key}`, text: `is ${got}, but ${text}` });
  const ofExisting = { controllerNamespace: ingress.controllerNamespace, annotations: ingress.annotations };
  for (const [key, value] of Object.entries({ ...ofExisting, "gateway.namespace": ingress.gateway.namespace })) {
    if (value !== undefined) refuse(key, `"${value}"`, "it is for an existing controller alone; leave it out");
  }
  if (httpPort === httpsPort) refuse("expose.httpsPort", String(httpsPort), "httpPort is that already; set another");
  for (const [key, port] of Object.entries({ httpPort, httpsPort })) {
    if (port === controllerAdminPort)
      refuse(`expose.${key}`, String(port), "the controller has that port for its checks and metrics; set another");
  }
  return problems;
}

function serviceProblems(name: string, one: Entry[1], { services, ingress }: IngressConfig): Problem[] {
  const problems: Problem[] = [];
  const key = `quorum:services.${name}.ingress`;
  const ours = ingress.controller === "traefik";
  if (services[name]?.headless) {
    problems.push({
      key: `quorum:services.${name}.headless`,
      text: "is true, but ingress needs a Service with an address of its own; leave out one of them",
    });
  }
  if (one.api === "HTTPRoute") {
    if (one.basicAuth !== undefined) {
      problems.push({
        key: `${key}.basicAuth`,
        text: "is set, but an HTTPRoute cannot ask for passwords; leave it out, or use api: Ingress",
      });
    }
    for (const field of ours ? [] : (["secretName", "issuer"] as const)) {
      const value = one.tls?.[field];
      if (value === undefined) continue;
      problems.push({
        key: `${key}.tls.${field}`,
        text: `is "${value}", but the certificate of an existing Gateway is its own matter; set tls to {}`,
      });
    }
    return problems;
  }
  for (const field of ours || ingress.annotations === "nginx" ? [] : (["basicAuth", "rewritePath"] as const)) {
    const value = one[field];
    if (value === undefined) continue;
    problems.push({
      key: `${key}.${field}`,
      text: `is ${typeof value === "string" ? `"${value}"` : "set"}, but an Ingress says it by annotations, and a controller that does not follow them would ignore it; set quorum:ingress.annotations to nginx where the controller follows nginx's, or leave it out`,
    });
  }
  return [...problems, ...tlsPortProblem(key, one.tls, ingress, ", or use api: HTTPRoute")];
}

/**
 * An Ingress with TLS, whose plain requests are sent to a port that is not told to the controller.
 *
 * @param key of the Ingress
 * @param otherwise what may be done instead
 */
export function tlsPortProblem(
  key: string,
  tls: object | undefined,
  { controller, expose }: IngressConfig["ingress"],
  otherwise = "",
): Problem[] {
  if (controller === "existing" || tls === undefined || expose.httpsPort === redirectPort) return [];
  return [
    {
      key: `${key}.tls`,
      text: `is set, but requests without TLS are sent to port ${redirectPort}, where quorum:ingress.expose.httpsPort is ${expose.httpsPort}; set that to ${redirectPort}${otherwise}`,
    },
  ];
}

/** No message shows a password. */
function userProblems(key: string, users: Readonly<Record<string, string>> | undefined): Problem[] {
  if (users === undefined) return [];
  const names = Object.entries(users);
  if (names.length === 0)
    return [{ key, text: "is empty, but nobody could come in then; name a user, or leave it out" }];
  return names.flatMap(([user, password]): Problem[] => {
    const bytes = Buffer.byteLength(password);
    const problems: Problem[] = [];
    if (!/^[^\s:#][^\s:]*$/.test(user)) {
      problems.push({
        key: `${key}.${user}`,
        text: "is a name with a colon or a space in it, or with # before it, but those have a meaning of their own; set another",
      });
    }
    if (bytes === 0 || bytes > longestPasswordBytes) {
      problems.push({
        key: `${key}.${user}`,
        text: `is a password of ${bytes} bytes, but it must have 1 to ${longestPasswordBytes}; set another`,
      });
    }
    return problems;
  });
}

function placeProblems(entries: readonly Entry[]): Problem[] {
  const taken = new Map<string, string>();
  return entries.flatMap(([name, { hostname, path }]): Problem[] => {
    const place = `${hostname}${path.replace(/\/$/, "")}/`;
    const other = taken.get(place);
    taken.set(place, other ?? name);
    if (other === undefined) return [];
    return [
      {
        key: `quorum:services.${name}.ingress.path`,
        text: `is "${path}", but quorum:services.${other}.ingress has that path of ${hostname} already; set another, or another hostname`,
      },
    ];
  });
}

/** A name has one certificate, whoever answers for its paths. */
function certificateProblems(entries: readonly Entry[]): Problem[] {
  const first = new Map<string, Entry>();
  return entries.flatMap(([name, ingress]): Problem[] => {
    if (ingress.tls === undefined) return [];
    const [other, before] = first.get(ingress.hostname) ?? [name, ingress];
    first.set(ingress.hostname, [other, before]);
    const key = `quorum:services.${name}.ingress.tls`;
    const [secret, wanted] = [tlsSecretName(name, ingress), tlsSecretName(other, before)];
    if (secret !== wanted) {
      const text = `is "${secret}", but ${ingress.hostname} has the certificate "${wanted}" by quorum:services.${other}; set it to that`;
      return [{ key: `${key}.secretName`, text }];
    }
    return ingress.tls.issuer === before.tls?.issuer
      ? []
      : [{ key: `${key}.issuer`, text: differs(ingress.tls.issuer, `quorum:services.${other}`, before.tls?.issuer) }];
  });
}

function gatewayProblems(entries: readonly Entry[], { ingress }: IngressConfig): Problem[] {
  const routes = entries.filter(([, { api }]) => api === "HTTPRoute");
  const [first] = routes;
  if (first === undefined) return [];
  if (ingress.controller === "existing") {
    if (ingress.gateway.namespace !== undefined) return [];
    const text = `is missing, but quorum:services.${first[0]}.ingress is an HTTPRoute, which needs the Gateway of the existing controller; set it, and quorum:ingress.gateway.name`;
    return [{ key: "quorum:ingress.gateway.namespace", text }];
  }
  const secure = routes.filter(([, { tls }]) => tls !== undefined);
  const issuer = secure[0]?.[1].tls?.issuer;
  const hostnames = new Set(secure.map(([, { hostname }]) => hostname));
  return [
    ...secure.flatMap(([name, { tls, hostname }]): Problem[] => [
      // Two services of one name are told of each other above.
      ...(tls?.issuer === issuer || hostname === secure[0]?.[1].hostname
        ? []
        : [
            {
              key: `quorum:services.${name}.ingress.tls.issuer`,
              text: differs(tls?.issuer, `quorum:services.${secure[0]?.[0] ?? ""}`, issuer),
            },
          ]),
      ...(hostname.length <= longestListenedHostname
        ? []
        : [
            {
              key: `quorum:services.${name}.ingress.hostname`,
              text: `has ${hostname.length} characters, but with TLS by a Gateway it may have ${longestListenedHostname}; set a shorter one, or use api: Ingress`,
            },
          ]),
    ]),
    ...(hostnames.size < mostListeners
      ? []
      : [
          {
            key: "quorum:ingress.gateway",
            text: `has ${hostnames.size} names with TLS, but a Gateway has ${mostListeners - 1} at most; use api: Ingress for some`,
          },
        ]),
  ];
}

function differs(got: string | undefined, other: string, wanted: string | undefined): string {
  const has = wanted === undefined ? "has none" : `has "${wanted}"`;
  const fix = wanted === undefined ? "leave it out, or give both the same" : "set both to the same";
  return `${got === undefined ? "is missing" : `is "${got}"`}, but ${other} ${has}, and one issuer makes the certificates of both; ${fix}`;
}
