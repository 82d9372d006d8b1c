import type { ConnectionPlan } from "../connections/connections.ts";
import { isParty, type Place, sameParty } from "../connections/parties.ts";
import { type AuthorizationNeeds, principalOf } from "./authorization.ts";
import { calledPort, entryOf, externalHostName, isReadable, rulesOf } from "./external.ts";
import { retryPolicy } from "./istio-routes.ts";
import { hasProxy } from "./members.ts";
import { type MeshObject, networking, present, seconds, security } from "./mesh-object.ts";
import { egressGateway, egressPortOf, gatewaySelector } from "./mesh-parts.ts";
import { serviceHost } from "./names.ts";
import type { ExternalHost } from "./traffic-settings.ts";

type Fields = Readonly<Record<string, unknown>>;
type Names = Readonly<Record<Place, string>>;

/** Causes for which a caller's proxy asks the gateway again: those by which the request never came there. All others are the second hop's. */
const neverArrived = { attempts: 2, retryOn: "connect-failure,refused-stream" } as const;

/** One host outside that is reached through the egress gateway. */
interface Hops {
  readonly name: string;
  readonly external: ExternalHost;
  /** Name by which the mesh knows the host, and by which the gateway tells callers' connections apart. */
  readonly host: string;
  /** Gateway object, as a route names it. */
  readonly gateway: string;
  /** Port of the gateway. */
  readonly port: number;
  /** Where the first hop leads, and the second. */
  readonly first: Fields;
  readonly second: Fields;
}

function hopsOf(name: string, external: ExternalHost, namespaces: Names): Hops {
  const host = externalHostName(name, external);
  const port = egressPortOf(external.protocol);
  const service = serviceHost({ service: egressGateway.app, namespace: namespaces[egressGateway.place] });
  return {
    name,
    external,
    host,
    gateway: `${namespaces[egressGateway.place]}/${gatewayName(name)}`,
    port,
    first: { destination: { host: service, subset: name, port: { number: port } } },
    second: { destination: { host, port: { number: calledPort(external) } } },
  };
}

const gatewayName = (name: string) => `egress-${name}`;

/**
 * What leads callers to a host outside by two hops: by mutual TLS to the egress gateway, and from there to the host. They are for the
 * services' namespace; the route comes last, as it names the rest.
 *
 * What is done with calls holds at the second hop, which is the one that reaches the host; only the timeout is the whole call's.
 *
 * @see https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/
 */
export function egressObjects(name: string, external: ExternalHost, namespaces: Names): MeshObject[] {
  const hops = hopsOf(name, external, namespaces);
  const { host } = hops;
  const exportTo = [".", namespaces[egressGateway.place]];
  const made = { apiVersion: networking, name };
  return [
    { ...made, kind: "ServiceEntry", spec: { ...entryOf(name, opaque(external)), exportTo } },
    ...rulesOf(name, external).map((trafficPolicy) => ({
      ...made,
      kind: "DestinationRule",
      spec: { host, exportTo, trafficPolicy },
    })),
    {
      ...made,
      kind: "DestinationRule",
      // A dot keeps it apart from those of the hosts themselves.
      name: `egress.${name}`,
      spec: {
        host: serviceHost({ service: egressGateway.app, namespace: namespaces[egressGateway.place] }),
        exportTo: ["."],
        subsets: [{ name, trafficPolicy: { tls: { mode: "ISTIO_MUTUAL", sni: host } } }],
      },
    },
    {
      ...made,
      kind: "VirtualService",
      spec: { hosts: [host], gateways: ["mesh", hops.gateway], exportTo, ...routesOf(hops) },
    },
  ];
}

/** TLS of a caller's own, to an address, has no name that a route could tell it by: its address says enough. */
function opaque(external: ExternalHost): ExternalHost {
  return byAddress(external) && !isReadable(external) ? { ...external, protocol: "tcp" } : external;
}

const byAddress = ({ address }: ExternalHost) => address !== undefined;

