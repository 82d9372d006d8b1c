import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planConnections } from "../../../components/plan/connections/connections.ts";
import { planNetworkPolicies } from "../../../components/plan/connections/network-policies.ts";
import { egressPortOf } from "../../../components/plan/mesh/mesh-parts.ts";
import { planTraffic, type TrafficNeeds } from "../../../components/plan/mesh/traffic.ts";
import type { ExternalHost } from "../../../components/plan/mesh/traffic-settings.ts";
import { connectionSettings } from "../connections/connection-settings.ts";
import { anExternal, aService, namespaces, outliers } from "./settings.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- what Istio reads has no types of its own here */
const gatewayHost = "istio-egress.istio-system.svc.cluster.local";
const gatewayPods = { istio: "istio-egress" };

/** Services by the hosts that each calls. */
function planned(calls: Readonly<Record<string, readonly string[]>>, external: TrafficNeeds["mesh"]["external"]) {
  const mesh = { mode: "install" as const, trustDomain: "example.org", external };
  const services = Object.fromEntries(
    Object.entries(calls).map(([name, names]) => [
      name,
      { ...aService({ calls: names }), outbound: [], scrape: false, kind: "Deployment", volumes: {} },
    ]),
  );
  const settings = connectionSettings({ services: services as never, jobs: {}, mesh, namespaces });
  const connections = planConnections(settings);
  const needs = { ...settings, mesh, namespaces, ingress: { controller: "existing" }, jobs: {} };
  const traffic = planTraffic(connections, needs as unknown as TrafficNeeds);
  if (traffic === undefined) throw new Error("there is no mesh");
  const find = (kind: string, name: string): any =>
    [...traffic.reach, ...traffic.egress].find((one) => one.kind === kind && one.name === name)?.spec;
  const network = (name: string) => planNetworkPolicies(connections, namespaces).find((one) => one.name === name)?.spec;
  return { traffic, connections, find, network };
}
const led = (more: Partial<ExternalHost> = {}) => anExternal({ gateway: true, ...more });

