import { connectionIndex, type ConnectionPlan } from "../connections/connections.ts";
import { prometheus } from "../connections/monitoring-parts.ts";
import { type Connection, type Party, type Place, sameParty } from "../connections/parties.ts";
import { hasIdentity, hasProxy, type MembershipNeeds } from "./members.ts";
import { type MeshObject, present, security } from "./mesh-object.ts";
import { meshPorts, proxyStatsPath } from "./mesh-parts.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What decides who is let to whom. */
export interface AuthorizationNeeds extends MembershipNeeds {
  readonly mesh: MembershipNeeds["mesh"] & { readonly trustDomain: string };
  readonly namespaces: Readonly<Record<Place, string>>;
}

/** Where the sample app, and every service that is scraped, has its series. */
const metricsPath = "/metrics";

/**
 * Who may ask whom for what: for each service what the connections say, and nothing else in the namespace. Callers are told by
 * their certificates. The few that have none, as they are outside the mesh, are let in where the connections name them, by plain
 * text and only at that port; which addresses they come from the network's policies say.
 *
 * The kubelet's probes go to each pod's agent, which no policy covers.
 */
export function planAuthorization(plan: ConnectionPlan, needs: AuthorizationNeeds): MeshObject[] {
  const taken = connectionIndex(plan, "to");
  const services = plan.parties.filter((party) => party.kind === "service" && hasProxy(party, needs));
  return [
    {
      apiVersion: security,
      kind: "PeerAuthentication",
      name: "default",
      spec: { mtls: { mode: "STRICT" } },
    },
    ...services.flatMap((party) => policiesOf(party, taken(party), needs)),
    // Last: without the others it would refuse what they allow.
    { apiVersion: security, kind: "AuthorizationPolicy", name: "default-deny", spec: {} },
  ];
}

function policiesOf(party: Party, taken: readonly Connection[], needs: AuthorizationNeeds): MeshObject[] {
  const selector = { matchLabels: { app: party.app } };
  const plainPorts = [...new Set(taken.filter(({ from }) => !hasIdentity(from, needs)).map(({ port }) => port))].sort(
    (a, b) => a - b,
  );
  const common = { name: party.app, app: party.app };
  return [
    {
      ...common,
      apiVersion: security,
      kind: "AuthorizationPolicy",
      spec: { selector, action: "ALLOW", rules: rulesOf(taken, needs) },
    },
    ...(plainPorts.length === 0
      ? []
      : [
          {
            ...common,
            apiVersion: security,
            kind: "PeerAuthentication",
            spec: {
              selector,
              mtls: { mode: "STRICT" },
              portLevelMtls: Object.fromEntries(plainPorts.map((port) => [String(port), { mode: "PERMISSIVE" }])),
            },
          },
        ]),
  ];
}

/** One rule for all callers that may ask for the same. */
function rulesOf(taken: readonly Connection[], needs: AuthorizationNeeds): Fields[] {
  const rules = taken.map((connection) => ({
    source: sourceOf(connection, needs),
    operation: operationOf(connection),
  }));
  const together = Map.groupBy(rules, ({ operation }) => JSON.stringify(operation));
  return [...together]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, group]) => {
      const principals = [...new Set(group.flatMap(({ source }) => source ?? []))].sort();
      const [first] = group;
      const from = [
        ...(principals.length > 0 ? [{ source: { principals } }] : []),
        // Whoever has no certificate at all: one of the mesh that is not named above stays out.
        ...(group.some(({ source }) => source === undefined) ? [{ source: { notPrincipals: ["*"] } }] : []),
      ];
      return [{ from, to: [{ operation: first?.operation }] }];
    });
}

/** @returns undefined for a caller without a certificate */
function sourceOf({ from }: Connection, needs: AuthorizationNeeds): string | undefined {
  return hasIdentity(from, needs) ? principalOf(from, needs) : undefined;
}

/** Who a party is, in the mesh's words. */
export function principalOf({ place, account }: Party, { mesh, namespaces }: AuthorizationNeeds): string {
  return `${mesh.trustDomain}/ns/${namespaces[place]}/sa/${account}`;
}

function operationOf({ from, port, asked = {} }: Connection): Fields {
  const series = port === meshPorts.secureStats ? proxyStatsPath : metricsPath;
  const limits = sameParty(from, prometheus) ? { methods: ["GET"], paths: [series] } : asked;
  const sorted = (texts: readonly string[] | undefined) => texts && [...new Set(texts)].sort();
  return present({ ports: [String(port)], methods: sorted(limits.methods), paths: sorted(limits.paths) });
}
