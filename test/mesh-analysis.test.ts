import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubeObject } from "../engine/direct/objects.ts";
import { binaryPath } from "../local/toolchain.ts";
import { meshedObjects } from "./meshed-stack.ts";

const istioctl = binaryPath("istioctl", "istioctl");
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

// `npm test` and `npm run check -- mesh` build istioctl, which takes minutes the first time; unit tests alone take seconds, and leave this out
// where nobody has built it.
describe.skipIf(!existsSync(istioctl)).each(["dev", "prod"] as const)("istioctl, of stack %s with a mesh", (stack) => {
  let objects: KubeObject[];
  beforeAll(async () => {
    objects = await meshedObjects(stack);
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
