import { join } from "node:path";
import { fromHome } from "../config/home-path.ts";
import type { Config } from "../config/parse.ts";
import { toolPath } from "../local/tools.ts";
import { stackOptions } from "./commands/common.ts";
import { kubeconfigFile } from "./direct/cluster-access.ts";
import { type ClusterAccess, Kubectl } from "./direct/kubectl.ts";
import { loadStack, workspace } from "./load-stack.ts";
import type { Options } from "./options.ts";

/** A stack's configuration and the way to its cluster, for commands that do not run its program. */
export async function openStackCluster(options: Options): Promise<{ config: Config; kubectl: Kubectl }> {
  const config = loadStack(options.stack, stackOptions(options));
  const kubectl = new Kubectl({
    path: await toolPath("kubectl"),
    access: accessOf(config, options.stack),
    cacheDir: join(workspace.stateDir, "kube-cache"),
  });
  return { config, kubectl };
}

function accessOf({ controlPlane }: Config, stack: string): ClusterAccess {
  if (controlPlane.mode === "kubeadm") return { kubeconfig: kubeconfigFile(workspace, stack) };
  const { context, kubeconfig } = controlPlane;
  return { context, kubeconfig: kubeconfig && fromHome(kubeconfig) };
}