describe("a host behind the egress gateway", () => {
  it("is reached by two hops, each named by the one before it, with the address that was asked for at their end", () => {
    const { find } = planned({ svcb: ["msgd"] }, { msgd: led() });
    expect(find("VirtualService", "msgd")).toEqual({
      hosts: ["msgd.external.quorum.internal"],
      gateways: ["mesh", "istio-system/egress-msgd"],
      exportTo: [".", "istio-system"],
      http: [
        {
          name: "to-gateway",
          match: [{ gateways: ["mesh"], port: 9997 }],
          route: [{ destination: { host: gatewayHost, subset: "msgd", port: { number: 15_444 } } }],
          rewrite: { authority: "msgd.external.quorum.internal" },
          retries: { attempts: 2, retryOn: "connect-failure,refused-stream" },
        },
        {
          name: "to-host",
          match: [{ gateways: ["istio-system/egress-msgd"], port: 15_444 }],
          route: [{ destination: { host: "msgd.external.quorum.internal", port: { number: 9997 } } }],
          rewrite: { authority: "192.0.2.7:9997" },
        },
      ],
    });
    expect(find("DestinationRule", "egress.msgd")).toEqual({
      host: gatewayHost,
      exportTo: ["."],
      subsets: [
        { name: "msgd", trafficPolicy: { tls: { mode: "ISTIO_MUTUAL", sni: "msgd.external.quorum.internal" } } },
      ],
    });
    expect(find("Gateway", "egress-msgd")).toEqual({
      selector: gatewayPods,
      servers: [
        {
          port: { number: 15_444, name: "egress-msgd", protocol: "HTTPS" },
          hosts: ["shop/msgd.external.quorum.internal"],
          tls: { mode: "ISTIO_MUTUAL" },
        },
      ],
    });
  });

  it("with tls is spoken to by TLS from the gateway alone, under the name that callers ask for", () => {
    const host = led({ address: undefined, host: "api.example.com", port: 443, tls: { plainPort: 80 } });
    const { find } = planned({ svcb: ["api"] }, { api: host });
    expect(find("DestinationRule", "api")).toMatchObject({
      host: "api.example.com",
      exportTo: [".", "istio-system"],
      trafficPolicy: { tls: { mode: "SIMPLE", sni: "api.example.com" } },
    });
    const [first, second] = find("VirtualService", "api").http;
    expect(first.match).toEqual([{ gateways: ["mesh"], port: 80 }]);
    expect(second.route).toEqual([{ destination: { host: "api.example.com", port: { number: 80 } } }]);
    expect([first.rewrite, second.rewrite]).toEqual([undefined, undefined]);
    expect(find("ServiceEntry", "api").ports).toEqual([
      { number: 80, name: "http-api", protocol: "HTTP", targetPort: 443 },
    ]);
  });

  it("by tcp is told by its address, and TLS of the callers' own by its name, or where there is none by its address", () => {
    const { find } = planned(
      { svcb: ["db", "api", "old"] },
      {
        db: led({ address: "192.0.2.8", port: 5432, protocol: "tcp" }),
        api: led({ address: undefined, host: "api.example.com", port: 443, protocol: "https" }),
        old: led({ address: "192.0.2.9", port: 443, protocol: "tls" }),
      },
    );
    const gateway = (name: string) => ({
      match: [{ gateways: [`istio-system/egress-${name}`], port: 15_443 }],
      route: expect.anything() as unknown,
    });
    const first = (subset: string) => [{ destination: { host: gatewayHost, subset, port: { number: 15_443 } } }];
    expect(find("VirtualService", "db").tcp).toEqual([
      { match: [{ gateways: ["mesh"], port: 5432, destinationSubnets: ["192.0.2.8/32"] }], route: first("db") },
      gateway("db"),
    ]);
    expect(find("VirtualService", "api")).toMatchObject({
      tls: [{ match: [{ gateways: ["mesh"], port: 443, sniHosts: ["api.example.com"] }], route: first("api") }],
      tcp: [gateway("api")],
    });
    expect(find("VirtualService", "old").tcp[0].match).toEqual([
      { gateways: ["mesh"], port: 443, destinationSubnets: ["192.0.2.9/32"] },
    ]);
    expect(find("ServiceEntry", "old").ports[0].protocol).toBe("TCP");
    expect(find("Gateway", "egress-db").servers[0].port.protocol).toBe("TLS");
  });

  it("is retried and given up where it is reached, within one timeout of the whole call", () => {
    const retries = { attempts: 1, perTryMillis: 500, budget: { percent: 20, min: 3 } };
    const { find } = planned({ svcb: ["msgd"] }, { msgd: led({ timeoutMillis: 2000, retries, outliers }) });
    const [first, second] = find("VirtualService", "msgd").http;
    expect(first).toMatchObject({ timeout: "2s", retries: { retryOn: "connect-failure,refused-stream" } });
    expect(second).toMatchObject({ retries: { attempts: 1, perTryTimeout: "500ms" } });
    expect(second.timeout).toBeUndefined();
    expect(find("DestinationRule", "msgd").trafficPolicy).toHaveProperty("outlierDetection");
  });

  it("is let to by its declared callers alone, each for its own host", () => {
    const { find } = planned(
      { one: ["msgd"], two: ["msgd", "db"], three: [] },
      {
        msgd: led(),
        db: led({ address: "192.0.2.8", port: 5432, protocol: "tcp" }),
        unused: led({ address: "192.0.2.9" }),
      },
    );
    expect(find("AuthorizationPolicy", "istio-egress")).toEqual({
      selector: { matchLabels: gatewayPods },
      action: "ALLOW",
      rules: [
        {
          from: [{ source: { principals: ["example.org/ns/shop/sa/one", "example.org/ns/shop/sa/two"] } }],
          to: [{ operation: { ports: ["15444"] } }],
          when: [{ key: "connection.sni", values: ["msgd.external.quorum.internal"] }],
        },
        {
          from: [{ source: { principals: ["example.org/ns/shop/sa/two"] } }],
          to: [{ operation: { ports: ["15443"] } }],
          when: [{ key: "connection.sni", values: ["db.external.quorum.internal"] }],
        },
      ],
    });
  });

  it("lets only the gateway leave the cluster for it", () => {
    const { find, network } = planned({ svcb: ["msgd"] }, { msgd: led() });
    const leaving = (name: string) =>
      (network(name)?.egress ?? []).flatMap(({ to }) => to.flatMap(({ ipBlock }) => ipBlock?.cidr ?? []));
    expect(leaving("service-svcb")).toEqual([]);
    expect(network("service-svcb")?.egress).toContainEqual({
      ports: [{ port: 15_444, protocol: "TCP" }],
      to: [
        {
          podSelector: { matchLabels: { app: "istio-egress" } },
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "istio-system" } },
        },
      ],
    });
    expect(leaving("part-istio-egress").concat(leaving("istio-egress"))).toEqual(["192.0.2.7/32"]);
    expect(find("Sidecar", "svcb").egress[0].hosts).toEqual(
      expect.arrayContaining(["./msgd.external.quorum.internal", `istio-system/${gatewayHost}`]),
    );
  });

  it("is not there without being asked for, nor are its pods known", () => {
    const { traffic, connections, find } = planned({ svcb: ["msgd"] }, { msgd: anExternal() });
    expect(traffic.egress).toEqual([]);
    expect(connections.parties.map(({ app }) => app)).not.toContain("istio-egress");
    expect(find("VirtualService", "msgd")).toBeUndefined();
  });
});

