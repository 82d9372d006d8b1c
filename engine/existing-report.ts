import { join } from "node:path";
import { type ExistingRow, existingReport } from "../components/plan/control-plane/existing-cluster.ts";
import { type PlanFormat, planTable } from "../components/plan/control-plane/tables.ts";
import { fromHome } from "../config/home-path.ts";
import type { Config } from "../config/parse.ts";
import { toolPath } from "../local/tools.ts";
import { Kubectl } from "./direct/kubectl.ts";
import { askExistingCluster } from "./existing-cluster.ts";
import { workspace } from "./load-stack.ts";

type Existing = Extract<Config["controlPlane"], { mode: "existing" }>;

/** What can be read of the cluster that a stack is on, and why the rest cannot. Nothing is changed. */
export async function reportExisting({ context, kubeconfig }: Existing): Promise<ExistingRow[]> {
  const kubectl = new Kubectl({
    path: await toolPath("kubectl"),
    access: { context, kubeconfig: kubeconfig && fromHome(kubeconfig) },
    cacheDir: join(workspace.stateDir, "kube-cache"),
  });
  return existingReport(await askExistingCluster(kubectl), new Date());
}

export function formatExisting(rows: readonly ExistingRow[], format: PlanFormat): string {
  const cells = rows.map(({ what, found, warning = "" }) => [what, found, warning]);
  return planTable(["control plane", "found", "look at"], cells, format);
}
