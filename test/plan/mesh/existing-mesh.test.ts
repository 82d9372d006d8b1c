import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ExistingMeshNeeds,
  existingMeshProblems,
  type FoundMesh,
  neededKinds,
  selects,
} from "../../../components/plan/mesh/existing-mesh.ts";

const needs: ExistingMeshNeeds = {
  mesh: { mode: "existing", trustDomain: "cluster.local" },
  services: { web: {} },
  namespaces: { mesh: "istio-system" },
};
const byInjection = { matchExpressions: [{ key: "istio-injection", operator: "In", values: ["enabled"] }] };
const byRevision = { matchExpressions: [{ key: "istio.io/rev", operator: "In", values: ["stable"] }] };
const service = (namespace: string) => ({ clientConfig: { service: { namespace, name: "istiod" } } });
const others = [
  // One that has to do with every pod, and one that chooses pods by themselves.
  { ...service("certificates"), namespaceSelector: {} },
  { ...service("istio-system"), objectSelector: { matchLabels: { "sidecar.istio.io/inject": "true" } } },
];
const found: FoundMesh = {
  kinds: {
    "networking.istio.io/v1": ["DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "VirtualService"],
    "security.istio.io/v1": ["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"],
  },
  webhooks: [...others, { ...service("istio-system"), namespaceSelector: byInjection }],
  meshConfig: {},
};
const lines = (more: Partial<ExistingMeshNeeds>, seen: Partial<FoundMesh> = {}) =>
  existingMeshProblems({ ...needs, ...more }, { ...found, ...seen }).map(({ key, text }) => `${key} ${text}`);
const withRevision = { mesh: { ...needs.mesh, revision: "stable" } };

describe("a mesh that the cluster has", () => {
  test("is used where it fits, with a revision too, and with an istiod outside the cluster", () => {
    expect(lines({})).toEqual([]);
    const webhooks = [{ ...service("istio-system"), namespaceSelector: byRevision }];
    expect(lines(withRevision, { webhooks })).toEqual([]);
    expect(lines({}, { webhooks: [{ namespaceSelector: byInjection }], meshConfig: undefined })).toEqual([]);
  });

  test.each<[string, Partial<ExistingMeshNeeds>, Partial<FoundMesh>, string[]]>([
    [
      "without its kinds, all of them named",
      {},
      { kinds: { "networking.istio.io/v1": ["VirtualService"] }, webhooks: [] },
      [
        'quorum:mesh.mode is "existing", but the cluster serves no DestinationRule, ServiceEntry, Sidecar of networking.istio.io/v1; install Istio 1.22 or newer, or set it to install',
        'quorum:mesh.mode is "existing", but the cluster serves no AuthorizationPolicy, PeerAuthentication of security.istio.io/v1; install Istio 1.22 or newer, or set it to install',
      ],
    ],
    [
      "where nobody gives pods a proxy",
      {},
      { webhooks: others },
      [
        'quorum:mesh.mode is "existing", but no webhook of the cluster gives pods of a namespace with istio-injection=enabled a proxy; set quorum:mesh.revision to a revision that `kubectl get mutatingwebhookconfigurations -L istio.io/rev` shows',
      ],
    ],
    [
      "without the revision",
      withRevision,
      {},
      [
        'quorum:mesh.revision is "stable", but no webhook of the cluster gives pods of a namespace with istio.io/rev=stable a proxy; set quorum:mesh.revision to a revision that `kubectl get mutatingwebhookconfigurations -L istio.io/rev` shows',
      ],
    ],
    [
      "whose istiod is elsewhere, and whose accounts have another name",
      {},
      {
        webhooks: [{ ...service("mesh-root"), namespaceSelector: byInjection }],
        meshConfig: { trustDomain: "example.org" },
      },
      [
        'quorum:namespaces.mesh is "istio-system", but the istiod that gives pods their proxies is in mesh-root, where their network policies would not let them; set it to mesh-root',
        'quorum:mesh.trustDomain is "cluster.local", but the mesh\'s own is "example.org", so every declared call would be refused; set it to example.org',
      ],
    ],
    [
      "without the Gateway API that a route wants",
      { services: { web: { route: { api: "gateway" } } } },
      {},
      [
        'quorum:services.web.route.api is "gateway", but the cluster serves no HTTPRoute of gateway.networking.k8s.io/v1; install the Gateway API\'s definitions, or leave out api',
      ],
    ],
  ])("is refused %s", (_what, more, seen, expected) => {
    expect(lines(more, seen)).toEqual(expected);
  });

  test("of the stack's own needs only what it does not make, and without a mesh nothing is asked", () => {
    expect(neededKinds({ ...needs, mesh: { ...needs.mesh, mode: "install" } })).toEqual([]);
    const services = { web: { route: { api: "gateway" } } };
    expect(neededKinds({ ...needs, services, mesh: { ...needs.mesh, mode: "install" } })).toMatchObject([
      { apiVersion: "gateway.networking.k8s.io/v1", kinds: ["HTTPRoute"] },
    ]);
    expect(neededKinds({ ...needs, services, mesh: { ...needs.mesh, mode: "off" } })).toEqual([]);
  });
});

describe("a selector", () => {
  const labels = fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom("1", "2"), { maxKeys: 2 });
  test("chooses by each operator and its contrary the one or the other", () => {
    fc.assert(
      fc.property(labels, fc.constantFrom("a", "b", "c"), (given, key) => {
        const by = (operator: string, values?: string[]) =>
          selects({ matchExpressions: [{ key, operator, ...(values && { values }) }] }, given);
        expect(by("Exists")).toBe(!by("DoesNotExist"));
        expect(by("In", ["1"])).toBe(!by("NotIn", ["1"]));
        expect(by("In", ["1", "2"])).toBe(by("Exists"));
        expect(selects({ matchLabels: { [key]: "1" } }, given)).toBe(by("In", ["1"]));
        expect(by("Gt", ["1"])).toBe(false);
        expect(selects(undefined, given)).toBe(true);
      }),
    );
  });
});