const protocols = ["http", "http2", "grpc", "https", "tls", "tcp"] as const;
const anyHost = (index: number) =>
  fc
    .record({ gateway: fc.boolean(), protocol: fc.constantFrom(...protocols), named: fc.boolean() })
    .map(({ gateway, protocol, named }): ExternalHost => {
      const place = named ? { host: `h${index}.example.com` } : { address: `192.0.2.${index + 1}` };
      return { ...place, port: 1000 + index, protocol, gateway };
    });
const hosts = fc
  .integer({ min: 1, max: 5 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => anyHost(index))))
  .map((all) => Object.fromEntries(all.map((one, index) => [`h${index}`, one])));

describe("any hosts outside and their callers", () => {
  const anyCalls = hosts.chain((external) => {
    const names = Object.keys(external);
    return fc.record({
      external: fc.constant(external),
      calls: fc.record({ a: fc.subarray(names), b: fc.subarray(names), c: fc.subarray(names) }),
    });
  });

  it("no route names a subset, a gateway or a host that there is not, and each is told apart at the gateway", () => {
    fc.assert(
      fc.property(anyCalls, ({ calls, external }) => {
        const { traffic } = planned(calls, external);
        const all = [...traffic.reach, ...traffic.egress];
        const of = (kind: string): any[] =>
          all.filter((one) => one.kind === kind).map((one) => ({ ...one, ...one.spec }));
        const subsets = new Set(
          of("DestinationRule").flatMap(({ host, subsets: some = [] }) =>
            some.map((one: any) => `${host}/${one.name}`),
          ),
        );
        const entries = new Set(of("ServiceEntry").flatMap((one) => one.hosts as string[]));
        const gateways = new Map(of("Gateway").map((one) => [`istio-system/${one.name}`, one.servers[0]]));
        for (const route of of("VirtualService")) {
          for (const rule of [...(route.http ?? []), ...(route.tls ?? []), ...(route.tcp ?? [])]) {
            const { host, subset } = rule.route[0].destination;
            expect(subset === undefined ? entries.has(host) : subsets.has(`${host}/${subset}`)).toBe(true);
          }
          for (const gateway of route.gateways ?? [])
            if (gateway !== "mesh") expect(gateways.get(gateway)?.hosts).toEqual([`shop/${route.hosts[0]}`]);
        }
        const servers = [...gateways.values()].map(({ hosts: names, port }) => `${names[0]} ${port.number}`);
        expect(new Set(servers).size).toBe(servers.length);
      }),
      { numRuns: 60 },
    );
  });

  it("the network, the gateway's rules and what proxies know agree on who reaches what", () => {
    fc.assert(
      fc.property(anyCalls, ({ calls, external }) => {
        const { connections, find } = planned(calls, external);
        const rules = find("AuthorizationPolicy", "istio-egress")?.rules ?? [];
        for (const [name, one] of Object.entries(external)) {
          const callers = Object.entries(calls).flatMap(([caller, names]) => (names.includes(name) ? [caller] : []));
          const host = one.host ?? `${name}.external.quorum.internal`;
          const known = Object.keys(calls).filter((caller) =>
            find("Sidecar", caller).egress[0].hosts.includes(`./${host}`),
          );
          expect(known).toEqual(callers);
          const direct = connections.connections.filter(
            ({ external: to, to: end }) => to === name && end.kind === "subnet",
          );
          const leavers = direct.map(({ from }) => ("app" in from ? from.app : from.kind));
          expect(leavers).toEqual(one.gateway ? ["istio-egress"] : callers);
          const principals = rules
            .filter(
              ({ when, to }: any) =>
                when[0].values[0] === host && to[0].operation.ports[0] === `${egressPortOf(one.protocol)}`,
            )
            .flatMap(({ from }: any) => from[0].source.principals);
          expect(principals).toEqual(one.gateway ? callers.map((caller) => `example.org/ns/shop/sa/${caller}`) : []);
        }
      }),
      { numRuns: 60 },
    );
  });
});
