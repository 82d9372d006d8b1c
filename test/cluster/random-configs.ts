import fc from "fast-check";
import { expect } from "vitest";
import { InputError } from "../../components/plan/problems.ts";
import { parseConfig } from "../../config/parse.ts";
import { validConfig } from "../arbitrary-config.ts";
import { mutate, mutation } from "../mutation.ts";
import { objectsOf, runProgram } from "../program-objects.ts";
import { runnableSections, type Sections } from "../stacks.ts";
import { kubectl, tryKubectl } from "./quorum.ts";

/** Draws valid configurations of a stack that shares its cluster, and has the API server try all of their objects out. */
export async function expectAccepted(count: number, name: string): Promise<void> {
  await withNamespaces(name, async (base) => {
    for (const sections of fc.sample(validConfig(base), count)) await expectDryRun(sections);
  });
}

/**
 * The same for mutated ones that are taken nevertheless. One that moves a namespace is passed over, as only those of the
 * test are there.
 */
export async function expectMutatedAccepted(count: number, name: string): Promise<void> {
  await withNamespaces(name, async (base) => {
    for (let left = count; left > 0;) {
      const [sections] = fc.sample(validConfig(base), 1);
      const mutations = fc.sample(fc.array(mutation, { minLength: 1, maxLength: 3 }), 1)[0] ?? [];
      if (sections === undefined) continue;
      const mutated = structuredClone(sections);
      for (const one of mutations) mutate(mutated, one);
      if (JSON.stringify(mutated["namespaces"]) !== JSON.stringify(base["namespaces"]) || !isTaken(mutated)) continue;
      await expectDryRun(mutated);
      left--;
    }
  });
}

function isTaken(sections: Sections): boolean {
  try {
    parseConfig(sections);
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

/** The cluster has no mesh, and so not its kinds: those are what test/mesh-analysis.test.ts has istioctl look at. */
const meshGroups = /^([a-z]+\.istio\.io|gateway\.networking\.k8s\.io)\//;

async function expectDryRun(sections: Sections): Promise<void> {
  const items = objectsOf(await runProgram(sections)).filter(({ apiVersion }) => !meshGroups.test(apiVersion));
  const flags = ["--dry-run=server", "--server-side", "--force-conflicts", "--field-manager=quorum"];
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  const dryRun = await tryKubectl(["apply", ...flags, "--filename", "-"], input);
  expect([dryRun.stderr, dryRun.code], JSON.stringify(sections)).toEqual(["", 0]);
}

type Base = Parameters<typeof validConfig>[0];

async function withNamespaces(name: string, use: (base: Base) => Promise<void>): Promise<void> {
  const roles = ["apps", "monitoring", "ingress", "registry", "ui"];
  const namespaces = Object.fromEntries(roles.map((role) => [role, `${name}-${role}`]));
  const { images, monitoring } = runnableSections("dev");
  const base = {
    platform: "shared",
    images,
    namespaces,
    monitoring: { ...monitoring, metricsServer: { enabled: false } },
    storage: { provisioner: "existing", className: "local-path", retain: false },
    controlPlane: { mode: "existing", context: "any" },
  } as unknown as Base;
  try {
    for (const namespace of Object.values(namespaces)) await kubectl(["create", "namespace", namespace]);
    await use(base);
  } finally {
    await kubectl(["delete", "namespace", "--ignore-not-found", "--wait=false", ...Object.values(namespaces)]);
  }
}
