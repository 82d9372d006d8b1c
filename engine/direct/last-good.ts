import type { Kubectl } from "./kubectl.ts";
import { identityOf, keyOf, type KubeObject, type ObjectIdentity } from "./objects.ts";
import { getMany } from "./read-objects.ts";
import { readinessOf } from "./readiness.ts";
import { readyContainers } from "./stuck-pods.ts";

export type Template = Readonly<Record<string, unknown>>;

/** What a workload was when it was good: its pods' template, and the files and variables that the template refers to. */
export interface GoodState {
  readonly template: Template;
  readonly files: readonly KubeObject[];
}

/** On a workload that goes back by itself when its roll-out fails. */
export const rollbackAnnotation = "quorum.dev/rollback";
const workloadKinds = new Set(["Deployment", "StatefulSet", "DaemonSet"]);

export function goesBack({ kind, metadata }: KubeObject): boolean {
  const annotations = metadata["annotations"] as Record<string, string> | undefined;
  return workloadKinds.has(kind) && annotations?.[rollbackAnnotation] === "true";
}

/** The state of every workload among these that is ready, by key: what it could go back to. */
export async function readGoodStates(kubectl: Kubectl, live: readonly KubeObject[]): Promise<Map<string, GoodState>> {
  const good = live.filter((object) => workloadKinds.has(object.kind) && readinessOf(object).ready);
  const referred = good.map((object) => referredFiles(templateOf(object), object.metadata.namespace));
  const distinct = [...new Map(referred.flat().map((identity) => [keyOf(identity), identity])).values()];
  const files = distinct.length === 0 ? [] : await kubectl.get(distinct);
  return new Map(
    good.map((object, index) => {
      const mine = new Set((referred[index] ?? []).map(keyOf));
      const state = { template: templateOf(object), files: files.filter((file) => mine.has(keyOf(identityOf(file)))) };
      return [keyOf(identityOf(object)), state];
    }),
  );
}

/** A copy that lacks some of the fields. */
export function without<Value>(fields: Readonly<Record<string, Value>>, ...names: string[]): Record<string, Value> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

export function templateOf(workload: KubeObject): Template {
  return ((workload["spec"] as Record<string, unknown> | undefined)?.["template"] ?? {}) as Template;
}

interface Reference {
  readonly name?: string;
  readonly secretName?: string;
}
interface Source {
  readonly configMap?: Reference;
  readonly secret?: Reference;
}
interface PodSpec {
  readonly volumes?: readonly (Source & { readonly projected?: { readonly sources?: readonly Source[] } })[];
  readonly containers?: readonly ContainerSpec[];
  readonly initContainers?: readonly ContainerSpec[];
}
interface ContainerSpec {
  readonly env?: readonly { valueFrom?: { configMapKeyRef?: Reference; secretKeyRef?: Reference } }[];
  readonly envFrom?: readonly { configMapRef?: Reference; secretRef?: Reference }[];
}

/** The ConfigMaps and Secrets that a template refers to. */
export function referredFiles(template: Template, namespace: string | undefined): ObjectIdentity[] {
  const { volumes = [], containers = [], initContainers = [] } = (template["spec"] ?? {}) as PodSpec;
  const sources = volumes.flatMap((volume) => [volume, ...(volume.projected?.sources ?? [])]);
  const all = [...initContainers, ...containers];
  const variables = all.flatMap(({ env = [] }) => env.flatMap(({ valueFrom }) => valueFrom ?? []));
  const whole = all.flatMap(({ envFrom = [] }) => envFrom);
  const referred = [
    ...sources.map(({ configMap, secret }) => ({ ConfigMap: configMap, Secret: secret })),
    ...variables.map(({ configMapKeyRef, secretKeyRef }) => ({ ConfigMap: configMapKeyRef, Secret: secretKeyRef })),
    ...whole.map(({ configMapRef, secretRef }) => ({ ConfigMap: configMapRef, Secret: secretRef })),
  ];
  return (["ConfigMap", "Secret"] as const).flatMap((kind) =>
    referred.flatMap(({ [kind]: reference }) => {
      const name = reference?.name ?? reference?.secretName;
      return name === undefined ? [] : [{ apiVersion: "v1", kind, namespace, name }];
    }),
  );
}

/**
 * The newest earlier template of a workload that still has a ready pod. For a roll-out that an earlier run began:
 * then nobody remembers how the workload was before it.
 */
export async function servingTemplate(kubectl: Kubectl, workload: KubeObject): Promise<Template | undefined> {
  const namespace = workload.metadata.namespace ?? "default";
  const owned = async (kind: string) => {
    const isOwner = ({ uid }: { uid?: string }) => uid === workload.metadata["uid"];
    return (await getMany(kubectl, kind, namespace)).filter(({ metadata }) =>
      ((metadata["ownerReferences"] ?? []) as { uid?: string }[]).some(isOwner),
    );
  };
  return workload.kind === "Deployment"
    ? servingReplicaSet(await owned("replicasets"))
    : servingRevision(workload, await owned("controllerrevisions"), await owned("pods"));
}

function servingReplicaSet(replicaSets: readonly KubeObject[]): Template | undefined {
  const revision = ({ metadata }: KubeObject) =>
    Number((metadata["annotations"] as Record<string, string> | undefined)?.["deployment.kubernetes.io/revision"] ?? 0);
  const [, ...earlier] = [...replicaSets].sort((a, b) => revision(b) - revision(a));
  const serving = earlier.find(({ status }) => Number((status as { readyReplicas?: number }).readyReplicas ?? 0) > 0);
  return serving === undefined ? undefined : withoutHash(templateOf(serving));
}

function servingRevision(
  { metadata: { name } }: KubeObject,
  revisions: readonly KubeObject[],
  pods: readonly KubeObject[],
): Template | undefined {
  const ready = pods.filter((pod) => readyContainers(pod).length > 0);
  const labels = new Set(ready.map(({ metadata }) => metadata.labels?.["controller-revision-hash"] ?? ""));
  const [, ...earlier] = [...revisions].sort((a, b) => Number(b["revision"]) - Number(a["revision"]));
  // A StatefulSet's pods carry the revision's name, a DaemonSet's the end of it.
  const serving = earlier.find(({ metadata }) =>
    [...labels].some((label) => metadata.name === label || metadata.name === `${name}-${label}`),
  );
  const template = (serving?.["data"] as { spec?: { template?: Record<string, unknown> } } | undefined)?.spec?.template;
  if (template === undefined) return undefined;
  return without(template, "$patch");
}

/** The label by which a Deployment tells its ReplicaSets apart is no part of what somebody wrote. */
function withoutHash(template: Template): Template {
  const metadata = (template["metadata"] ?? {}) as { labels?: Record<string, string> };
  return { ...template, metadata: { ...metadata, labels: without(metadata.labels ?? {}, "pod-template-hash") } };
}
