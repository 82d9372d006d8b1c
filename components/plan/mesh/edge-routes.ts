import { httpRule, matchesOf } from "./istio-routes.ts";
import { type MeshObject, networking, present } from "./mesh-object.ts";
import { planRoutes, type RouteTable, type Rule } from "./routes.ts";
import type { EdgeAddress, TextMatch, TrafficService } from "./traffic-settings.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Where requests from outside come in. */
export interface EdgeGateway {
  /** `namespace/name` of the Gateway object. */
  readonly gateway: string;
  /** Namespace of the gateway's pods. */
  readonly namespace: string;
}

interface EdgeService {
  readonly table: RouteTable;
  readonly address: EdgeAddress;
}

/**
 * The routes of requests from outside: for each hostname one VirtualService with the rules of all services that it leads to, those
 * with the longest paths first, so that versions and weights are the same at the edge as inside.
 *
 * @param namespace that the services are in
 */
export function edgeRoutes(
  services: Readonly<Record<string, TrafficService>>,
  namespace: string,
  { gateway, namespace: gatewayNamespace }: EdgeGateway,
): MeshObject[] {
  const reached = Object.entries(services).flatMap(([name, service]): EdgeService[] => {
    if (service.ingress === undefined) return [];
    const [table] = planRoutes(
      { [name]: { ...service, route: service.route ?? { api: "istio", matches: [] } } },
      namespace,
    );
    return table === undefined ? [] : [{ table, address: service.ingress }];
  });
  return [...Map.groupBy(reached, ({ address }) => address.hostname)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([hostname, together]) => ({
      apiVersion: networking,
      kind: "VirtualService",
      name: edgeName(hostname),
      spec: {
        hosts: [hostname],
        gateways: [gateway],
        exportTo: [gatewayNamespace],
        http: together
          .toSorted((a, b) => b.address.path.length - a.address.path.length)
          .flatMap(({ table, address }) => table.rules.flatMap((rule) => edgeRules(table, rule, address))),
      },
    }));
}

/** A dot keeps it apart from the services' own. */
export function edgeName(hostname: string): string {
  return `edge.${hostname}`;
}

/** A rule as it is at the edge: under the service's path there, for each form in which that is asked for. */
function edgeRules(table: RouteTable, rule: Rule, address: EdgeAddress): Fields[] {
  return placesOf(address).flatMap(({ asked, rewritten }) => {
    const uris = urisOf(rule.match?.path, asked, rewritten);
    return uris.map(({ uri, suffix }) => {
      const base = matchesOf(rule);
      const match = (base.length === 0 ? [{}] : base).map((one) => ({ ...one, uri }));
      return present({
        ...httpRule(table, { ...rule, name: `${table.service}-${rule.name}${suffix}` }, match),
        rewrite: rewritten === undefined ? undefined : { uri: rewritten },
      });
    });
  });
}

interface Place {
  readonly asked: { readonly exact: string } | { readonly prefix: string };
  /** What stands for what was asked; undefined: nothing else. */
  readonly rewritten: string | undefined;
}

/** `/shop` stands for itself and all below it, but not for `/shopping`. */
function placesOf({ path, rewritePath }: EdgeAddress): Place[] {
  const base = path.replace(/\/$/, "");
  const target = rewritePath?.replace(/\/$/, "");
  const below: Place = { asked: { prefix: `${base}/` }, rewritten: target === undefined ? undefined : `${target}/` };
  if (base === "") return [below];
  return [
    { asked: { exact: base }, rewritten: target === undefined ? undefined : target === "" ? "/" : target },
    below,
  ];
}

interface Uri {
  readonly uri: Fields;
  readonly suffix: string;
}

/** The paths at the edge that are those of a match inside; none: no such request comes from there. */
function urisOf(inside: TextMatch | undefined, asked: Place["asked"], rewritten: string | undefined): Uri[] {
  const suffix = "exact" in asked ? "-itself" : "";
  if (inside === undefined) return [{ uri: asked, suffix }];
  if (inside.regex !== undefined)
    return "prefix" in asked && asked.prefix === "/" ? [{ uri: { regex: inside.regex }, suffix }] : [];
  const wanted = inside.exact ?? inside.prefix ?? "";
  const form = inside.exact === undefined ? "prefix" : "exact";
  if ("exact" in asked) {
    const seen = rewritten ?? asked.exact;
    const fits = form === "exact" ? seen === wanted : seen.startsWith(wanted);
    return fits ? [{ uri: asked, suffix }] : [];
  }
  const seen = rewritten ?? asked.prefix;
  if (wanted.startsWith(seen)) return [{ uri: { [form]: asked.prefix + wanted.slice(seen.length) }, suffix }];
  return form === "prefix" && seen.startsWith(wanted) ? [{ uri: asked, suffix }] : [];
}
