import { type Call, calleeOf } from "../connections/calls.ts";
import { within } from "../connections/cluster-network.ts";
import type { Problem } from "../problems.ts";
import { calledPort, externalHostName, isReadable } from "./external.ts";
import { retryProblems } from "./handling-checks.ts";
import { isMeshed, type MeshMode } from "./mesh-parts.ts";
import { type ExternalHost, isMember, type JwtSettings } from "./traffic-settings.ts";

/** What quorum:mesh is checked against, as far as it is about who talks to whom. */
export interface ExternalSurroundings {
  /** Names of services and jobs, those with problems of their own among them. */
  readonly services: readonly string[];
  /** Ranges of the cluster's own pods and Services; empty where they are not known. */
  readonly inside: readonly string[];
  readonly controller: "traefik" | "istio" | "existing";
  /** Services and jobs, each by its key. */
  readonly callers: readonly ExternalCaller[];
}

interface ExternalCaller {
  readonly key: string;
  readonly calls: readonly Call[];
  readonly mesh?: boolean | undefined;
}

interface CheckedMesh extends MeshMode {
  readonly external: Readonly<Record<string, ExternalHost>>;
  readonly jwt?: JwtSettings | undefined;
}

/** Everything that is wrong with what is said of hosts outside the mesh, and of tokens at its edge. */
export function externalProblems(mesh: CheckedMesh, surroundings: ExternalSurroundings): Problem[] {
  return [
    ...Object.entries(mesh.external).flatMap(([name, external]) => [
      ...offProblems(`quorum:mesh.external.${name}`, mesh),
      ...placeProblems(`quorum:mesh.external.${name}`, external, surroundings),
      ...tlsProblems(`quorum:mesh.external.${name}`, external),
      ...requestProblems(`quorum:mesh.external.${name}`, external),
      ...gatewayProblems(`quorum:mesh.external.${name}.gateway`, external, mesh),
      ...(surroundings.services.includes(name)
        ? [
            {
              key: `quorum:mesh.external.${name}`,
              text: "is a name that is not allowed; it must be another than that of a service, as calls name both",
            },
          ]
        : []),
    ]),
    ...clashProblems(mesh.external),
    ...surroundings.callers.flatMap((caller) => callerProblems(caller, mesh.external)),
    ...tokenProblems(mesh, surroundings),
  ];
}

function offProblems(key: string, mesh: MeshMode): Problem[] {
  if (isMeshed(mesh)) return [];
  return [
    {
      key,
      text: "is set, but quorum:mesh.mode is off, so nobody follows it; set that to install or existing, or use outbound of the services that call it",
    },
  ];
}

function placeProblems(
  key: string,
  { host, address, subnets }: ExternalHost,
  { inside }: ExternalSurroundings,
): Problem[] {
  const problems: Problem[] = [];
  if (host === undefined && address === undefined)
    problems.push({
      key: `${key}.host`,
      text: "is missing, but it must be said where the host is; set host to its DNS name or address to its IPv4 address",
    });
  if (host !== undefined && address !== undefined)
    problems.push({ key: `${key}.address`, text: `is "${address}", but host names it too; leave out one of them` });
  if (host?.endsWith(".svc.cluster.local") ?? false)
    problems.push({
      key: `${key}.host`,
      text: `is "${host ?? ""}", but that is in the cluster; name the service in calls instead`,
    });
  if (address !== undefined && subnets !== undefined)
    problems.push({ key: `${key}.subnets`, text: "is set, but address says where the host is; leave it out" });
  const own = address === undefined ? undefined : inside.find((one) => within(`${address}/32`, one));
  if (own !== undefined)
    problems.push({
      key: `${key}.address`,
      text: `is "${address ?? ""}", but that lies in the cluster's own ${own}; name the service in calls instead`,
    });
  return [...problems, ...insideProblems(`${key}.subnets`, subnets, inside)];
}

/** Ranges of what is outside that lie in the cluster. */
function insideProblems(key: string, subnets: readonly string[] | undefined, inside: readonly string[]): Problem[] {
  return (subnets ?? []).flatMap((subnet, index): Problem[] => {
    const range = inside.find((one) => within(subnet, one));
    if (range === undefined) return [];
    return [
      { key: `${key}.${index}`, text: `is "${subnet}", but that lies in the cluster's own ${range}; leave it out` },
    ];
  });
}

