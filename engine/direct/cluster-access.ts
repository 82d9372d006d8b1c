import { join } from "node:path";
import { type Workspace, writePrivate } from "../files.ts";
import { isKubernetesObject } from "./monitor.ts";
import type { ClusterAccess } from "./kubectl.ts";
import { type Registration, unknown } from "./registration.ts";

const providerType = "pulumi:providers:kubernetes";

/**
 * The cluster of a program's objects; undefined while its kubeconfig is known only after `up`, or with no objects and no provider.
 * A kubeconfig given as text is written to the state folder, for kubectl and for people.
 *
 * @throws when objects use the default provider, or providers of different clusters
 */
export function findCluster(
  resources: Iterable<Registration>,
  workspace: Workspace,
  stack: string,
): ClusterAccess | undefined {
  const providers = new Map<string, Registration>();
  const used = new Set<string>();
  for (const resource of resources) {
    if (resource.type === providerType) providers.set(resource.urn, resource);
    else if (isKubernetesObject(resource)) {
      const urn = resource.provider.slice(0, resource.provider.lastIndexOf("::"));
      if (!providers.has(urn))
        throw new Error(
          `object "${resource.name}" (${resource.type}) has no kubernetes.Provider, so it would go to the current context by accident; give it one`,
        );
      used.add(urn);
    }
  }
  const candidates = used.size > 0 ? [...used].flatMap((urn) => providers.get(urn) ?? []) : [...providers.values()];
  const [first] = candidates;
  if (first === undefined) return undefined;
  const settings = (provider: Registration) =>
    JSON.stringify([provider.inputs["kubeconfig"], provider.inputs["context"], provider.inputs["cluster"]]);
  const other = candidates.find((provider) => settings(provider) !== settings(first));
  if (other !== undefined) {
    throw new Error(
      `objects use the providers "${first.name}" and "${other.name}" of different clusters, but the direct engine serves one cluster for a stack; use the Pulumi CLI (--engine cli)`,
    );
  }
  return accessOf(first, workspace, stack);
}

function accessOf(provider: Registration, workspace: Workspace, stack: string): ClusterAccess | undefined {
  const { kubeconfig, context, namespace, cluster } = provider.inputs;
  if (namespace !== undefined || cluster !== undefined) {
    throw new Error(
      `provider "${provider.name}" sets ${namespace === undefined ? "cluster" : "namespace"}, which the direct engine does not follow; name the context alone, and a namespace on each object`,
    );
  }
  if (kubeconfig === unknown || context === unknown) return undefined;
  const named = typeof context === "string" && context !== "" ? context : undefined;
  // The provider's SDK fills kubeconfig from the environment, which kubectl reads by itself, and may hold several files.
  if (typeof kubeconfig !== "string" || kubeconfig === "" || kubeconfig === process.env["KUBECONFIG"]) {
    if (named === undefined)
      throw new Error(
        `provider "${provider.name}" has neither kubeconfig nor context; set quorum:controlPlane to {mode: existing, context: NAME}`,
      );
    return { context: named };
  }
  if (!kubeconfig.includes("\n") && !kubeconfig.trimStart().startsWith("{")) return { kubeconfig, context: named };
  const file = kubeconfigFile(workspace, stack);
  writePrivate(file, kubeconfig);
  return { kubeconfig: file, context: named };
}

/** Where the kubeconfig of a cluster that the stack itself made is kept. */
export function kubeconfigFile(workspace: Workspace, stack: string): string {
  return join(workspace.stateDir, `${stack}.kubeconfig`);
}
