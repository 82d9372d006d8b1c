/** What is told of, and the API group that it is in: what rules and dashboards ask for. */
const groups = {
  cronjobs: "batch",
  daemonsets: "apps",
  deployments: "apps",
  horizontalpodautoscalers: "autoscaling",
  jobs: "batch",
  namespaces: "",
  nodes: "",
  persistentvolumeclaims: "",
  persistentvolumes: "",
  poddisruptionbudgets: "policy",
  pods: "",
  resourcequotas: "",
  statefulsets: "apps",
} as const;

/** Kinds of objects that kube-state-metrics tells of. */
export const watchedResources = Object.keys(groups) as readonly (keyof typeof groups)[];

/** Leave to look at just these. */
export function watchRules(): { apiGroups: string[]; resources: string[]; verbs: string[] }[] {
  return [...new Set(Object.values(groups))].sort().map((group) => ({
    apiGroups: [group],
    resources: watchedResources.filter((resource) => groups[resource] === group),
    verbs: ["list", "watch"],
  }));
}
