import { versionedName } from "../workload/versions.ts";
import { type MeshObject, networking, present, seconds } from "./mesh-object.ts";
import { hasRules, type Policy, type RouteTable, type Rule } from "./routes.ts";
import type { ConnectionLimits, Locality, OutlierSettings, RetrySettings, TextMatch } from "./traffic-settings.ts";

type Fields = Readonly<Record<string, unknown>>;

/** The objects of a route table, in the order in which they must be there. */
export interface IstioRoutes {
  /** What the route names: must be there before it, and longer than it. */
  readonly destinations: readonly MeshObject[];
  readonly route: MeshObject | undefined;
}

/** Causes that Istio takes when none are given. @see https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry */
const usualCauses = "connect-failure,refused-stream,unavailable,cancelled,503";

/**
 * A table as Istio's own objects. Each version has a DestinationRule of its own, which Istio takes together by their host: so that a
 * version's can come before the route that names it and go after it, whatever else changes in the same run.
 *
 * @param visibleIn namespaces whose proxies may see them; `.` is that of the services
 * @see https://istio.io/latest/docs/ops/best-practices/traffic-management/#split-virtual-services
 */
export function istioRoutes(table: RouteTable, visibleIn: readonly string[] = ["."]): IstioRoutes {
  const { annotations, service, host, subsets, policy } = table;
  const exportTo = [...visibleIn];
  const rule = (name: string, spec: Fields): MeshObject => ({
    apiVersion: networking,
    kind: "DestinationRule",
    name,
    app: service,
    spec: { host, exportTo, ...spec },
  });
  return {
    destinations: [
      ...(policy === undefined ? [] : [rule(service, { trafficPolicy: trafficPolicy(policy) })]),
      ...subsets.map(({ name, version }) =>
        rule(versionedName(service, version), { subsets: [{ name, labels: { version } }] }),
      ),
    ],
    route: hasRules(table)
      ? {
          apiVersion: networking,
          kind: "VirtualService",
          name: service,
          app: service,
          ...(annotations && { annotations }),
          spec: { hosts: [host], exportTo, http: table.rules.map((one) => httpRule(table, one)) },
        }
      : undefined,
  };
}

/** One rule in the form of a VirtualService. */
export function httpRule(table: RouteTable, rule: Rule, match: readonly Fields[] = matchesOf(rule)): Fields {
  const { mirror, timeoutMillis, retries, fault } = rule;
  return present({
    name: rule.name,
    match: match.length === 0 ? undefined : match,
    fault:
      fault &&
      present({
        delay: fault.delay && { percentage: { value: fault.delay.percent }, fixedDelay: seconds(fault.delay.millis) },
        abort: fault.abort && { percentage: { value: fault.abort.percent }, httpStatus: fault.abort.status },
      }),
    route: routeOf(table, rule),
    mirrors: mirror && [{ destination: destination(table, mirror.to), percentage: { value: mirror.percent } }],
    timeout: timeoutMillis === undefined ? undefined : seconds(timeoutMillis),
    retries: retries && retryPolicy(retries),
  });
}

function routeOf(table: RouteTable, { shares }: Rule): Fields[] {
  if (shares.length === 0) return [{ destination: destination(table) }];
  return shares.map(({ version, percent }) => ({ destination: destination(table, version), weight: percent }));
}

function destination({ host, port, subsets }: RouteTable, version?: string): Fields {
  const subset = subsets.find((one) => one.version === version)?.name;
  return { host, ...(subset !== undefined && { subset }), port: { number: port } };
}

/** The conditions of a rule: with several methods one alternative for each. */
export function matchesOf({ match }: Pick<Rule, "match">): Fields[] {
  if (match === undefined) return [];
  const { headers, path, methods = [undefined] } = match;
  return methods.map((method) =>
    present({
      uri: path && textMatch(path),
      method: method === undefined ? undefined : { exact: method },
      headers:
        Object.keys(headers).length === 0
          ? undefined
          : Object.fromEntries(Object.entries(headers).map(([name, one]) => [name, textMatch(one)])),
    }),
  );
}

export function textMatch({ exact, prefix, regex }: TextMatch): Fields {
  return present({ exact, prefix, regex });
}

export function retryPolicy({ attempts, perTryMillis, on }: RetrySettings): Fields {
  if (attempts === 0) return { attempts };
  return present({
    attempts,
    perTryTimeout: perTryMillis === undefined ? undefined : seconds(perTryMillis),
    retryOn: on?.join(",") ?? usualCauses,
  });
}

/** How a caller's proxy treats a host. */
export function trafficPolicy({ connections, outliers, locality, retryBudget }: Policy): Fields {
  return present({
    connectionPool: connections && connectionPool(connections),
    outlierDetection: outliers && outlierDetection(outliers),
    loadBalancer: locality && { localityLbSetting: localitySetting(locality) },
    retryBudget: retryBudget && { percent: retryBudget.percent, minRetryConcurrency: retryBudget.min },
  });
}

function connectionPool(limits: ConnectionLimits): Fields {
  const { max, pending, requests, requestsEach, retries, connectMillis, idleSeconds } = limits;
  const tcp = present({
    maxConnections: max,
    connectTimeout: connectMillis === undefined ? undefined : seconds(connectMillis),
  });
  const http = present({
    http1MaxPendingRequests: pending,
    http2MaxRequests: requests,
    maxRequestsPerConnection: requestsEach,
    maxRetries: retries,
    idleTimeout: idleSeconds === undefined ? undefined : `${idleSeconds}s`,
  });
  return {
    ...(Object.keys(tcp).length > 0 && { tcp }),
    ...(Object.keys(http).length > 0 && { http }),
  };
}

function outlierDetection(settings: OutlierSettings): Fields {
  return {
    consecutive5xxErrors: settings.consecutive5xx,
    interval: `${settings.intervalSeconds}s`,
    baseEjectionTime: `${settings.ejectionSeconds}s`,
    maxEjectionPercent: settings.maxEjectionPercent,
    minHealthPercent: settings.minHealthPercent,
  };
}

/** Labels that a caller's pod and the pods called are compared by, the widest first. */
const places = {
  zone: ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"],
  region: ["topology.kubernetes.io/region"],
} as const;

function localitySetting(locality: Locality): Fields {
  if (typeof locality === "object") {
    return { enabled: true, distribute: Object.entries(locality).map(([from, to]) => ({ from, to })) };
  }
  return locality === "none" ? { enabled: false } : { enabled: true, failoverPriority: places[locality] };
}
