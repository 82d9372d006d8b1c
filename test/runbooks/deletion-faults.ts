import type { Fault } from "./faults.ts";
import { claim, deployment, mounting, namespaces, pod } from "./objects.ts";

/** Held by a controller that nobody runs. */
const finalizer = "example.com/hold";

const terminatingFaults: Fault[] = [
  { app: "no-such-pod", variables: { POD: "no-such-pod" }, finds: { 1: "NotFound" } },
  {
    app: "held-pod",
    objects: [pod("held-pod", {}, [finalizer])],
    prepare: "kubectl delete pod held-pod -n $NAMESPACE --wait=false",
    variables: { POD: "held-pod" },
    finds: { 1: "[" },
  },
  {
    app: "slow-pod",
    objects: [pod("slow-pod", { terminationGracePeriodSeconds: 600 })],
    prepare:
      "kubectl wait --for=condition=Ready pod/slow-pod -n $NAMESPACE --timeout=30s && " +
      "kubectl delete pod slow-pod -n $NAMESPACE --wait=false",
    variables: {
      POD: "slow-pod",
      NODE: "$(kubectl get pod slow-pod -n $NAMESPACE -o jsonpath='{.spec.nodeName}')",
    },
    finds: { 1: "any other answer", 2: "Ready" },
  },
  {
    app: "lost-pod",
    // Made late: Kubernetes itself takes it away after some 40 s, since its node was never there.
    prepare:
      `echo '${JSON.stringify(pod("lost-pod", { nodeName: "no-such-node" }))}' | kubectl create -f - && ` +
      "kubectl delete pod lost-pod -n $NAMESPACE --wait=false",
    variables: { POD: "lost-pod", NODE: "no-such-node" },
    finds: { 1: "any other answer", 2: "NotFound" },
  },
].map((fault) => ({ ...fault, page: "pod-terminating.md" }));

const heldObject = (namespace: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "held", namespace, finalizers: [finalizer] },
});

const namespaceFaults: Fault[] = [
  {
    app: namespaces.held,
    objects: [heldObject(namespaces.held)],
    prepare: "kubectl delete namespace $NAMESPACE --wait=false",
    variables: { NAMESPACE: namespaces.held, KIND: "configmap", NAME: "held" },
    finds: { 1: "NamespaceFinalizersRemaining", 2: "[" },
  },
  {
    app: namespaces.forced,
    objects: [heldObject(namespaces.forced)],
    prepare: "kubectl delete namespace $NAMESPACE --wait=false",
    variables: { NAMESPACE: namespaces.forced },
    finds: { 1: "NamespaceFinalizersRemaining", 3: "all of them answer" },
    // The page says that what was in it is still there: this fails if it is not.
    clean:
      "kubectl create namespace $NAMESPACE && " +
      `kubectl patch configmap held -n $NAMESPACE --type=merge -p '{"metadata":{"finalizers":null}}' && ` +
      "kubectl delete namespace $NAMESPACE --wait=false",
  },
].map((fault) => ({ ...fault, page: "namespace-terminating.md" }));

const halfDoneFaults: Fault[] = [
  {
    app: "orphans",
    objects: [deployment("orphans")],
    prepare: "kubectl delete deployment $APP -n $NAMESPACE --cascade=orphan",
    finds: { 1: "any other answer", 2: "ReplicaSet <none>" },
  },
  {
    app: "owner",
    objects: [deployment("owner")],
    prepare:
      "kubectl wait --for=condition=Ready pod -l app=$APP -n $NAMESPACE --timeout=30s && " +
      `kubectl patch $(kubectl get pods -n $NAMESPACE -l app=$APP -o name) -n $NAMESPACE --type=merge -p '{"metadata":{"finalizers":["${finalizer}"]}}' && ` +
      "kubectl delete deployment $APP -n $NAMESPACE --cascade=foreground --wait=false",
    finds: { 1: "foregroundDeletion" },
  },
  {
    app: "claimed",
    objects: [
      claim("claimed", "local-path"),
      deployment("claimed", ...mounting({ persistentVolumeClaim: { claimName: "claimed" } })),
    ],
    prepare:
      "kubectl wait --for=condition=Ready pod -l app=$APP -n $NAMESPACE --timeout=60s && " +
      "kubectl delete persistentvolumeclaim claimed -n $NAMESPACE --wait=false",
    variables: { CLAIM: "claimed" },
    finds: { 1: "<none>", 3: "Terminating" },
  },
  {
    app: "half",
    objects: [deployment("half")],
    finds: { 3: "any other answer" },
  },
].map((fault) => ({ ...fault, page: "deletion-half-done.md" }));

export const deletionFaults: readonly Fault[] = [...terminatingFaults, ...namespaceFaults, ...halfDoneFaults];
