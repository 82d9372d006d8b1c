import type { KubeObject } from "../engine/direct/objects.ts";
import { ensurePart } from "../local/toolchain.ts";
import { objectsOf, runProgram } from "./program-objects.ts";
import { runnableSections, type Sections } from "./stacks.ts";

/** Traffic of every kind: versions with weights, a call with paths, shares by place, a host outside, a name that the edge serves. */
const meshed: Sections = {
  services: {
    metricsdemo: { image: "app", role: "web", port: 8080, ingress: { hostname: "shop.example.com", tls: {} } },
    svca: { image: "app", role: "svca", calls: [{ service: "svcb", methods: ["GET"], paths: ["/notify"] }] },
    svcb: {
      image: "app",
      role: "svcb",
      calls: ["msgd", "bank", "shop", "vault", "queue"],
      versions: { "v0.1": { weight: 50 }, "v0.2": { weight: 50 } },
      route: { locality: { "eu/a": { "eu/a": 80, "eu/b": 20 }, us: { "*": 100 } } },
    },
  },
  ingress: { controller: "istio" },
  mesh: {
    mode: "install",
    kiali: { enabled: true },
    external: {
      msgd: { address: "192.0.2.7", port: 9997, protocol: "http" },
      bank: { address: "192.0.2.8", port: 9998, protocol: "http", gateway: true, timeoutMillis: 500 },
      shop: { host: "api.example.com", port: 443, protocol: "http", tls: {}, gateway: true },
      vault: { host: "vault.example.com", port: 8443, protocol: "tls", gateway: true },
      queue: { address: "192.0.2.9", port: 5672, protocol: "tcp", gateway: true },
    },
  },
};

function withoutIngress(part: unknown): unknown {
  if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
  return Object.fromEntries(Object.entries(part).filter(([field]) => field !== "ingress"));
}

/** The objects of a stack with a mesh of its own and that traffic, those of Istio's charts among them. */
export async function meshedObjects(stack: "dev" | "prod"): Promise<KubeObject[]> {
  await ensurePart("helm", console.log);
  const sections = runnableSections(stack);
  // The mesh's gateway leads to services alone, and those of the stack are others here.
  const parts = Object.entries(sections["monitoring"] ?? {}).map(([name, part]) => [name, withoutIngress(part)]);
  const own = { ...sections, jobs: {}, ...meshed, monitoring: Object.fromEntries(parts) as Record<string, unknown> };
  return objectsOf(await runProgram(own, { stack }), stack);
}
