import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planConnections } from "../../../components/plan/connections/connections.ts";
import { planNetworkPolicies } from "../../../components/plan/connections/network-policies.ts";
import {
  aJob,
  anySettings,
  aService,
  connectionSettings,
  namespaces,
  outboundSubnets,
  type Settings,
} from "./connection-settings.ts";
import { noMonitoring } from "../no-monitoring.ts";
import { allows, passes, type Packet, type Point, type Policy } from "./policy-evaluator.ts";

const planned = (settings: Settings) => planNetworkPolicies(planConnections(settings), namespaces);
const policiesOf = (settings: Settings): Policy[] =>
  planned(settings).map(({ place, spec }) => ({ namespace: namespaces[place], spec }));
const specOf = (more: Partial<Settings>, name: string) =>
  planned(connectionSettings(more)).find((policy) => policy.name === name)?.spec;

const inNamespace = (name: string) => ({ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } } });
const podsOf = (namespace: string, app: string) => ({
  ...inNamespace(namespace),
  podSelector: { matchLabels: { app } },
});
const at = (port: number, protocol = "TCP") => [{ port, protocol }];
const rich: Partial<Settings> = {
  services: {
    web: aService({ port: 80, expose: {}, ingress: {}, scrape: true, calls: ["store", "mail"] }),
    mail: aService({ outbound: [{ subnet: "198.51.100.0/24", port: 25, protocol: "TCP" }] }),
    store: aService({ kind: "StatefulSet", calls: ["store"] }),
  },
  jobs: { nightly: aJob({ call: "web/wakeUp", calls: ["store"] }) },
  monitoring: { ...noMonitoring, prometheus: { enabled: true, expose: {} } },
};

