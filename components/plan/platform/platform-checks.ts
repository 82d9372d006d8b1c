import type { Place } from "../connections/parties.ts";
import type { Problem } from "../problems.ts";

/** What of a configuration may ask for something outside the stack's own namespaces. */
export interface PlatformNeeds {
  readonly platform: "owned" | "shared";
  readonly namespaces: Readonly<Record<Place, string>>;
  readonly security: { readonly signatures?: unknown; readonly exemptNamespaces: readonly string[] };
  readonly storage: { readonly provisioner?: "local-path" | "existing" | undefined };
  readonly monitoring: {
    readonly metricsServer: { readonly enabled?: boolean | undefined };
    readonly nodeExporter: { readonly enabled?: boolean | undefined };
    readonly kubeStateMetrics: { readonly enabled?: boolean | undefined };
    readonly collector: { readonly agent: { readonly enabled?: boolean | undefined } };
  };
  readonly ingress: { readonly controller: "traefik" | "istio" | "existing" };
  readonly controlPlane: { readonly mode: "existing" | "kubeadm" };
  readonly mesh?: { readonly mode: string } | undefined;
}

/** Namespaces that are not a stack's to make or take away, and whose they are. */
const reservedNamespaces = [
  "default",
  "kube-node-lease",
  "kube-public",
  "kube-system",
  "local-path-storage",
  "quorum-system",
];

/** Everything that a stack wants and a cluster of another stack's will not have. */
export function platformProblems(needs: PlatformNeeds): Problem[] {
  if (needs.platform === "owned") return [];
  const { controlPlane, ingress, monitoring, security, storage } = needs;
  const owner = "on a shared platform (quorum:platform)";
  const problems: Problem[] = [];
  const refuse = (wanted: boolean, key: string, text: string) => {
    if (wanted) problems.push({ key: `quorum:${key}`, text });
  };
  refuse(
    controlPlane.mode === "kubeadm",
    "controlPlane.mode",
    `is "kubeadm", but ${owner} the cluster is another stack's; set it to existing, with the context of that cluster`,
  );
  refuse(
    storage.provisioner === "local-path",
    "storage.provisioner",
    `is "local-path", but ${owner} a StorageClass is the owner's to make; set it to existing`,
  );
  refuse(
    monitoring.metricsServer.enabled === true,
    "monitoring.metricsServer.enabled",
    `is true, but ${owner} an API of the cluster is the owner's to make; set it to false`,
  );
  refuse(
    monitoring.nodeExporter.enabled === true,
    "monitoring.nodeExporter.enabled",
    `is true, but ${owner} the hosts are the owner's to watch; set it to false`,
  );
  refuse(
    monitoring.kubeStateMetrics.enabled === true,
    "monitoring.kubeStateMetrics.enabled",
    `is true, but ${owner} all objects of the cluster are the owner's to watch; set it to false`,
  );
  refuse(
    monitoring.collector.agent.enabled === true,
    "monitoring.collector.agent.enabled",
    `is true, but ${owner} the logs of the hosts are the owner's to read; set it to false`,
  );
  refuse(
    ingress.controller !== "existing",
    "ingress.controller",
    `is "${ingress.controller}", but ${owner} an IngressClass is the owner's to make; set it to existing`,
  );
  refuse(
    needs.mesh?.mode === "install",
    "mesh.mode",
    `is "install", but ${owner} Istio is the owner's to install; set it to existing, or to off`,
  );
  refuse(
    security.signatures !== undefined,
    "security.signatures",
    `is set, but ${owner} a policy about the cluster's images is the owner's to make; leave it out`,
  );
  refuse(
    security.exemptNamespaces.length > 0,
    "security.exemptNamespaces",
    `is ${security.exemptNamespaces.join(", ")}, but ${owner} admission is the owner's; name them there`,
  );
  return problems;
}

/** Names that cannot be a namespace of a stack, or that two of its namespaces have. */
export function namespaceProblems(namespaces: Readonly<Record<Place, string>>): Problem[] {
  const problems: Problem[] = [];
  const taken = new Map<string, string>();
  for (const [key, name] of Object.entries(namespaces)) {
    if (reservedNamespaces.includes(name)) {
      problems.push({
        key: `quorum:namespaces.${key}`,
        text: `is "${name}", but it must be a namespace of this stack's own, as down takes it away; set another name`,
      });
    }
    const other = taken.get(name);
    if (other !== undefined) {
      problems.push({
        key: `quorum:namespaces.${key}`,
        text: `is "${name}", but ${other} has that name already; set another name`,
      });
    }
    taken.set(name, other ?? key);
  }
  return problems;
}
