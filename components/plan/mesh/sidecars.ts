import { connectionIndex, type ConnectionPlan } from "../connections/connections.ts";
import type { Connection, Party } from "../connections/parties.ts";
import { versionedName } from "../workload/versions.ts";
import { workloadNames } from "../workload/workload.ts";
import { externalHostName, outboundEntry } from "./external.ts";
import { hasProxy, type MembershipNeeds } from "./members.ts";
import { meshPorts } from "./mesh-parts.ts";
import { type MeshObject, networking } from "./mesh-object.ts";
import { serviceHost } from "./names.ts";
import type { ExternalHost, TrafficService } from "./traffic-settings.ts";
import type { Place } from "../connections/parties.ts";

/** What decides what each proxy knows of. */
export interface SidecarNeeds extends MembershipNeeds {
  readonly services: Readonly<Record<string, TrafficService & { readonly kind?: string; readonly headless?: boolean }>>;
  readonly mesh: MembershipNeeds["mesh"] & { readonly external: Readonly<Record<string, ExternalHost>> };
  readonly namespaces: Readonly<Record<Place, string>>;
}

const dns = { service: "kube-dns", namespace: "kube-system" };
const apiServer = { service: "kubernetes", namespace: "default" };

/**
 * What the proxies of a namespace know of and let out: for each party what it calls, and for whatever else may run there nothing
 * but DNS. A proxy that knows of nothing else also takes less memory, and hears of fewer changes.
 *
 * A host that a proxy does not know is refused: by its own Sidecar, whatever the mesh does by default.
 */
export function planSidecars(plan: ConnectionPlan, needs: SidecarNeeds): MeshObject[] {
  const parties = plan.parties.filter((party) => hasProxy(party, needs));
  const made = connectionIndex(plan, "from");
  return [
    sidecar("default", undefined, [fullName(dns)]),
    ...parties.map((party) => {
      const hosts = made(party).flatMap((one) => hostsOf(one, needs));
      return sidecar(party.app, party, [...new Set([fullName(dns), ...hosts])].sort(), listeners(party, needs));
    }),
  ];
}

/** The ServiceEntries of all that parties in the mesh name in `outbound`. */
export function planOutbound(plan: ConnectionPlan, needs: SidecarNeeds): MeshObject[] {
  const made = connectionIndex(plan, "from");
  const entries = plan.parties
    .filter((party) => hasProxy(party, needs))
    .flatMap(made)
    .filter(({ external }) => external === undefined)
    .flatMap((connection) => outboundEntry(connection)?.object ?? []);
  return [...new Map(entries.map((entry) => [entry.name, entry])).values()];
}

function sidecar(
  name: string,
  party: Party | undefined,
  hosts: readonly string[],
  ingress: readonly object[] = [],
): MeshObject {
  return {
    apiVersion: networking,
    kind: "Sidecar",
    name,
    ...(party && { app: party.app }),
    spec: {
      ...(party && { workloadSelector: { labels: { app: party.app } } }),
      outboundTrafficPolicy: { mode: "REGISTRY_ONLY" },
      egress: [{ hosts: [...hosts] }],
      ...(ingress.length > 0 && { ingress }),
    },
  };
}

/**
 * What the proxy of a service takes in: what the service listens for, and its own series, which it otherwise gives to anybody in plain
 * text. A proxy that is told of one port takes in no other.
 */
function listeners({ app, kind }: Party, { services }: SidecarNeeds): object[] {
  const own = kind === "service" ? services[app] : undefined;
  if (own === undefined) return [];
  const listener = (name: string, number: number, protocol: string, defaultEndpoint: string) => ({
    port: { number, name, protocol },
    defaultEndpoint,
  });
  const { port, protocol = "http" } = own;
  return [
    listener(`${protocol}-service`, port, protocol.toUpperCase(), `0.0.0.0:${port}`),
    listener("http-series", meshPorts.secureStats, "HTTP", `127.0.0.1:${meshPorts.proxyStats}`),
  ];
}

/** What a connection leads to, as a Sidecar names it: `namespace/host`. */
function hostsOf(connection: Connection, needs: SidecarNeeds): string[] {
  const { to, external } = connection;
  const host = external === undefined ? undefined : needs.mesh.external[external];
  // Through the egress gateway too: the name is the host's, and the gateway is where its route leads.
  const named = host && external !== undefined ? [`./${externalHostName(external, host)}`] : [];
  switch (to.kind) {
    case "service":
      return servicesOf(to.app, needs).map(
        (service) => `./${serviceHost({ service, namespace: needs.namespaces.apps })}`,
      );
    case "job":
    case "part":
      return [fullName({ service: to.app, namespace: needs.namespaces[to.place] }), ...named];
    case "subnet":
      return named.length > 0 ? named : [outboundEntry(connection)].flatMap((one) => (one ? [`./${one.host}`] : []));
    case "api-server":
      return [fullName(apiServer)];
    case "dns":
    case "everyone":
    case "outside":
    case "controller":
    case "nodes":
      return [];
  }
}

/** All Services before a service's pods. */
function servicesOf(name: string, { services }: SidecarNeeds): string[] {
  const service = services[name];
  const ofVersions = service?.route?.api === "gateway" ? Object.keys(service.versions ?? {}) : [];
  const peers = service?.kind === "StatefulSet" && !(service.headless ?? false) ? [workloadNames(name).peers] : [];
  return [name, ...peers, ...ofVersions.map((version) => versionedName(name, version))];
}

function fullName(parts: { readonly service: string; readonly namespace: string }): string {
  return `${parts.namespace}/${serviceHost(parts)}`;
}
