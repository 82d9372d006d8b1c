import { slugOf } from "../workload/versions.ts";
import { serviceHost } from "./names.ts";
import { type Share, sharesOf, whole } from "./shares.ts";
import {
  type ConnectionLimits,
  type FaultSettings,
  type Handling,
  isMember,
  type Locality,
  type MatchSettings,
  type OutlierSettings,
  type RetrySettings,
  type RouteSettings,
  servicePortOf,
  type TextMatch,
  type TrafficService,
} from "./traffic-settings.ts";

/** Pods of one version, as a route names them. */
export interface Subset {
  readonly version: string;
  /** Of the subset: a DNS label, which a version need not be. */
  readonly name: string;
}

/** Requests that a rule is for; nothing said: all. */
export interface Match {
  readonly headers: Readonly<Record<string, TextMatch>>;
  readonly path: TextMatch | undefined;
  readonly methods: readonly string[] | undefined;
}

/** Requests of one kind: where they go, and how. */
export interface Rule {
  /** Unique in its table. */
  readonly name: string;
  /** Undefined: all that no rule before it takes. */
  readonly match: Match | undefined;
  /** 100 percent together, of versions that the table has; empty: all pods of the service alike. */
  readonly shares: readonly Share[];
  readonly mirror: { readonly to: string; readonly percent: number } | undefined;
  readonly timeoutMillis: number | undefined;
  readonly retries: RetrySettings | undefined;
  readonly fault: FaultSettings | undefined;
}

/** How a caller's proxy treats a service's pods, whatever the request. */
export interface Policy {
  readonly connections: ConnectionLimits | undefined;
  readonly outliers: OutlierSettings | undefined;
  readonly locality: Locality | undefined;
  readonly retryBudget: RetrySettings["budget"];
}

/** All that decides where a service's requests go: rules in their order, of which the first that matches counts. */
export interface RouteTable {
  readonly service: string;
  readonly host: string;
  /** Of the Service. */
  readonly port: number;
  readonly api: "istio" | "gateway";
  readonly subsets: readonly Subset[];
  /** The last one takes every request. */
  readonly rules: readonly Rule[];
  readonly policy: Policy | undefined;
  /** What the route tells of itself to who reads it: how its next step is judged. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Annotation of a route with a canary: its settings, as they counted when the route was written. */
const canaryAnnotation = "quorum.dev/canary";

const plain: RouteSettings = { api: "istio", matches: [] };

/**
 * The route tables of a stack's services: of those in the mesh that have versions, or say how their requests are to be handled. The
 * configuration is taken as checked.
 *
 * @param namespace that the services are in
 */
export function planRoutes(services: Readonly<Record<string, TrafficService>>, namespace: string): RouteTable[] {
  return Object.entries(services).flatMap(([name, service]) => {
    if (!isMember(service) || (service.versions === undefined && service.route === undefined)) return [];
    return [tableOf(name, service, namespace)];
  });
}

function tableOf(name: string, service: TrafficService, namespace: string): RouteTable {
  const { versions = {}, canary, route = plain } = service;
  const shares = sharesOf(versions, canary);
  return {
    service: name,
    host: serviceHost({ service: name, namespace }),
    port: servicePortOf(service),
    api: route.api,
    subsets: Object.keys(versions).map((version) => ({ version, name: slugOf(version) })),
    rules: [
      ...route.matches.map((match, index) => matchingRule(match, index, route, shares)),
      { name: "default", match: undefined, shares: given(shares), mirror: route.mirror, ...handlingOf(route) },
    ],
    policy: policyOf(route),
    ...(canary !== undefined && { annotations: { [canaryAnnotation]: JSON.stringify(canary) } }),
  };
}

/** What a rule does not say of itself is as for all requests; a fault is not, or a rule could not be without one. */
function matchingRule(one: MatchSettings, index: number, route: RouteSettings, shares: readonly Share[]): Rule {
  const own =
    one.to !== undefined
      ? [{ version: one.to, percent: whole }]
      : one.weights === undefined
        ? shares
        : Object.entries(one.weights).map(([version, percent]) => ({ version, percent }));
  const { timeoutMillis, retries } = handlingOf({ ...handlingOf(route), ...withoutUndefined(one) });
  return {
    name: `match-${index}`,
    match: { headers: one.headers, path: one.path, methods: one.methods },
    shares: given(own),
    mirror: route.mirror,
    timeoutMillis,
    retries,
    fault: one.fault,
  };
}

/** A version without requests stands in no route. */
function given(shares: readonly Share[]): Share[] {
  return shares.filter(({ percent }) => percent > 0);
}

function handlingOf({ timeoutMillis, retries, fault }: Handling): Pick<Rule, "timeoutMillis" | "retries" | "fault"> {
  return { timeoutMillis, retries, fault };
}

function withoutUndefined({ timeoutMillis, retries }: Handling): Handling {
  return { ...(timeoutMillis !== undefined && { timeoutMillis }), ...(retries !== undefined && { retries }) };
}

function policyOf({ connections, outliers, locality, retries }: RouteSettings): Policy | undefined {
  const policy = { connections, outliers, locality, retryBudget: retries?.budget };
  return Object.values(policy).every((value) => value === undefined) ? undefined : policy;
}

/** Whether a table's rules say more than a service without any does. */
export function hasRules({ rules, subsets }: RouteTable): boolean {
  const [first] = rules;
  if (rules.length > 1 || subsets.length > 0 || first === undefined) return true;
  return [first.mirror, first.timeoutMillis, first.retries, first.fault].some((value) => value !== undefined);
}
