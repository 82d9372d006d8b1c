/** On each member: the log, and beside it the files that were rotated. */
export const auditFolder = "/var/log/kubernetes/audit";

type Rule = Readonly<Record<string, unknown>>;

const reads = ["get", "list", "watch"];
const writes = ["create", "update", "patch", "delete", "deletecollection"];
const core = (...resources: string[]) => ({ group: "", resources });

/** What tells nothing about anybody and is most of the traffic: the control plane's own reads, heartbeats and probes. */
const unheard: Rule[] = [
  {
    level: "None",
    nonResourceURLs: [
      "/healthz*",
      "/livez*",
      "/readyz*",
      "/version",
      "/openapi/*",
      "/api",
      "/apis",
      "/api/*",
      "/apis/*",
    ],
  },
  { level: "None", resources: [core("events"), { group: "events.k8s.io", resources: ["events"] }] },
  {
    level: "None",
    userGroups: ["system:nodes", "system:serviceaccounts:kube-system"],
    resources: [{ group: "coordination.k8s.io", resources: ["leases"] }],
  },
  {
    level: "None",
    users: ["system:kube-controller-manager", "system:kube-scheduler", "system:apiserver"],
    resources: [{ group: "coordination.k8s.io", resources: ["leases"] }],
  },
  {
    level: "None",
    userGroups: ["system:nodes"],
    verbs: ["update", "patch"],
    resources: [core("nodes/status", "pods/status")],
  },
];

/** Nobody's body of these is ever in the log: they are secrets, or hold them. */
const bodiless: Rule = {
  level: "Metadata",
  resources: [
    core("secrets", "configmaps", "serviceaccounts/token"),
    { group: "authentication.k8s.io", resources: ["tokenreviews"] },
    { group: "certificates.k8s.io", resources: ["certificatesigningrequests"] },
  ],
};

const ownReads: Rule[] = [
  {
    level: "None",
    users: ["system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy", "system:apiserver"],
    verbs: reads,
  },
  { level: "None", userGroups: ["system:nodes", "system:serviceaccounts:kube-system"], verbs: reads },
];

/** Who may do what, and what is let in: a change is told with what was there and what came of it. */
const access: Rule = {
  level: "RequestResponse",
  verbs: writes,
  resources: [
    { group: "rbac.authorization.k8s.io" },
    { group: "admissionregistration.k8s.io" },
    { group: "networking.k8s.io", resources: ["networkpolicies"] },
    core("namespaces"),
  ],
};

/**
 * What the API server writes down: who did what to which object and when, for everybody; bodies only where they say who may do
 * what. The first rule that fits counts.
 *
 * @see https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#audit-policy
 */
export function auditPolicy(): Record<string, unknown> {
  return {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    // Each request once: when it was answered, or when it panicked.
    omitStages: ["RequestReceived"],
    omitManagedFields: true,
    rules: [...unheard, bodiless, ...ownReads, access, { level: "Metadata" }],
  };
}
