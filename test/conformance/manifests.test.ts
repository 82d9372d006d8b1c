import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runProcess } from "../../engine/process.ts";
import { findProgram } from "../../local/packages.ts";
import { temporaryFolder } from "../engine/programs.ts";
import { kubeconform } from "./checkers.ts";
import { readRender } from "./rendered.ts";
import { kubernetesVersions } from "./schemas.ts";

const root = join(import.meta.dirname, "../..");

/** The checker and the schemas are made from Go modules. */
describe.skipIf(findProgram("go") === undefined)("the manifests of", () => {
  test.each(["dev", "prod"])(
    "%s fit the strict schemas of each Kubernetes release",
    async (stack) => {
      const folder = temporaryFolder();
      const args = [join(root, "engine/cli.ts"), "render", "--stack", stack, "--out", folder];
      const { code, stderr } = await runProcess(process.execPath, args, { cwd: root });
      expect(code, stderr).toBe(0);
      const objects = readRender(folder);
      expect(objects.length).toBeGreaterThan(100);
      for (const version of kubernetesVersions) expect(await kubeconform(objects, version), version).toEqual([]);
      // It does look: a field that no release has is refused.
      const odd = objects.map((object) =>
        object.kind === "Deployment" ? { ...object, spec: { replicaz: 1 } } : object,
      );
      expect(await kubeconform(odd, kubernetesVersions[2])).not.toEqual([]);
    },
    600_000,
  );
});
