import { describe, expect, it } from "vitest";
import { type ConnectionSettings, planConnections } from "../../../components/plan/connections/connections.ts";
import { planNetworkPolicies } from "../../../components/plan/connections/network-policies.ts";
import { planTraffic, type TrafficNeeds } from "../../../components/plan/mesh/traffic.ts";
import { connectionSettings } from "../connections/connection-settings.ts";
import { anExternal, aService, namespaces } from "./settings.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- what Istio reads has no types of its own here */
type Service = TrafficNeeds["services"][string] & Partial<ConnectionSettings["services"][string]>;
interface Wanted {
  readonly services: Readonly<Record<string, Service>>;
  readonly jobs?: Readonly<Record<string, object>>;
  readonly external?: TrafficNeeds["mesh"]["external"];
  readonly mode?: "install" | "existing" | "off";
  readonly controller?: "traefik" | "istio" | "existing";
  readonly jwt?: TrafficNeeds["mesh"]["jwt"];
}

function plan({ services, jobs = {}, external = {}, mode = "install", controller = "existing", jwt }: Wanted) {
  const mesh = { mode, trustDomain: "example.org", external, jwt };
  const whole = (one: object) => ({ calls: [], outbound: [], scrape: false, kind: "Deployment", volumes: {}, ...one });
  const settings = connectionSettings({
    services: Object.fromEntries(Object.entries(services).map(([name, one]) => [name, whole(one)])) as never,
    jobs: Object.fromEntries(Object.entries(jobs).map(([name, one]) => [name, whole(one)])),
    ingress: { controller, expose: { httpPort: 80, httpsPort: 443 } },
    mesh,
    namespaces,
  });
  const connections = planConnections(settings);
  const needs = { ...settings, mesh, namespaces, ingress: { controller }, jobs } as unknown as TrafficNeeds;
  const traffic = planTraffic(connections, needs);
  return { traffic, connections, policies: planNetworkPolicies(connections, namespaces) };
}

function planned(wanted: Wanted) {
  const { traffic, policies } = plan(wanted);
  if (traffic === undefined) throw new Error("there is no mesh");
  const find = (kind: string, name: string): any =>
    [...traffic.authorization, ...traffic.reach, ...traffic.egress, ...traffic.edge, ...traffic.tokens].find(
      (one) => one.kind === kind && one.name === name,
    )?.spec;
  const network = (name: string) => policies.find((one) => one.name === name)?.spec;
  return { traffic, find, network };
}

const chain = {
  front: aService({ calls: ["svca"] }),
  svca: aService({ calls: [{ service: "svcb", methods: ["GET"], paths: ["/notify"] }] }),
  svcb: aService({ port: 8081, calls: ["msgd"] }),
};
const external = { msgd: anExternal() };
const principal = (account: string) => `example.org/ns/shop/sa/${account}`;

describe("without a mesh", () => {
  it("nothing is planned", () => {
    expect(plan({ services: { a: aService() }, mode: "off" }).traffic).toBeUndefined();
  });
});

