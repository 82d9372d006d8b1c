import { localityProblems } from "./locality-checks.ts";
import { type Call, calleeOf, isLimited } from "../connections/calls.ts";
import { list, type Problem } from "../problems.ts";
import { gatewayProblems } from "./gateway-routes.ts";
import { isMeshed, type MeshMode } from "./mesh-parts.ts";
import { handlingProblems, textMatchProblems } from "./handling-checks.ts";
import { givenWeights, whole } from "./shares.ts";
import { isMember, type MatchSettings, type RouteSettings, type TrafficService } from "./traffic-settings.ts";
import { canaryProblems, unknownVersion, versionNameProblems, versionProblems } from "./version-checks.ts";

interface CheckedVersion {
  readonly weight?: number | undefined;
  readonly env?: Readonly<Record<string, unknown>>;
  readonly replicas?: number | undefined;
  readonly autoscale?: unknown;
}

/** What of a service its traffic's checks need. */
export interface CheckedTraffic extends TrafficService {
  readonly versions?: Readonly<Record<string, CheckedVersion>> | undefined;
  readonly kind: "Deployment" | "StatefulSet" | "DaemonSet";
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, unknown>>;
}

/** What the traffic of services is checked against. */
export interface TrafficSurroundings {
  readonly mesh: MeshMode;
  /** Whether the hosts are processes of this machine, where faults may be made. */
  readonly local: boolean;
  /** Whether the stack has a Prometheus that a canary can be judged by. */
  readonly prometheus: boolean;
  readonly jobs: Readonly<Record<string, { readonly calls: readonly Call[]; readonly mesh?: boolean | undefined }>>;
}

/** Everything in what services say of their traffic that contradicts itself or the rest. Shapes are taken as checked. */
export function trafficProblems(
  services: Readonly<Record<string, CheckedTraffic>>,
  surroundings: TrafficSurroundings,
): Problem[] {
  return [
    ...Object.entries(services).flatMap(([name, service]) => {
      const key = `quorum:services.${name}`;
      return [
        ...absentMeshProblems(key, service, surroundings.mesh),
        ...versionProblems(key, service),
        ...canaryProblems(key, service, surroundings),
        ...routeProblems(key, service, surroundings),
        ...callProblems(key, service, services, surroundings.mesh),
      ];
    }),
    ...Object.entries(surroundings.jobs).flatMap(([name, job]) =>
      callProblems(`quorum:jobs.${name}`, job, services, surroundings.mesh),
    ),
    ...versionNameProblems(services),
  ];
}

/** Nobody would share requests out, or do anything else with them. */
function absentMeshProblems(key: string, service: CheckedTraffic, mesh: MeshMode): Problem[] {
  const fields = (["versions", "canary", "route"] as const).filter((field) => service[field] !== undefined);
  if (!isMeshed(mesh)) {
    return fields.map((field) => ({
      key: `${key}.${field}`,
      text: "is set, but without a mesh nobody follows it, as quorum:mesh.mode is off; set that to install or existing, or leave this out",
    }));
  }
  const problems: Problem[] = isMember(service)
    ? []
    : fields.map((field) => ({
        key: `${key}.${field}`,
        text: `is set, but the service is outside the mesh, as ${key}.mesh is false; leave out one of them`,
      }));
  const { protocol = "http" } = service;
  if (protocol === "tcp" && fields.length > 0) {
    problems.push({
      key: `${key}.protocol`,
      text: `is "tcp", but ${list(fields)} ${fields.length === 1 ? "is" : "are"} about requests, which proxies see in http, http2 and grpc; set it to one of them or leave out the others`,
    });
  }
  return problems;
}

function routeProblems(key: string, service: CheckedTraffic, { local }: TrafficSurroundings): Problem[] {
  const { route, versions = {} } = service;
  if (route === undefined) return [];
  const at = `${key}.route`;
  const names = Object.keys(versions);
  return [
    ...mirrorProblems(at, route, service),
    ...handlingProblems(at, route, { local }),
    ...route.matches.flatMap((match, index) =>
      matchProblems(`${at}.matches.${index}`, match, { names, before: route.matches.slice(0, index), local, route }),
    ),
    ...localityProblems(at, route),
    ...gatewayProblems(at, route),
  ];
}

