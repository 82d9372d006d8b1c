import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubeObject } from "../engine/direct/objects.ts";
import { binaryPath, ensurePart } from "../local/toolchain.ts";
import { objectsOf, runProgram } from "./program-objects.ts";
import { runnableSections, type Sections } from "./stacks.ts";

const istioctl = binaryPath("istioctl", "istioctl");
/** Traffic of every kind: versions with weights, a call with paths, a host outside, a name that the edge serves. */
const meshed: Sections = {
  services: {
    metricsdemo: { image: "app", role: "web", port: 8080, ingress: { hostname: "shop.example.com", tls: {} } },
    svca: { image: "app", role: "svca", calls: [{ service: "svcb", methods: ["GET"], paths: ["/notify"] }] },
    svcb: {
      image: "app",
      role: "svcb",
      calls: ["msgd", "bank", "shop", "vault", "queue"],
      versions: { "v0.1": { weight: 50 }, "v0.2": { weight: 50 } },
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
const folder = mkdtempSync(join(tmpdir(), "mesh-analysis-"));
afterAll(() => rmSync(folder, { recursive: true }));

function analyze(objects: readonly KubeObject[]): string {
  const file = join(folder, "objects.yaml");
  writeFileSync(file, objects.map((object) => stringify(object)).join("---\n"));
  try {
    const found = execFileSync(
      istioctl,
      ["analyze", "--use-kube=false", "--all-namespaces", "--failure-threshold", "Info", file],
      {
        encoding: "utf8",
        stdio: "pipe",
      },
    );
    return found.trim();
  } catch (error) {
    return (error as { stdout: string }).stdout.trim();
  }
}

function withoutIngress(part: unknown): unknown {
  if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
  return Object.fromEntries(Object.entries(part).filter(([field]) => field !== "ingress"));
}

// Left out until somebody has built istioctl: building it takes minutes, and unit tests take seconds.
describe.skipIf(!existsSync(istioctl)).each(["dev", "prod"] as const)("istioctl, of stack %s with a mesh", (stack) => {
  let objects: KubeObject[];
  beforeAll(async () => {
    await ensurePart("helm", () => undefined);
    const sections = runnableSections(stack);
    // The mesh's gateway leads to services alone, and those of the stack are others here.
    const parts = Object.entries(sections["monitoring"] ?? {}).map(([name, part]) => [name, withoutIngress(part)]);
    const own = { ...sections, jobs: {}, ...meshed, monitoring: Object.fromEntries(parts) as Record<string, unknown> };
    objects = objectsOf(await runProgram(own, stack), stack);
  }, 180_000);

  it("finds nothing", () => {
    const kinds = new Set(objects.map(({ kind }) => kind));
    for (const kind of ["VirtualService", "DestinationRule", "ServiceEntry", "Sidecar", "Gateway", "Telemetry"])
      expect(kinds).toContain(kind);
    expect(analyze(objects)).toBe("");
  });

  it("finds a route to a subset that there is not", () => {
    const broken = objects.filter(({ kind }) => kind !== "DestinationRule");
    expect(analyze(broken)).toMatch(/IST0101|Referenced host\+subset/);
  });
});
