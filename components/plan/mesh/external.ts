import { contentHash } from "../hash.ts";
import type { Connection } from "../connections/parties.ts";
import { retryPolicy, trafficPolicy } from "./istio-routes.ts";
import { type MeshObject, networking, present, seconds } from "./mesh-object.ts";
import type { Policy } from "./routes.ts";
import type { ExternalHost } from "./traffic-settings.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Suffix of names by which the mesh knows what has no DNS name. */
const suffix = "external.quorum.internal";
/** Those of the proxy's own image, as Istio calls them: what a host's certificate is checked by. */
const systemAuthorities = "system";

/** The name by which the mesh knows an external host. */
export function externalHostName(name: string, { host }: Pick<ExternalHost, "host">): string {
  return host ?? `${name}.${suffix}`;
}

/** What the mesh's proxies call: of what TLS is originated for, the plain port. */
export function calledPort({ port, tls }: Pick<ExternalHost, "port" | "tls">): number {
  return tls?.plainPort ?? port;
}

const names = { http: "HTTP", http2: "HTTP2", grpc: "GRPC", https: "HTTPS", tls: "TLS", tcp: "TCP" } as const;

/** Whether calls of it are requests that a proxy can read. */
export function isReadable({ protocol }: Pick<ExternalHost, "protocol">): boolean {
  return protocol === "http" || protocol === "http2" || protocol === "grpc";
}

/** What lets the proxies of the services' namespace call one host outside. Only those whose Sidecar names it can. */
export function externalObjects(name: string, external: ExternalHost): MeshObject[] {
  const exportTo = ["."];
  const host = externalHostName(name, external);
  return [
    { apiVersion: networking, kind: "ServiceEntry", name, spec: { ...entryOf(name, external), exportTo } },
    ...rulesOf(name, external).map((spec) => ({
      apiVersion: networking,
      kind: "DestinationRule",
      name,
      spec: { host, exportTo, trafficPolicy: spec },
    })),
    ...routesOf(name, external).map((http) => ({
      apiVersion: networking,
      kind: "VirtualService",
      name,
      spec: { hosts: [host], exportTo, http: [http] },
    })),
  ];
}

export function entryOf(name: string, external: ExternalHost): Fields {
  const { address, port, protocol, tls } = external;
  return {
    hosts: [externalHostName(name, external)],
    ...(address !== undefined && { addresses: [address] }),
    location: "MESH_EXTERNAL",
    ports: [
      {
        number: calledPort(external),
        name: `${protocol}-${name}`,
        protocol: names[protocol],
        ...(tls !== undefined && tls.plainPort !== port && { targetPort: port }),
      },
    ],
    ...(address === undefined ? { resolution: "DNS" } : { resolution: "STATIC", endpoints: [{ address }] }),
  };
}

/** At most one: how it is called. */
export function rulesOf(name: string, external: ExternalHost): Fields[] {
  const { connections, outliers, retries, tls } = external;
  const policy: Policy = { connections, outliers, locality: undefined, retryBudget: retries?.budget };
  const fields = {
    ...trafficPolicy(policy),
    ...(tls && {
      tls: { mode: "SIMPLE", sni: tls.sni ?? externalHostName(name, external), caCertificates: systemAuthorities },
    }),
  };
  return Object.keys(fields).length === 0 ? [] : [fields];
}

function routesOf(name: string, external: ExternalHost): Fields[] {
  const { timeoutMillis, retries } = external;
  if (timeoutMillis === undefined && retries === undefined) return [];
  return [
    present({
      name: "default",
      route: [{ destination: { host: externalHostName(name, external), port: { number: calledPort(external) } } }],
      timeout: timeoutMillis === undefined ? undefined : seconds(timeoutMillis),
      retries: retries && retryPolicy(retries),
    }),
  ];
}

/** What one range and port outside that a party names in `outbound` is called in the mesh. */
export interface OutboundEntry {
  readonly object: MeshObject;
  readonly host: string;
}

/** A party's `outbound`, which is no host with a name: its proxy lets it pass as it is. Of other protocols than TCP a proxy knows nothing. */
export function outboundEntry({ to, port, protocol }: Connection): OutboundEntry | undefined {
  if (to.kind !== "subnet" || protocol !== "TCP") return undefined;
  const name = `outbound-${contentHash({ subnet: to.subnet, port: String(port) }).slice(0, 10)}`;
  const host = `${name}.${suffix}`;
  return {
    host,
    object: {
      apiVersion: networking,
      kind: "ServiceEntry",
      name,
      spec: {
        hosts: [host],
        addresses: [to.subnet],
        location: "MESH_EXTERNAL",
        ports: [{ number: port, name: `tcp-${port}`, protocol: "TCP" }],
        resolution: "NONE",
        exportTo: ["."],
      },
    },
  };
}
