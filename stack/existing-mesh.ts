import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import {
  existingMeshProblems,
  type FoundMesh,
  type InjectionWebhook,
  neededKinds,
} from "../components/plan/mesh/existing-mesh.ts";
import { InputError } from "../components/plan/problems.ts";
import { type KubectlCommand, readAll, readKinds, readObject, withCluster } from "./cluster-reads.ts";
import type { StackContext } from "./context.ts";

/**
 * Looks whether the cluster has what a stack needs of a mesh that is not its own: kinds, a webhook that gives its pods a proxy, and the
 * trust domain that its policies name. In `up` alone, by whichever engine: a preview changes nothing, and a render has no cluster.
 *
 * @throws InputError naming all that is missing, before anything of the mesh is made
 */
export async function checkExistingMesh({ config, access }: StackContext): Promise<void> {
  const needed = neededKinds(config);
  if (pulumi.runtime.isDryRun() || needed.length === 0) return;
  const cluster = await new Promise<{ kubeconfig: string | undefined; context: string | undefined }>((resolve) => {
    const both = pulumi.output({ kubeconfig: access.kubeconfig, context: access.context });
    both.apply(resolve as (value: unknown) => void);
  });
  const found = await withCluster(cluster, (kubectl) => findMesh(kubectl, config));
  const problems = existingMeshProblems(config, found);
  if (problems.length > 0) throw new InputError("the cluster's mesh", problems);
}

async function findMesh(kubectl: KubectlCommand, config: StackContext["config"]): Promise<FoundMesh> {
  const { mesh, namespaces } = config;
  const kinds = Object.fromEntries(
    await Promise.all(
      neededKinds(config).map(async ({ apiVersion }) => [apiVersion, await readKinds(kubectl, apiVersion)] as const),
    ),
  );
  if (mesh.mode !== "existing") return { kinds, webhooks: [], meshConfig: undefined };
  return {
    kinds,
    webhooks: await mutatingWebhooks(kubectl),
    meshConfig: await readMeshConfig(kubectl, namespaces.mesh, mesh.revision),
  };
}

async function mutatingWebhooks(kubectl: KubectlCommand): Promise<InjectionWebhook[]> {
  const all = await readAll<{ webhooks?: InjectionWebhook[] }>(kubectl, "mutatingwebhookconfigurations");
  return all.flatMap(({ webhooks = [] }) => webhooks);
}

async function readMeshConfig(
  kubectl: KubectlCommand,
  namespace: string,
  revision: string | undefined,
): Promise<FoundMesh["meshConfig"]> {
  const named = revision === undefined ? ["istio"] : [`istio-${revision}`, "istio"];
  for (const name of named) {
    const at = { apiVersion: "/v1", kind: "configmaps", name };
    const found = await readObject<{ data?: Record<string, string> }>(kubectl, at, namespace);
    const text = found?.data?.["mesh"];
    if (text !== undefined) return (parse(text) ?? {}) as NonNullable<FoundMesh["meshConfig"]>;
  }
  return undefined;
}
