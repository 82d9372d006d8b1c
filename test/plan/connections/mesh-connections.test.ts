import { describe, expect, test } from "vitest";
import { meshPart, type MeshConnectionNeeds } from "../../../components/plan/connections/mesh-connections.ts";
import { type Endpoint, isParty } from "../../../components/plan/connections/parties.ts";

const network = { inside: [], apiServers: ["10.0.0.1"], nodes: ["10.0.0.1"], apiPorts: [6443] };
const needs: MeshConnectionNeeds = {
  mesh: { mode: "install" },
  namespaces: { mesh: "istio-system" },
  services: { web: {}, legacy: { mesh: false } },
  ingress: { controller: "existing" },
  monitoring: { prometheus: { enabled: true } },
};
const name = (one: Endpoint) =>
  isParty(one)
    ? one.app
    : one.kind === "everyone"
      ? `all of ${one.place}`
      : one.kind === "controller"
        ? `in ${one.namespace}`
        : one.kind;
const shown = (more: Partial<MeshConnectionNeeds>) => {
  const graph = meshPart({ ...needs, ...more }, network);
  return {
    parties: graph.parties.map(({ place, app }) => `${place}/${app}`),
    connections: graph.connections.map(({ from, to, port }) => `${name(from)} → ${name(to)}:${port}`).sort(),
  };
};

describe("connections of the mesh's own parts", () => {
  test("are none without a mesh", () => {
    expect(shown({ mesh: { mode: "off" } })).toEqual({ parties: [], connections: [] });
    expect(shown({ mesh: undefined })).toEqual({ parties: [], connections: [] });
  });

  test("are those of istiod, of the agents on the nodes, and of who scrapes", () => {
    expect(shown({})).toEqual({
      parties: ["mesh/istiod", "meshAgents/istio-cni-node"],
      connections: [
        "all of apps → istiod:15012",
        "api-server → istiod:15017",
        "istio-cni-node → api-server:6443",
        "istiod → api-server:6443",
        "prometheus-server → istio-cni-node:15014",
        "prometheus-server → istiod:15012",
        "prometheus-server → istiod:15014",
        "prometheus-server → web:15091",
      ],
    });
  });

  test("without Prometheus nobody scrapes", () => {
    const { connections } = shown({ monitoring: { prometheus: { enabled: false } } });
    expect(connections.filter((one) => one.startsWith("prometheus"))).toEqual([]);
  });

  test("of an Istio that the cluster has are those of the stack's own pods alone", () => {
    expect(shown({ mesh: { mode: "existing" }, namespaces: { mesh: "mesh-root" } })).toEqual({
      parties: [],
      connections: [
        "all of apps → in mesh-root:15012",
        "prometheus-server → in mesh-root:15012",
        "prometheus-server → web:15091",
      ],
    });
  });

  test("let istiod fetch the keys of who gives out tokens, there and nowhere else", () => {
    const reached = (jwt: object) =>
      meshPart({ ...needs, mesh: { mode: "install", jwt } }, network).connections.flatMap(({ from, to, port }) =>
        to.kind === "subnet" ? [`${name(from)} → ${to.subnet}:${port}`] : [],
      );
    expect(reached({ jwksUri: "https://id.example.com/keys" })).toEqual(["istiod → 0.0.0.0/0:443"]);
    expect(reached({ jwksUri: "https://192.0.2.9:8443/keys" })).toEqual(["istiod → 192.0.2.9/32:8443"]);
    expect(reached({ jwksUri: "https://id.example.com/keys", subnets: ["198.51.100.0/24"] })).toEqual([
      "istiod → 198.51.100.0/24:443",
    ]);
    expect(reached({ jwks: '{"keys": []}' })).toEqual([]);
  });

  test("of the egress gateway are its own, and it alone leaves for the hosts behind it", () => {
    const external = {
      msgd: { address: "192.0.2.7", port: 9997, protocol: "http", gateway: true },
      direct: { address: "192.0.2.8", port: 443, protocol: "https", gateway: false },
    };
    const { parties, connections } = shown({
      mesh: { mode: "install", external },
      monitoring: { prometheus: { enabled: true }, collector: { gateway: { enabled: true } } },
    });
    expect(parties).toContain("mesh/istio-egress");
    expect(connections.filter((one) => one.includes("istio-egress"))).toEqual([
      "istio-egress → istiod:15012",
      "istio-egress → otel-gateway:4317",
      "istio-egress → subnet:9997",
      "prometheus-server → istio-egress:15090",
    ]);
  });

  test("let the outside in at the gateway's ports, and people at Kiali's where it is exposed", () => {
    const { parties, connections } = shown({
      mesh: { mode: "install", kiali: { enabled: true, expose: {} } },
      ingress: { controller: "istio", expose: { httpPort: 8088, httpsPort: 443 } },
    });
    expect(parties).toEqual(expect.arrayContaining(["ingress/istio-ingress", "monitoring/kiali"]));
    expect(connections).toEqual(
      expect.arrayContaining([
        "outside → istio-ingress:8088",
        "outside → istio-ingress:443",
        "istio-ingress → istiod:15012",
        "outside → kiali:20001",
        "kiali → prometheus-server:9090",
        "kiali → api-server:6443",
      ]),
    );
  });
});
