import fc from "fast-check";
import { expect } from "vitest";
import { validConfig } from "../arbitrary-config.ts";
import { objectsOf, runProgram } from "../program-objects.ts";
import { runnableSections } from "../stacks.ts";
import { kubectl, tryKubectl } from "./quorum.ts";

/** Draws valid configurations of a stack that shares its cluster, and has the API server try all of their objects out. */
export async function expectAccepted(count: number, name: string): Promise<void> {
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
  } as unknown as Parameters<typeof validConfig>[0];
  try {
    for (const namespace of Object.values(namespaces)) await kubectl(["create", "namespace", namespace]);
    for (const sections of fc.sample(validConfig(base), count)) {
      const items = objectsOf(await runProgram(sections));
      const flags = ["--dry-run=server", "--server-side", "--force-conflicts", "--field-manager=quorum"];
      const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
      const dryRun = await tryKubectl(["apply", ...flags, "--filename", "-"], input);
      expect([dryRun.stderr, dryRun.code], JSON.stringify(sections)).toEqual(["", 0]);
    }
  } finally {
    await kubectl(["delete", "namespace", "--ignore-not-found", "--wait=false", ...Object.values(namespaces)]);
  }
}