function tlsProblems(key: string, external: ExternalHost): Problem[] {
  const { host, tls, protocol, port } = external;
  if (tls === undefined) return [];
  const problems: Problem[] = [];
  if (!isReadable(external))
    problems.push({
      key: `${key}.tls`,
      text: `is set, but protocol is "${protocol}"; what callers speak to their proxy must be http, http2 or grpc, or leave out tls`,
    });
  if (host === undefined && tls.sni === undefined)
    problems.push({
      key: `${key}.tls.sni`,
      text: "is missing, but without host nobody says which name the certificate must have; set it, for example to api.example.com",
    });
  if (tls.plainPort === port)
    problems.push({
      key: `${key}.tls.plainPort`,
      text: `is ${tls.plainPort}, as port is, but callers must be told plain from TLS; set another, for example 80`,
    });
  return problems;
}

function requestProblems(key: string, external: ExternalHost): Problem[] {
  const problems = external.retries === undefined ? [] : retryProblems(key, external.timeoutMillis, external.retries);
  if (isReadable(external)) return problems;
  for (const field of ["timeoutMillis", "retries", "outliers"] as const) {
    if (external[field] === undefined) continue;
    problems.push({
      key: `${key}.${field}`,
      text: `is set, but proxies see no requests in "${external.protocol}"; leave it out, or set protocol to http, http2 or grpc`,
    });
  }
  return problems;
}

function gatewayProblems(key: string, { gateway }: ExternalHost, { mode }: MeshMode): Problem[] {
  if (!gateway || mode !== "existing") return [];
  return [
    {
      key,
      text: "is true, but quorum:mesh.mode is existing, which makes no gateway; leave it out: callers reach the host by their own proxies",
    },
  ];
}

/** Callers whose calls the egress gateway would refuse. */
function callerProblems(
  { key, calls, mesh }: ExternalCaller,
  hosts: Readonly<Record<string, ExternalHost>>,
): Problem[] {
  return calls.flatMap((call, index): Problem[] => {
    const name = calleeOf(call);
    const external = hosts[name];
    if (external === undefined) return [];
    if (!external.gateway || isMember({ mesh })) return [];
    return [
      {
        key: `${key}.calls.${index}`,
        text: `is "${name}", which is reached through the egress gateway by mutual TLS, but ${key} is outside the mesh, as mesh is false; leave out mesh, or quorum:mesh.external.${name}.gateway`,
      },
    ];
  });
}

/** A proxy tells hosts apart by name and port, and by address and port. */
function clashProblems(hosts: Readonly<Record<string, ExternalHost>>): Problem[] {
  const taken = new Map<string, string>();
  return Object.entries(hosts).flatMap(([name, external]) => {
    const place = `${external.address ?? externalHostName(name, external)}:${calledPort(external)}`;
    const same =
      external.host === undefined
        ? undefined
        : [...Object.entries(hosts)].find(([other, one]) => other < name && one.host === external.host)?.[0];
    const owner = taken.get(place) ?? same;
    taken.set(place, owner ?? name);
    if (owner === undefined) return [];
    return [
      {
        key: `quorum:mesh.external.${name}.${external.host === undefined ? "address" : "host"}`,
        text: `is "${external.host ?? external.address ?? ""}", but quorum:mesh.external.${owner} is the same host; call it by one name`,
      },
    ];
  });
}

function tokenProblems({ jwt, mode }: CheckedMesh, { services, controller, inside }: ExternalSurroundings): Problem[] {
  if (jwt === undefined) return [];
  const key = "quorum:mesh.jwt";
  const problems: Problem[] = [];
  if (mode === "off" || controller !== "istio")
    problems.push({
      key,
      text: "is set, but requests from outside do not come through a gateway of the mesh; set quorum:ingress.controller to istio, or leave it out",
    });
  if ((jwt.jwksUri === undefined) === (jwt.jwks === undefined))
    problems.push({
      key: `${key}.jwksUri`,
      text: `${jwt.jwks === undefined ? "is missing" : "is set, and so is jwks"}, but the issuer's keys come from one place; set one of jwksUri and jwks`,
    });
  if (jwt.jwks !== undefined && !isKeySet(jwt.jwks))
    problems.push({
      key: `${key}.jwks`,
      text: 'is no JSON Web Key Set; it must be a JSON document with "keys"; take it from the issuer',
    });
  if (jwt.subnets !== undefined && jwt.jwksUri === undefined)
    problems.push({
      key: `${key}.subnets`,
      text: "is set, but without jwksUri nobody fetches keys; leave it out",
    });
  return [
    ...problems,
    ...insideProblems(`${key}.subnets`, jwt.subnets, inside),
    ...jwt.except.flatMap((name, index): Problem[] =>
      services.includes(name)
        ? []
        : [
            {
              key: `${key}.except.${index}`,
              text: `is "${name}", but it must be one of quorum:services; leave it out`,
            },
          ],
    ),
  ];
}

function isKeySet(text: string): boolean {
  try {
    return Array.isArray((JSON.parse(text) as { readonly keys?: unknown }).keys);
  } catch {
    return false;
  }
}
