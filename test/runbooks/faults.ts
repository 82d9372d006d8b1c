import { containerFaults } from "./container-faults.ts";
import { deletionFaults } from "./deletion-faults.ts";
import {
  claim,
  containerSecurity,
  deployment,
  mounting,
  namespaces,
  nodeImage,
  server,
  serverPod,
  service,
  shellImage,
  type Fields,
} from "./objects.ts";

/** A fault, what its page finds, and what its page's fix wants to know. */
export interface Fault {
  readonly page: string;
  /** Name of its Deployment, Service and label. */
  readonly app: string;
  /** Made before all else, so that faults ripen side by side. */
  readonly objects?: readonly Fields[];
  /** Shell that makes the fault when its turn comes. */
  readonly prepare?: string;
  /** Row that counts, by the number of its check; the last one's link leads to the fix. */
  readonly finds: Readonly<Record<number, string>>;
  /** Variables of the page besides NAMESPACE and APP. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Those that are known after the fix only. */
  readonly after?: Readonly<Record<string, string>>;
  /** Shell that takes away what the fix rightly leaves. */
  readonly clean?: string;
}

const caller = {
  PORT: "80",
  CALLER: "$(kubectl get pods -n $NAMESPACE -l app=caller -o jsonpath='{.items[0].metadata.name}')",
  IMAGE: nodeImage,
};
const nobodyRefuses = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "closed", namespace: namespaces.apps },
  spec: { podSelector: { matchLabels: { app: "closed" } }, policyTypes: ["Ingress"] },
};

const serviceFaults: Fault[] = [
  {
    app: "served",
    objects: [deployment("caller"), deployment("served", server, serverPod), service("served", "served")],
    variables: { ...caller, SERVICE: "served" },
    finds: { 1: "$SERVICE", 2: "true", 3: "status 200", 5: "Running" },
  },
  {
    app: "served",
    variables: { ...caller, SERVICE: "servd" },
    finds: { 1: "NotFound", 3: "ENOTFOUND" },
    after: { SERVICE: "served" },
  },
  {
    app: "selected",
    objects: [deployment("selected", server, serverPod), service("selected", "select")],
    variables: { ...caller, SERVICE: "selected" },
    finds: { 1: "$SERVICE", 2: "<none>" },
  },
  {
    app: "unready",
    objects: [
      deployment(
        "unready",
        { ...server, readinessProbe: { httpGet: { path: "/nowhere", port: "portapi" }, periodSeconds: 1 } },
        serverPod,
      ),
      service("unready", "unready"),
    ],
    variables: { ...caller, SERVICE: "unready", READY_PATH: "/" },
    finds: { 2: "false" },
  },
  {
    app: "port",
    objects: [deployment("port", server, serverPod), service("port", "port", 8081)],
    variables: { ...caller, SERVICE: "port" },
    finds: { 2: "true", 3: "ECONNREFUSED" },
  },
  {
    app: "refusing",
    // The program's own "no" is told from one of the way to it.
    objects: [
      deployment("refusing", { ...server, command: ["httpd", "-f", "-p", "8080", "-h", "/tmp"] }, serverPod),
      service("refusing", "refusing"),
    ],
    variables: { ...caller, SERVICE: "refusing" },
    finds: { 3: "status" },
  },
  { app: "closed", objects: [nobodyRefuses], finds: { 4: "map[app:$APP] <none>" } },
].map((fault) => ({ ...fault, page: "service-unreachable.md" }));

const plenty = (name: string, amount: string) => ({
  resources: { requests: { [name]: amount }, limits: { [name]: amount } },
});

const missingFaults: Fault[] = [
  { app: "no-such-app", finds: { 1: "NotFound" } },
  {
    app: "scaled",
    objects: [deployment("scaled", {}, {}, { replicas: 0 })],
    finds: { 1: "0/0" },
  },
  {
    app: "quota",
    objects: [deployment("quota", plenty("cpu", "6k"))],
    variables: { CPU: "10m" },
    finds: { 2: "exceeded quota" },
  },
  {
    app: "privileges",
    objects: [
      deployment("privileges", { securityContext: { ...containerSecurity, capabilities: { add: ["NET_ADMIN"] } } }),
    ],
    finds: { 2: "violates PodSecurity" },
  },
  {
    app: "above-limit",
    objects: [deployment("above-limit", { resources: { requests: { memory: "256Mi" } } })],
    variables: { MEMORY: "32Mi" },
    finds: { 2: "must be less than or equal to" },
  },
  {
    app: "account",
    objects: [deployment("account", {}, { serviceAccountName: "account" })],
    variables: { ACCOUNT: "account" },
    finds: { 2: "serviceaccount not found" },
  },
  {
    app: "untrusted",
    // Refused by the policy of stack dev, whose cluster this is.
    objects: [deployment("untrusted", { image: "registry.invalid/library/busybox:1.35.0" })],
    variables: { IMAGE: shellImage },
    finds: { 2: "ValidatingAdmissionPolicy" },
  },
].map((fault) => ({ ...fault, page: "pods-missing.md" }));

const small = { CPU: "10m", MEMORY: "32Mi" };
const pendingPod = {
  POD: "$(kubectl get pods -n $NAMESPACE -l app=$APP --field-selector=status.phase=Pending -o jsonpath='{.items[0].metadata.name}')",
};

const pendingFaults: Fault[] = [
  {
    app: "cpu",
    objects: [deployment("cpu", plenty("cpu", "1k"))],
    variables: small,
    finds: { 1: "Insufficient cpu" },
  },
  {
    app: "memory",
    objects: [deployment("memory", plenty("memory", "100Ti"))],
    variables: small,
    finds: { 1: "Insufficient memory" },
  },
  {
    app: "nodes",
    objects: [deployment("nodes", {}, { nodeSelector: { disk: "no-such-disk" } })],
    finds: { 1: "didn't match Pod's node affinity/selector" },
  },
  {
    app: "spread",
    objects: [
      deployment(
        "spread",
        {},
        {
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              minDomains: 50,
              topologyKey: "kubernetes.io/hostname",
              whenUnsatisfiable: "DoNotSchedule",
              labelSelector: { matchLabels: { app: "spread" } },
            },
          ],
        },
        { replicas: 2 },
      ),
    ],
    variables: pendingPod,
    finds: { 1: "didn't match pod topology spread constraints" },
  },
  {
    app: "claimless",
    objects: [deployment("claimless", ...mounting({ persistentVolumeClaim: { claimName: "claimless" } }))],
    variables: { CLAIM: "claimless" },
    finds: { 1: "persistentvolumeclaim not found" },
  },
  {
    app: "classless",
    objects: [
      claim("classless", "no-such-class"),
      deployment("classless", ...mounting({ persistentVolumeClaim: { claimName: "classless" } })),
    ],
    variables: { CLAIM: "classless", CLASS: "local-path" },
    finds: { 1: "unbound immediate PersistentVolumeClaims", 3: "storageclass.storage.k8s.io not found" },
  },
  {
    app: "waiting",
    objects: [claim("waiting", "local-path")],
    variables: { CLAIM: "waiting" },
    finds: { 3: "WaitForFirstConsumer" },
  },
].map((fault) => ({ ...fault, page: "pod-pending.md" }));

export const faults: readonly Fault[] = [
  ...serviceFaults,
  ...missingFaults,
  ...pendingFaults,
  ...containerFaults,
  ...deletionFaults,
];