function mirrorProblems(at: string, { mirror }: RouteSettings, { versions = {}, canary }: CheckedTraffic): Problem[] {
  if (mirror === undefined) return [];
  const names = Object.keys(versions);
  if (!names.includes(mirror.to)) return [unknownVersion(`${at}.mirror.to`, mirror.to, names)];
  const alone =
    canary === undefined &&
    givenWeights(versions).every(({ version, percent }) => percent === 0 || version === mirror.to);
  if (!alone) return [];
  return [
    {
      key: `${at}.mirror.to`,
      text: `is "${mirror.to}", but all requests go there already; name another version or leave out mirror`,
    },
  ];
}

interface MatchSurroundings {
  readonly names: readonly string[];
  readonly before: readonly MatchSettings[];
  readonly local: boolean;
  readonly route: RouteSettings;
}

function matchProblems(
  at: string,
  match: MatchSettings,
  { names, before, local, route }: MatchSurroundings,
): Problem[] {
  const { headers, path, methods, to, weights } = match;
  const problems: Problem[] = [];
  if (Object.keys(headers).length === 0 && path === undefined && methods === undefined) {
    problems.push({
      key: at,
      text: "names neither headers nor path nor methods, so no match after it and no weights would count; say which requests it is for",
    });
  }
  if (to !== undefined && weights !== undefined)
    problems.push({ key: `${at}.to`, text: `is "${to}", but weights say where requests go; leave out one of them` });
  if (to !== undefined && !names.includes(to)) problems.push(unknownVersion(`${at}.to`, to, names));
  for (const version of Object.keys(weights ?? {}))
    if (!names.includes(version)) problems.push(unknownVersion(`${at}.weights.${version}`, version, names));
  const total = Object.values(weights ?? {}).reduce((sum, weight) => sum + weight, 0);
  if (weights !== undefined && total !== whole)
    problems.push({
      key: `${at}.weights`,
      text: `are ${total} together, but they must be ${whole}; change one of them`,
    });
  const same = before.findIndex((other) => conditions(other) === conditions(match));
  if (same >= 0)
    problems.push({
      key: at,
      text: `is for the same requests as matches.${same}, which comes first, so it would never count; leave it out`,
    });
  const { timeoutMillis = route.timeoutMillis, retries = route.retries } = match;
  return [
    ...problems,
    ...Object.entries(headers).flatMap(([name, one]) => textMatchProblems(`${at}.headers.${name}`, one)),
    ...(path === undefined ? [] : textMatchProblems(`${at}.path`, path)),
    ...(match.timeoutMillis === undefined && match.retries === undefined && match.fault === undefined
      ? []
      : handlingProblems(at, { timeoutMillis, retries, fault: match.fault }, { local })),
  ];
}

function conditions({ headers, path, methods }: MatchSettings): string {
  const sorted = Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([sorted, path ?? null, methods === undefined ? null : [...methods].sort()]);
}

interface Caller {
  readonly calls: readonly Call[];
  readonly mesh?: boolean | undefined;
}

function callProblems(
  key: string,
  caller: Caller,
  services: Readonly<Record<string, CheckedTraffic>>,
  mesh: MeshMode,
): Problem[] {
  return caller.calls.flatMap((call, index): Problem[] => {
    const name = calleeOf(call);
    const callee = services[name];
    const at = `${key}.calls.${index}`;
    if (callee === undefined) return [];
    if (isLimited(call) && (!isMeshed(mesh) || !isMember(callee))) {
      const why = isMeshed(mesh) ? `${name} is outside the mesh` : "quorum:mesh.mode is off";
      return [
        {
          key: at,
          text: `says what may be asked of ${name}, but ${why}, and the network alone does not see requests; write only its name`,
        },
      ];
    }
    if (isLimited(call) && callee.protocol === "tcp")
      return [
        {
          key: at,
          text: `says what may be asked of ${name}, but its protocol is tcp, without requests; write only its name`,
        },
      ];
    if (isMeshed(mesh) && isMember(callee) && !isMember(caller)) {
      return [
        {
          key: at,
          text: `is "${name}", which is in the mesh and refuses plain text, but ${key} is outside of it, as mesh is false; leave out mesh, or set quorum:services.${name}.mesh to false too`,
        },
      ];
    }
    return [];
  });
}
