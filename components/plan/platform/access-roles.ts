/** Who may do what in a stack's namespaces: each may do all that the one before may. */
export const accessRoles = ["viewer", "developer", "operator"] as const;
export type AccessRole = (typeof accessRoles)[number];

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const read = ["get", "list", "watch"];
const write = ["create", "update", "patch", "delete"];
const networking = ["networking.k8s.io", "gateway.networking.k8s.io"];
const rbac = ["rbac.authorization.k8s.io"];

const viewer: readonly Rule[] = [
  {
    apiGroups: [""],
    resources: [
      "configmaps",
      "endpoints",
      "events",
      "limitranges",
      "persistentvolumeclaims",
      "pods",
      "replicationcontrollers",
      "resourcequotas",
      "serviceaccounts",
      "services",
    ],
    verbs: read,
  },
  {
    apiGroups: ["apps"],
    resources: ["controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"],
    verbs: read,
  },
  { apiGroups: ["batch"], resources: ["cronjobs", "jobs"], verbs: read },
  { apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: read },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: read },
  { apiGroups: networking, resources: ["gateways", "httproutes", "ingresses", "networkpolicies"], verbs: read },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: read },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: read },
  { apiGroups: ["metrics.k8s.io"], resources: ["pods"], verbs: read },
  { apiGroups: rbac, resources: ["rolebindings", "roles"], verbs: read },
];

/** Who may make a pod can mount any Secret of the namespace into it: that is Kubernetes' own border, and these rules cannot move it. */
const developer: readonly Rule[] = [
  { apiGroups: [""], resources: ["configmaps", "pods", "services"], verbs: write },
  { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: ["create", "update", "patch"] },
  { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
  // A request that is upgraded is a get; newer API servers ask for create besides.
  { apiGroups: [""], resources: ["pods/attach", "pods/exec", "pods/portforward"], verbs: ["get", "create"] },
  { apiGroups: [""], resources: ["pods/ephemeralcontainers"], verbs: ["update", "patch"] },
  { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
  { apiGroups: ["apps"], resources: ["daemonsets", "deployments", "statefulsets"], verbs: write },
  {
    apiGroups: ["apps"],
    resources: ["deployments/scale", "statefulsets/scale"],
    verbs: ["get", "update", "patch"],
  },
  { apiGroups: ["batch"], resources: ["cronjobs", "jobs"], verbs: write },
  { apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: write },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: write },
  { apiGroups: networking, resources: ["httproutes", "ingresses"], verbs: write },
];

/** Without `bind` and `escalate`: nobody can give away more than they have. */
const operator: readonly Rule[] = [
  { apiGroups: [""], resources: ["secrets"], verbs: [...read, ...write] },
  { apiGroups: [""], resources: ["limitranges", "resourcequotas", "serviceaccounts"], verbs: write },
  { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: ["delete"] },
  { apiGroups: networking, resources: ["gateways", "networkpolicies"], verbs: write },
  { apiGroups: rbac, resources: ["rolebindings", "roles"], verbs: write },
];

/**
 * In a namespace whose pods may do anything with their hosts nobody may make a pod or get into one: whoever could would be root on
 * every host, and read every key of the control plane.
 */
const nearHosts: Readonly<Record<AccessRole, readonly Rule[]>> = {
  viewer: [],
  developer: [{ apiGroups: [""], resources: ["pods/log"], verbs: ["get"] }],
  operator: [
    { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
    { apiGroups: [""], resources: ["pods"], verbs: ["delete"] },
    { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
    { apiGroups: ["batch"], resources: ["jobs"], verbs: ["delete"] },
  ],
};

/**
 * What a role may do in a namespace of the stack.
 *
 * @param privileged whether its pods may do anything with their hosts. @default false
 */
export function namespaceRules(role: AccessRole, privileged = false): readonly Rule[] {
  if (privileged) return [...viewer, ...nearHosts[role]];
  switch (role) {
    case "viewer":
      return viewer;
    case "developer":
      return [...viewer, ...developer];
    case "operator":
      return [...viewer, ...developer, ...operator];
  }
}

/** What operators may see of the cluster itself. */
export const clusterRules: readonly Rule[] = [
  { apiGroups: [""], resources: ["namespaces", "nodes", "persistentvolumes"], verbs: read },
  { apiGroups: ["storage.k8s.io"], resources: ["storageclasses"], verbs: read },
  { apiGroups: ["metrics.k8s.io"], resources: ["nodes"], verbs: read },
];

/** The groups of a role, by its key in quorum:security.access. */
export interface AccessGroups {
  readonly viewers: readonly string[];
  readonly developers: readonly string[];
  readonly operators: readonly string[];
}

export function groupsOf(access: AccessGroups, role: AccessRole): readonly string[] {
  return access[`${role}s`];
}
