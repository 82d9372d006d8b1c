import { planConnections } from "../components/plan/connections/connections.ts";
import { planNetworkPolicies } from "../components/plan/connections/network-policies.ts";
import { istioRoutes } from "../components/plan/mesh/istio-routes.ts";
import { planTraffic } from "../components/plan/mesh/traffic.ts";
import { parseConfig } from "../config/parse.ts";
import { stackSections } from "../test/stacks.ts";
import type { Row } from "./table.ts";

const size = 1000;
const defaultRounds = 5;

/**
 * How long it takes to check the configuration of 1,000 services with two versions each, all of which call the next one, and to plan
 * who is let to whom and where every request goes. In process: no resource is registered and nothing is written.
 */
export function benchRoutes(rounds = defaultRounds): Row[] {
  const sections = routedServices();
  const seconds = Array.from({ length: rounds }, () => planOnce(sections));
  const sorted = seconds.map(({ total }) => total).sort((a, b) => a - b);
  const [first] = seconds;
  return [
    {
      measurement: `mesh: plan ${size} services, 2 versions each`,
      seconds: sorted[Math.floor(sorted.length / 2)],
      range: [sorted[0] ?? 0, sorted.at(-1) ?? 0],
      remark: `${first?.objects ?? 0} mesh objects; checks of the configuration ${(first?.checked ?? 0).toFixed(2)} s of it`,
    },
  ];
}

function planOnce(sections: Readonly<Record<string, unknown>>) {
  const began = performance.now();
  const config = parseConfig(sections);
  const checked = performance.now();
  const connections = planConnections(config);
  const policies = planNetworkPolicies(connections, config.namespaces);
  const traffic = planTraffic(connections, config);
  if (traffic === undefined) throw new Error("the configuration has no mesh");
  const routes = traffic.tables.flatMap((table) => {
    const { destinations, route } = istioRoutes(table, traffic.visibleIn);
    return [...destinations, ...(route === undefined ? [] : [route])];
  });
  // As a render writes it: without this, nothing would have to be built in full.
  JSON.stringify([policies, traffic, routes]);
  const ended = performance.now();
  return {
    total: (ended - began) / 1000,
    checked: (checked - began) / 1000,
    objects: traffic.authorization.length + traffic.reach.length + routes.length,
  };
}

function routedServices(): Record<string, unknown> {
  const name = (index: number) => `s${index}`;
  const services = Object.fromEntries(
    Array.from({ length: size }, (_, index) => [
      name(index),
      {
        image: "app",
        role: "web",
        calls: index + 1 < size ? [{ service: name(index + 1), methods: ["GET"] }] : [],
        versions: { "v0.1": { weight: 90 }, "v0.2": { weight: 10 } },
        route: { timeoutMillis: 2000, matches: [{ headers: { "x-tester": { exact: "yes" } }, to: "v0.2" }] },
      },
    ]),
  );
  const base = stackSections("dev");
  const loki = { enabled: false };
  const prometheus = { ...(base["monitoring"]?.["prometheus"] as object), storageGiB: 500, memoryMiB: 32_768 };
  const monitoring = { ...base["monitoring"], prometheus, loki };
  return { ...base, services, jobs: {}, mesh: { mode: "existing" }, monitoring };
}
