import fc from "fast-check";
import { noMonitoring } from "../no-monitoring.ts";
import type {
  ConnectionSettings,
  JobConnections,
  ServiceConnections,
} from "../../../components/plan/connections/connections.ts";

export type Settings = ConnectionSettings & { readonly services: Readonly<Record<string, CheckedService>> };
type CheckedService = ServiceConnections & { readonly kind: "Deployment" | "StatefulSet" | "DaemonSet" };

export const namespaces = {
  apps: "shop",
  monitoring: "watch",
  agents: "look",
  ingress: "door",
  registry: "store",
  ui: "view",
  mesh: "mesh",
  meshAgents: "mesh-agents",
} as const;

export function aService(more: Partial<CheckedService> = {}): CheckedService {
  return { kind: "Deployment", port: 8080, calls: [], outbound: [], scrape: false, ...more };
}

export function aJob(more: Partial<JobConnections> = {}): JobConnections {
  return { calls: [], outbound: [], ...more };
}

/** A stack on one host of ours, and whatever else a test is about. */
export function connectionSettings(more: Partial<Settings> = {}): Settings {
  return {
    services: {},
    jobs: {},
    ingress: { controller: "existing" },
    platform: "owned",
    monitoring: noMonitoring,
    controlPlane: {
      mode: "kubeadm",
      hosts: { a: { address: "192.0.2.11", role: "control-plane" }, w: { address: "192.0.2.12", role: "worker" } },
      network: { podSubnet: "10.244.0.0/16", serviceSubnet: "10.96.0.0/16" },
    },
    ...more,
  };
}

const ports = [80, 8080, 9090] as const;
/** Subnets outside of the cluster, the last two around it. */
export const outboundSubnets = ["198.51.100.0/24", "203.0.113.7/32", "10.0.0.0/8", "0.0.0.0/0"] as const;

const outbound = fc.uniqueArray(
  fc.record({
    subnet: fc.constantFrom(...outboundSubnets),
    port: fc.constantFrom(...ports),
    protocol: fc.constantFrom("TCP" as const, "UDP" as const),
  }),
  { maxLength: 2, selector: ({ subnet, port, protocol }) => `${subnet} ${port} ${protocol}` },
);

/** Any description of connections that its checks accept. */
export const anySettings: fc.Arbitrary<Settings> = fc
  .uniqueArray(fc.constantFrom("a", "b", "c", "shop", "default-deny"), { minLength: 1, maxLength: 4 })
  .chain((names) => {
    const service = (name: string) =>
      fc
        .record({
          kind: fc.constantFrom("Deployment" as const, "StatefulSet" as const),
          port: fc.constantFrom(...ports),
          calls: fc.subarray(names),
          outbound,
          scrape: fc.boolean(),
          exposed: fc.boolean(),
          routed: fc.boolean(),
          written: fc.boolean(),
        })
        .map(({ exposed, routed, written, calls, ...rest }): CheckedService => {
          const places = [...(exposed ? (["outside"] as const) : []), ...(routed ? (["ingress"] as const) : [])];
          return {
            ...rest,
            calls: calls.filter((callee) => callee !== name || rest.kind === "StatefulSet"),
            ...(exposed && { expose: {} }),
            ...(routed && { ingress: {} }),
            ...(written && { exposedTo: places }),
          };
        });
    const job = fc
      .record({ call: fc.option(fc.constantFrom(...names), { nil: undefined }), calls: fc.subarray(names), outbound })
      .map(({ call, calls, ...rest }): JobConnections => ({
        ...rest,
        ...(call !== undefined && { call: `${call}/wakeUp` }),
        calls: calls.filter((callee) => callee !== call),
      }));
    return fc
      .record({
        services: fc.record(Object.fromEntries(names.map((name) => [name, service(name)]))),
        jobs: fc.dictionary(fc.constantFrom("nightly", "once"), job),
        ingress: fc.record({
          controller: fc.constantFrom("existing" as const, "traefik" as const),
          controllerNamespace: fc.constantFrom(undefined, "ingress-nginx"),
          expose: fc.constant({ httpPort: 80, httpsPort: 443 }),
        }),
        monitoring: fc
          .record({ enabled: fc.boolean(), expose: fc.constantFrom(undefined, {}) })
          .map((prometheus) => ({ ...noMonitoring, prometheus })),
        platform: fc.constantFrom("owned" as const, "shared" as const),
      })
      .map((parts) => connectionSettings(parts));
  });