describe("authorization", () => {
  it("lets exactly the declared callers in, by their certificates, and only for what they ask", () => {
    const { find } = planned({ services: chain, external });
    expect(find("AuthorizationPolicy", "svcb")).toEqual({
      selector: { matchLabels: { app: "svcb" } },
      action: "ALLOW",
      rules: [
        {
          from: [{ source: { principals: [principal("svca")] } }],
          to: [{ operation: { ports: ["8081"], methods: ["GET"], paths: ["/notify"] } }],
        },
      ],
    });
    expect(find("AuthorizationPolicy", "svca").rules).toEqual([
      { from: [{ source: { principals: [principal("front")] } }], to: [{ operation: { ports: ["8080"] } }] },
    ]);
    expect(find("AuthorizationPolicy", "front").rules).toEqual([]);
  });

  it("denies the rest of the namespace, after everything that is allowed, and wants mutual TLS", () => {
    const { traffic, find } = planned({ services: chain, external });
    expect(traffic.authorization.at(-1)).toMatchObject({ kind: "AuthorizationPolicy", name: "default-deny", spec: {} });
    expect(find("PeerAuthentication", "default")).toEqual({ mtls: { mode: "STRICT" } });
    expect(traffic.authorization.filter(({ kind }) => kind === "PeerAuthentication")).toHaveLength(1);
  });

  it("lets those outside the mesh in by plain text, at that port alone, and nobody of the mesh with them", () => {
    const { find } = planned({
      services: { web: aService({ expose: { port: 80 } }), svca: aService({ calls: ["web"] }) },
    });
    expect(find("PeerAuthentication", "web")).toEqual({
      selector: { matchLabels: { app: "web" } },
      mtls: { mode: "STRICT" },
      portLevelMtls: { "8080": { mode: "PERMISSIVE" } },
    });
    expect(find("AuthorizationPolicy", "web").rules).toEqual([
      {
        from: [{ source: { principals: [principal("svca")] } }, { source: { notPrincipals: ["*"] } }],
        to: [{ operation: { ports: ["8080"] } }],
      },
    ]);
  });

  it("lets the mesh's own gateway in by its certificate, so that no plain text is taken", () => {
    const ingress = { hostname: "shop.example.com", path: "/" };
    const { find } = planned({ services: { web: aService({ ingress }) }, controller: "istio" });
    expect(find("PeerAuthentication", "web")).toBeUndefined();
    expect(find("AuthorizationPolicy", "web").rules[0].from).toEqual([
      { source: { principals: ["example.org/ns/door/sa/istio-ingress"] } },
    ]);
  });

  it("knows jobs by their own accounts, and has no policy for services outside the mesh", () => {
    const { find } = planned({
      services: { web: aService(), old: aService({ mesh: false }) },
      jobs: { tick: { call: "web/wake" } },
    });
    expect(find("AuthorizationPolicy", "web").rules[0].from).toEqual([{ source: { principals: [principal("tick")] } }]);
    expect(find("AuthorizationPolicy", "old")).toBeUndefined();
  });

  it("agrees with the network: who is let in by one is let in by the other", () => {
    const { find, network } = planned({ services: chain, external });
    for (const [callee, callers] of Object.entries({ svca: ["front"], svcb: ["svca"], front: [] })) {
      const peers = network(`service-${callee}`)?.ingress?.flatMap(({ from }) => from) ?? [];
      expect(peers.map(({ podSelector }) => podSelector?.matchLabels?.["app"])).toEqual(callers);
      const principals = find("AuthorizationPolicy", callee).rules.flatMap(({ from }: any) =>
        from.flatMap(({ source }: any) => source.principals),
      );
      expect(principals).toEqual(callers.map(principal));
    }
  });
});

const reachOf = (find: (kind: string, name: string) => any, name: string) => {
  const { egress, outboundTrafficPolicy } = find("Sidecar", name);
  expect(outboundTrafficPolicy).toEqual({ mode: "REGISTRY_ONLY" });
  return (egress[0].hosts as string[]).filter((host) => !host.startsWith("kube-system/"));
};

describe("sidecars", () => {
  it("know of what their service calls, and of nothing else", () => {
    const { find } = planned({ services: chain, external });
    expect(reachOf(find, "front")).toEqual(["./svca.shop.svc.cluster.local"]);
    expect(reachOf(find, "svca")).toEqual(["./svcb.shop.svc.cluster.local"]);
    expect(reachOf(find, "svcb")).toEqual(["./msgd.external.quorum.internal"]);
    expect(reachOf(find, "default")).toEqual([]);
  });

  it("know the Services of versions where the Gateway API names them, and the peers of a StatefulSet", () => {
    const { find } = planned({
      services: {
        svcb: aService({ versions: { "v0.1": {}, "v0.2": {} }, route: { api: "gateway", matches: [] } }),
        ledger: { ...aService({ calls: ["ledger"] }), kind: "StatefulSet" },
        front: aService({ calls: ["svcb"] }),
      },
    });
    const shop = (service: string) => `./${service}.shop.svc.cluster.local`;
    expect(reachOf(find, "front")).toEqual([shop("svcb-v0-1"), shop("svcb-v0-2"), shop("svcb")]);
    expect(reachOf(find, "ledger")).toEqual([shop("ledger-peers"), shop("ledger")]);
  });

  it("let outbound ranges pass, each by an entry that only its caller knows", () => {
    const outbound = [{ subnet: "198.51.100.0/24", port: 443, protocol: "TCP" as const }];
    const { traffic, find } = planned({ services: { web: { ...aService(), outbound }, other: aService() } });
    const entry = traffic.reach.find(({ kind }) => kind === "ServiceEntry");
    expect(entry?.spec).toMatchObject({
      addresses: ["198.51.100.0/24"],
      resolution: "NONE",
      ports: [{ number: 443, protocol: "TCP" }],
    });
    expect(reachOf(find, "web")).toEqual([`./${(entry?.spec["hosts"] as string[])[0] ?? ""}`]);
    expect(reachOf(find, "other")).toEqual([]);
  });
});