function routesOf(hops: Hops): Fields {
  const { external, gateway, host, port, first, second } = hops;
  if (isReadable(external)) return { http: requestRoutes(hops) };
  const inside = { gateways: ["mesh"], port: calledPort(external) };
  const atGateway = { match: [{ gateways: [gateway], port }], route: [second] };
  if (external.protocol !== "tcp" && !byAddress(external))
    return { tls: [{ match: [{ ...inside, sniHosts: [host] }], route: [first] }], tcp: [atGateway] };
  const subnets = external.address === undefined ? {} : { destinationSubnets: [`${external.address}/32`] };
  return { tcp: [{ match: [{ ...inside, ...subnets }], route: [first] }, atGateway] };
}

/**
 * The gateway tells requests apart by the host that they name, and no host can be named by an address: between the hops such a request
 * names the host by its name in the mesh.
 */
function requestRoutes({ external, gateway, host, port, first, second }: Hops): Fields[] {
  const { address, retries, timeoutMillis } = external;
  const number = calledPort(external);
  const authority = address === undefined ? undefined : number === 80 ? address : `${address}:${number}`;
  return [
    present({
      name: "to-gateway",
      match: [{ gateways: ["mesh"], port: number }],
      route: [first],
      rewrite: authority === undefined ? undefined : { authority: host },
      timeout: timeoutMillis === undefined ? undefined : seconds(timeoutMillis),
      retries: neverArrived,
    }),
    present({
      name: "to-host",
      match: [{ gateways: [gateway], port }],
      route: [second],
      rewrite: authority === undefined ? undefined : { authority },
      retries: retries && retryPolicy(retries),
    }),
  ];
}

/** What decides who leaves the mesh through its gateway. */
export interface EgressNeeds extends AuthorizationNeeds {
  readonly mesh: AuthorizationNeeds["mesh"] & { readonly external: Readonly<Record<string, ExternalHost>> };
}

/**
 * What the egress gateway listens for, and whom it lets to which host: exactly those that declare it. A caller is known by its
 * certificate, a host by the name that the caller's proxy asks for as the connection begins, which is also what chooses the
 * listener's routes: who is let to one host cannot ask for another by the same connection.
 *
 * They are for the gateway's own namespace.
 */
export function egressGateObjects(plan: ConnectionPlan, needs: EgressNeeds): MeshObject[] {
  const { mesh, namespaces } = needs;
  const led = Object.entries(mesh.external).filter(([, { gateway }]) => gateway);
  if (led.length === 0) return [];
  const hops = led.map(([name, external]) => hopsOf(name, external, namespaces));
  return [
    {
      apiVersion: security,
      kind: "AuthorizationPolicy",
      name: egressGateway.app,
      spec: {
        selector: { matchLabels: gatewaySelector(egressGateway) },
        action: "ALLOW",
        rules: hops.flatMap((one) => ruleOf(one, plan, needs)),
      },
    },
    ...hops.map(({ name, external, host, port }) => ({
      apiVersion: networking,
      kind: "Gateway",
      name: gatewayName(name),
      spec: {
        selector: gatewaySelector(egressGateway),
        servers: [
          {
            port: { number: port, name: gatewayName(name), protocol: isReadable(external) ? "HTTPS" : "TLS" },
            hosts: [`${namespaces.apps}/${host}`],
            tls: { mode: "ISTIO_MUTUAL" },
          },
        ],
      },
    })),
  ];
}

function ruleOf({ name, host, port }: Hops, plan: ConnectionPlan, needs: EgressNeeds): Fields[] {
  const principals = plan.connections.flatMap(({ from, to, external }) =>
    external === name && sameParty(to, egressGateway) && isParty(from) && hasProxy(from, needs)
      ? [principalOf(from, needs)]
      : [],
  );
  if (principals.length === 0) return [];
  return [
    {
      from: [{ source: { principals: [...new Set(principals)].sort() } }],
      to: [{ operation: { ports: [String(port)] } }],
      when: [{ key: "connection.sni", values: [host] }],
    },
  ];
}