describe("NetworkPolicies", () => {
  it("refuse everything in each namespace, and let its pods ask the DNS", () => {
    for (const place of ["apps", "monitoring"] as const) {
      const specs = planned(connectionSettings()).filter((policy) => policy.place === place);
      expect(specs.map(({ name, spec }) => [name, spec])).toEqual([
        ["default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }],
        [
          "allow-dns",
          {
            podSelector: {},
            policyTypes: ["Egress"],
            egress: ["TCP", "UDP"].map((protocol) => ({
              to: [{ ...inNamespace("kube-system"), podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }],
              ports: at(53, protocol),
            })),
          },
        ],
      ]);
    }
  });

  it("let a service's callers, the scraper, the controller and the outside in, by the container's port", () => {
    expect(specOf(rich, "service-web")).toEqual({
      podSelector: { matchLabels: { app: "web" } },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        {
          from: [
            { ipBlock: { cidr: "0.0.0.0/0" } },
            podsOf("shop", "nightly"),
            podsOf("watch", "prometheus-server"),
            { namespaceSelector: {} },
          ],
          ports: at(80),
        },
      ],
      egress: [{ to: [podsOf("shop", "mail"), podsOf("shop", "store")], ports: at(8080) }],
    });
  });

  it("let only a controller of ours, or the named namespace of another, reach what has an Ingress", () => {
    const services = { web: aService({ ingress: {} }) };
    const from = (ingress: Settings["ingress"]) => specOf({ services, ingress }, "service-web")?.ingress?.[0]?.from;
    expect(from({ controller: "traefik" })).toEqual([podsOf("door", "traefik")]);
    expect(from({ controller: "existing", controllerNamespace: "ingress-nginx" })).toEqual([
      inNamespace("ingress-nginx"),
    ]);
  });

  it("let a job out to what it calls, and nobody in", () => {
    expect(specOf(rich, "job-nightly")).toEqual({
      podSelector: { matchLabels: { app: "nightly" } },
      policyTypes: ["Ingress", "Egress"],
      ingress: [],
      egress: [
        { to: [podsOf("shop", "web")], ports: at(80) },
        { to: [podsOf("shop", "store")], ports: at(8080) },
      ],
    });
  });

  it("let Prometheus out to what it scrapes and to the API servers, which are not everywhere on hosts of ours", () => {
    const guest: Partial<Settings> = { ...rich, platform: "shared" };
    const itself = podsOf("watch", "prometheus-server");
    expect(specOf(guest, "part-prometheus-server")).toMatchObject({
      ingress: [{ from: [{ ipBlock: { cidr: "0.0.0.0/0" } }, itself], ports: at(9090) }],
      egress: [
        { to: [podsOf("shop", "web")], ports: at(80) },
        { to: [{ ipBlock: { cidr: "192.0.2.11/32" } }], ports: at(6443) },
        { to: [itself], ports: at(9090) },
      ],
    });
    const elsewhere = specOf({ ...guest, controlPlane: { mode: "existing" } }, "part-prometheus-server");
    expect(elsewhere?.egress?.slice(1, 3)).toEqual(
      [443, 6443].map((port) => ({
        to: [{ ipBlock: { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] } }],
        ports: at(port),
      })),
    );
  });

  it("let Prometheus out to every host, where the stack has the cluster to itself", () => {
    const hosts = ["192.0.2.11", "192.0.2.12"].map((address) => ({ ipBlock: { cidr: `${address}/32` } }));
    const dns = { ...inNamespace("kube-system"), podSelector: { matchLabels: { "k8s-app": "kube-dns" } } };
    const egress = specOf(rich, "part-prometheus-server")?.egress ?? [];
    expect(egress.filter(({ to }) => to.length === 2)).toEqual(
      [2381, 9100, 10_249, 10_250, 10_257, 10_259].map((port) => ({ to: hosts, ports: at(port) })),
    );
    expect(egress).toContainEqual({ to: [dns], ports: at(9153) });
  });

  it("leave the cluster and the clouds' own addresses out of a wide subnet", () => {
    const to = (subnet: string) =>
      specOf({ services: { web: aService({ outbound: [{ subnet, port: 443, protocol: "TCP" }] }) } }, "service-web")
        ?.egress?.[0]?.to;
    expect(to("0.0.0.0/0")).toEqual([
      { ipBlock: { cidr: "0.0.0.0/0", except: ["10.244.0.0/16", "10.96.0.0/16", "169.254.0.0/16"] } },
    ]);
    expect(to("10.0.0.0/8")).toEqual([{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.244.0.0/16", "10.96.0.0/16"] } }]);
    expect(to("198.51.100.0/24")).toEqual([{ ipBlock: { cidr: "198.51.100.0/24" } }]);
    expect(to("169.254.169.254/32")).toEqual([{ ipBlock: { cidr: "169.254.169.254/32" } }]);
  });

  it("name the keys that ask for them", () => {
    expect(planned(connectionSettings(rich)).find(({ name }) => name === "service-store")?.why).toEqual([
      "quorum:jobs.nightly.calls",
      "quorum:services.store.calls",
      "quorum:services.web.calls",
    ]);
  });

  it("are the same for the same configuration in another order", () => {
    const turned = Object.fromEntries(Object.entries(rich.services ?? {}).reverse());
    expect(planned(connectionSettings({ ...rich, services: turned }))).toEqual(planned(connectionSettings(rich)));
  });
});

/** Points of a small world: all parties, a stranger in and out of the stack's namespaces, and what is outside. */
function worldOf(settings: Settings): Record<string, Point> {
  let last = 0;
  const pod = (namespace: string, labels: Record<string, string>): Point => ({
    ip: `10.244.1.${++last}`,
    namespace,
    labels,
  });
  const apps = [...Object.keys(settings.services), ...Object.keys(settings.jobs)];
  return {
    ...Object.fromEntries(apps.map((app) => [app, pod("shop", { app, instancetype: "x" })])),
    prometheus: pod("watch", { app: "prometheus-server" }),
    traefik: pod("door", { app: "traefik" }),
    nginx: pod("ingress-nginx", { app: "nginx" }),
    dns: pod("kube-system", { "k8s-app": "kube-dns" }),
    strangerInside: pod("shop", { app: "stranger" }),
    strangerBeside: pod("watch", { app: "stranger" }),
    strangerElsewhere: pod("default", { app: Object.keys(settings.services)[0] ?? "" }),
    outside: { ip: "203.0.113.7" },
    partner: { ip: "198.51.100.9" },
    neighbour: { ip: "10.1.2.3" },
    apiServer: { ip: "192.0.2.11" },
  };
}

/** Whether a packet is one that the configuration asks for; written from the schema's words, not from the plan. */
function declared(settings: Settings, from: string, to: string, { port, protocol, ...ends }: Packet): boolean {
  const caller = settings.services[from] ?? settings.jobs[from];
  const callee = settings.services[to];
  const tcp = protocol === "TCP";
  const { enabled, expose } = settings.monitoring.prometheus;
  // Nobody speaks for pods outside of the stack's namespaces, so they may leave as what is outside may.
  const ownSpaces = ["shop", "watch", ...(settings.ingress.controller === "traefik" ? ["door"] : [])];
  const foreign = !ownSpaces.includes(ends.from.namespace ?? "");
  if (!foreign && to === "dns" && port === 53) return true;
  if (caller && ends.to.namespace === undefined) {
    const wide = ["10.0.0.0/8", "0.0.0.0/0"];
    const reaches: Record<string, string[]> = {
      outside: ["203.0.113.7/32", "0.0.0.0/0"],
      partner: ["198.51.100.0/24", "0.0.0.0/0"],
      neighbour: wide,
      apiServer: ["0.0.0.0/0"],
    };
    return caller.outbound.some(
      (one) => one.port === port && one.protocol === protocol && reaches[to]?.includes(one.subnet),
    );
  }
  const watchesHosts = enabled && settings.platform === "owned";
  if (from === "prometheus" && to === "apiServer")
    return tcp && ((enabled && port === 6443) || (watchesHosts && port === 10_250));
  if (from === "prometheus" && to === "dns") return watchesHosts && tcp && port === 9153;
  if (from === "traefik" && to === "apiServer" && !foreign) return tcp && port === 6443;
  if (to === "traefik" && ownSpaces.includes("door")) {
    const entered = foreign && (port === 80 || port === 443);
    return tcp && (entered || (port === 9000 && enabled && from === "prometheus"));
  }
  if (to === "prometheus") return enabled && expose !== undefined && foreign && tcp && port === 9090;
  if (callee === undefined) {
    const watched = !foreign || ownSpaces.includes(ends.to.namespace ?? "");
    return !watched;
  }
  if (!tcp || port !== callee.port) return false;
  if (caller) {
    const called = "call" in caller ? caller.call?.split("/")[0] : undefined;
    return called === to || caller.calls.includes(to);
  }
  if (from === "prometheus") return enabled && callee.scrape;
  if (callee.expose && foreign) return true;
  if (!callee.ingress) return false;
  if (settings.ingress.controller === "traefik") return from === "traefik";
  const { controllerNamespace } = settings.ingress;
  return foreign && ends.from.namespace !== undefined && controllerNamespace !== undefined
    ? ends.from.namespace === controllerNamespace
    : foreign && ends.from.namespace !== undefined;
}

const tried = [53, 80, 443, 8080, 9000, 9090, 9153, 6443, 10_250] as const;

function* packets(settings: Settings): Generator<[string, string, Packet]> {
  const world = Object.entries(worldOf(settings));
  for (const [from, source] of world) {
    for (const [to, target] of world) {
      // A pod's packets to itself never leave it; a service's name stands for another pod of it.
      if (from === to && settings.services[from] === undefined) continue;
      const other = from === to ? { ...target, ip: "10.244.2.1" } : target;
      for (const port of tried)
        for (const protocol of ["TCP", "UDP"] as const) yield [from, to, { from: source, to: other, port, protocol }];
    }
  }
}

describe("over all configurations", () => {
  it("what is declared passes where it begins and where it ends, and nothing else does", () => {
    fc.assert(
      fc.property(anySettings, (settings) => {
        const policies = policiesOf(settings);
        const wrong: string[] = [];
        for (const [from, to, packet] of packets(settings)) {
          const name = `${from} → ${to}:${packet.port}/${packet.protocol}`;
          if (declared(settings, from, to, packet)) {
            if (!allows(policies, "Egress", packet)) wrong.push(`${name} is declared, but refused where it begins`);
            if (!allows(policies, "Ingress", packet)) wrong.push(`${name} is declared, but refused where it ends`);
          } else if (passes(policies, packet)) wrong.push(`${name} passes, but is not declared`);
        }
        expect(wrong).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it("each of our pods is refused in both directions by itself: no side leans on the other's policy", () => {
    fc.assert(
      fc.property(anySettings, (settings) => {
        const policies = policiesOf(settings);
        const services = Object.entries(settings.services);
        const world = worldOf(settings);
        for (const [from, { calls }] of services) {
          for (const [to, { port, expose, ingress }] of services) {
            if (from === to || calls.includes(to)) continue;
            const packet = { from: world[from]!, to: world[to]!, port, protocol: "TCP" as const };
            expect(allows(policies, "Egress", packet)).toBe(false);
            if (!expose && !ingress) expect(allows(policies, "Ingress", packet)).toBe(false);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it("names are unique in their namespace and fit in a DNS label's 63 characters", () => {
    const long = "s".repeat(50);
    const services = { [long]: aService() };
    const jobs = { ["j".repeat(40)]: aJob() };
    expect(Math.max(...planned(connectionSettings({ services, jobs })).map(({ name }) => name.length))).toBe(58);
    fc.assert(
      fc.property(anySettings, (settings) => {
        const names = planned(settings).map(({ place, name }) => `${place}/${name}`);
        expect(new Set(names).size).toBe(names.length);
      }),
    );
  });

  it("every block is a subnet, and its exceptions lie within it, or the API server refuses it", () => {
    expect(outboundSubnets).toContain("0.0.0.0/0");
    fc.assert(
      fc.property(anySettings, (settings) => {
        const text = JSON.stringify(planned(settings));
        for (const [, cidr, except] of text.matchAll(/"cidr":"([^"]+)"(?:,"except":\[([^\]]*)\])?/g)) {
          for (const one of except?.split(",") ?? [])
            expect(Number(one.split("/")[1]?.replace('"', ""))).toBeGreaterThan(Number(cidr?.split("/")[1]));
        }
      }),
    );
  });
});
