import type { Problem } from "../problems.ts";
import { versionedName } from "../workload/versions.ts";
import { gatewayApi, type MeshObject, present, seconds } from "./mesh-object.ts";
import type { Match, RouteTable, Rule } from "./routes.ts";
import type { MatchSettings, RouteSettings, TextMatch } from "./traffic-settings.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Name of the route of calls inside the mesh; a dot keeps it apart from that of the service's ingress. */
export function gatewayRouteName(service: string): string {
  return `${service}.mesh`;
}

/**
 * A table as a route of the Gateway API, bound to the service itself. Each version is a Service of its own there. What it cannot
 * express, `gatewayProblems` refuses.
 *
 * @see https://gateway-api.sigs.k8s.io/mesh/
 */
export function gatewayRoute(table: RouteTable): MeshObject {
  const { annotations, service, port } = table;
  return {
    apiVersion: gatewayApi,
    kind: "HTTPRoute",
    name: gatewayRouteName(service),
    app: service,
    ...(annotations && { annotations }),
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: service, port }],
      rules: table.rules.map((rule) => ruleOf(table, rule)),
    },
  };
}

function ruleOf({ service, port }: RouteTable, { match, shares, mirror, timeoutMillis }: Rule): Fields {
  const backend = (version?: string) => ({ name: versionedName(service, version), port });
  return present({
    matches: match && matchesOf(match),
    filters: mirror && [
      { type: "RequestMirror", requestMirror: { backendRef: backend(mirror.to), percent: mirror.percent } },
    ],
    backendRefs:
      shares.length === 0
        ? [backend()]
        : shares.map(({ version, percent }) => ({ ...backend(version), weight: percent })),
    timeouts: timeoutMillis === undefined ? undefined : { request: seconds(timeoutMillis) },
  });
}

function matchesOf({ headers, path, methods }: Match): Fields[] {
  const named = Object.entries(headers).map(([name, { exact, regex }]) =>
    exact === undefined ? { type: "RegularExpression", name, value: regex } : { type: "Exact", name, value: exact },
  );
  return (methods ?? [undefined]).map((method) =>
    present({
      path: path && { type: "Exact", value: path.exact },
      headers: named.length === 0 ? undefined : named,
      method,
    }),
  );
}

/** What of a route the Gateway API cannot express, or would do in another order. */
export function gatewayProblems(key: string, route: RouteSettings): Problem[] {
  if (route.api === "istio") return [];
  return [
    ...(["retries", "fault", "connections", "outliers", "locality"] as const).flatMap((field) =>
      route[field] === undefined ? [] : [inexpressible(`${key}.${field}`, "is set")],
    ),
    ...route.matches.flatMap((match, index) => [
      ...matchProblems(`${key}.matches.${index}`, match),
      ...orderProblems(key, route.matches, index),
    ]),
  ];
}

function inexpressible(key: string, got: string): Problem {
  return {
    key,
    text: `${got}, but the Gateway API's standard routes cannot express it; leave it out, or leave out api: gateway`,
  };
}

function matchProblems(at: string, { headers, path, retries, fault }: MatchSettings): Problem[] {
  return [
    ...(retries === undefined ? [] : [inexpressible(`${at}.retries`, "is set")]),
    ...(fault === undefined ? [] : [inexpressible(`${at}.fault`, "is set")]),
    ...Object.entries(headers).flatMap(([name, { prefix }]) =>
      prefix === undefined
        ? []
        : [
            {
              key: `${at}.headers.${name}.prefix`,
              text: `is "${prefix}", but the Gateway API compares whole headers; give a regex, or leave out api: gateway`,
            },
          ],
    ),
    ...(["prefix", "regex"] as const).flatMap((form) => {
      const value = path?.[form];
      if (value === undefined) return [];
      return [
        {
          key: `${at}.path.${form}`,
          text: `is "${value}", but the Gateway API takes it for another set of paths, or in another order; give an exact path, or leave out api: gateway`,
        },
      ];
    }),
  ];
}

/** There the most exact match counts, not the first one: the order must be the same where one request fits both. */
function orderProblems(key: string, matches: readonly MatchSettings[], index: number): Problem[] {
  const later = matches[index];
  if (later === undefined) return [];
  const first = matches.slice(0, index).findIndex((earlier) => comesBefore(later, earlier) && mayMeet(later, earlier));
  if (first < 0) return [];
  return [
    {
      key: `${key}.matches.${index}`,
      text: `is more exact than matches.${first}, so the Gateway API would take it first where a request fits both; put it before that, or leave out api: gateway`,
    },
  ];
}

/** @see https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule "Precedence" */
function comesBefore(a: MatchSettings, b: MatchSettings): boolean {
  const [ranksA, ranksB] = [ranksOf(a), ranksOf(b)];
  const at = ranksA.findIndex((rank, index) => rank !== ranksB[index]);
  return at >= 0 && (ranksA[at] ?? 0) > (ranksB[at] ?? 0);
}

function ranksOf({ headers, methods, path }: MatchSettings): number[] {
  return [path?.exact?.length ?? 0, methods === undefined ? 0 : 1, Object.keys(headers).length];
}

/** Whether some request may fit both; true where nobody can tell. */
export function mayMeet(a: MatchSettings, b: MatchSettings): boolean {
  const apart = (x: TextMatch | undefined, y: TextMatch | undefined) =>
    x?.exact !== undefined && y?.exact !== undefined && x.exact !== y.exact;
  if (apart(a.path, b.path)) return false;
  if (a.methods !== undefined && b.methods !== undefined && !a.methods.some((one) => b.methods?.includes(one)))
    return false;
  return !Object.entries(a.headers).some(([name, one]) => apart(one, b.headers[name]));
}