describe("external hosts", () => {
  it("are opened for just the callers that declare them: in the proxy, and in the network", () => {
    const { find, network } = planned({ services: chain, external });
    expect(find("ServiceEntry", "msgd")).toEqual({
      hosts: ["msgd.external.quorum.internal"],
      addresses: ["192.0.2.7"],
      location: "MESH_EXTERNAL",
      ports: [{ number: 9997, name: "http-msgd", protocol: "HTTP" }],
      resolution: "STATIC",
      endpoints: [{ address: "192.0.2.7" }],
      exportTo: ["."],
    });
    const leave = (name: string) => JSON.stringify(network(`service-${name}`)?.egress);
    expect(leave("svcb")).toContain("192.0.2.7/32");
    for (const other of ["front", "svca"]) expect(leave(other)).not.toContain("192.0.2.7");
  });

  it("have TLS spoken to them by the callers' proxies, and timeouts and retries where said", () => {
    const { find, network } = planned({
      services: { web: aService({ calls: ["api"] }) },
      external: {
        api: anExternal({
          address: undefined,
          host: "api.example.com",
          port: 443,
          tls: { plainPort: 80 },
          timeoutMillis: 2000,
          retries: { attempts: 1, perTryMillis: 800 },
          subnets: ["198.51.100.0/24"],
        }),
      },
    });
    expect(find("ServiceEntry", "api")).toMatchObject({
      hosts: ["api.example.com"],
      resolution: "DNS",
      ports: [{ number: 80, protocol: "HTTP", targetPort: 443 }],
    });
    expect(find("DestinationRule", "api").trafficPolicy).toEqual({
      tls: { mode: "SIMPLE", sni: "api.example.com", caCertificates: "system" },
    });
    expect(find("VirtualService", "api").http[0]).toMatchObject({
      timeout: "2s",
      retries: { attempts: 1, perTryTimeout: "800ms" },
      route: [{ destination: { host: "api.example.com", port: { number: 80 } } }],
    });
    expect(JSON.stringify(network("service-web")?.egress)).toContain('"cidr":"198.51.100.0/24"');
    expect(network("service-web")?.egress?.map(({ ports }) => ports[0]?.port)).toContain(443);
  });
});

describe("the edge", () => {
  const ingress = (path: string, more: object = {}) => ({ hostname: "shop.example.com", path, ...more });
  const versions = { "v0.1": { weight: 90 }, "v0.2": { weight: 10 } };

  it("has one route for each hostname, longest paths first, with the same weights as inside", () => {
    const { traffic, find } = planned({
      services: {
        shop: aService({ ingress: ingress("/"), versions }),
        pay: aService({ ingress: ingress("/pay", { rewritePath: "/" }) }),
      },
      controller: "istio",
    });
    expect(traffic.visibleIn).toEqual([".", "door"]);
    const { hosts, gateways, exportTo, http } = find("VirtualService", "edge.shop.example.com");
    expect([hosts, gateways, exportTo]).toEqual([["shop.example.com"], ["door/quorum"], ["door"]]);
    expect(http.map(({ name, match, rewrite }: any) => [name, match, rewrite])).toEqual([
      ["pay-default-itself", [{ uri: { exact: "/pay" } }], { uri: "/" }],
      ["pay-default", [{ uri: { prefix: "/pay/" } }], { uri: "/" }],
      ["shop-default", [{ uri: { prefix: "/" } }], undefined],
    ]);
    expect(http[2].route.map(({ weight }: any) => weight)).toEqual([90, 10]);
  });

  it("has a match of paths inside stand for the paths outside that lead to them", () => {
    const { find } = planned({
      services: {
        pay: aService({
          ingress: ingress("/pay", { rewritePath: "/" }),
          versions,
          route: { api: "istio", matches: [{ headers: {}, path: { prefix: "/admin" }, to: "v0.2" }] },
        }),
      },
      controller: "istio",
    });
    expect(find("VirtualService", "edge.shop.example.com").http.map(({ name, match }: any) => [name, match])).toEqual([
      ["pay-match-0", [{ uri: { prefix: "/pay/admin" } }]],
      ["pay-default-itself", [{ uri: { exact: "/pay" } }]],
      ["pay-default", [{ uri: { prefix: "/pay/" } }]],
    ]);
  });

  it("asks for tokens, but where services do without", () => {
    const { traffic, find } = planned({
      services: { shop: aService({ ingress: ingress("/") }), open: aService({ ingress: ingress("/open") }) },
      controller: "istio",
      jwt: {
        issuer: "https://id.example.com",
        jwksUri: "https://id.example.com/keys",
        audiences: ["shop"],
        except: ["open"],
      },
    });
    expect(traffic.tokens).toHaveLength(2);
    expect(find("RequestAuthentication", "edge")).toMatchObject({
      selector: { matchLabels: { istio: "istio-ingress" } },
      jwtRules: [{ issuer: "https://id.example.com", audiences: ["shop"] }],
    });
    const { action, rules } = traffic.tokens[1]?.spec as any;
    expect(action).toBe("DENY");
    expect(rules).toEqual([
      {
        from: [{ source: { notRequestPrincipals: ["*"] } }],
        to: [
          {
            operation: {
              hosts: ["shop.example.com", "shop.example.com:*"],
              paths: ["/*"],
              notPaths: ["/open", "/open/*"],
            },
          },
        ],
      },
    ]);
  });
});
