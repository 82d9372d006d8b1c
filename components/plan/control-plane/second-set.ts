import { adminKubeconfig, nodeSeconds } from "./host-steps.ts";
import type { ControlPlanePlan, PlannedHost } from "./control-plane.ts";
import { type ApiInstance, manifests } from "./etcd-members.ts";
import { hasOwnEvents, healthPath } from "./events-probes.ts";
import { hostFolder } from "./kubeadm-config.ts";
import { shellQuote } from "../shell.ts";
import { staticPodFunctions } from "./static-pods.ts";

/** One part of kubeadm's set: its static pod, and its kubeconfig, where it has one. */
interface Part {
  readonly port: keyof ApiInstance["ports"];
  readonly pod: string;
  readonly kubeconfig?: string;
}

const parts: readonly Part[] = [
  { port: "api", pod: "kube-apiserver" },
  { port: "controllerManager", pod: "kube-controller-manager", kubeconfig: "controller-manager" },
  { port: "scheduler", pod: "kube-scheduler", kubeconfig: "scheduler" },
];

const folder = `${hostFolder}/second-set`;

/**
 * Lines that make a host's further API servers, controller managers and schedulers, or bring them up to the first, which kubeadm
 * made: the same static pods at other ports, by names of their own. To be run whenever kubeadm has written its manifests or
 * kubeconfigs; one pod at a time ends, once the others of its kind answer.
 *
 * Their pods have labels of their own too: of two pods with kubeadm's label on one node, kubeadm refuses to choose. Controller
 * managers and schedulers elect a leader among them; each asks the API server of its own set.
 *
 * @param anew whether the pods restart even where nothing of them differs, as after a renewal of certificates
 */
export function secondSetLines(plan: ControlPlanePlan, host: PlannedHost, anew = false): string[] {
  const [first, ...further] = plan.apiServers.filter((instance) => instance.host === host.name);
  if (first === undefined || further.length === 0) return [];
  return [
    staticPodFunctions(host),
    `restore_pods`,
    `mkdir -p ${folder}`,
    `api_ready() { kubectl --kubeconfig ${adminKubeconfig} --server https://${host.address}:$1 get --raw '${healthPath("/readyz", hasOwnEvents(plan))}' >/dev/null 2>&1; }`,
    `wait_for ${nodeSeconds} api_ready ${first.ports.api} || fail "the API server of ${host.name} is not ready, so no other of that host is restarted; look at its log on ${host.address}"`,
    // follow POD PORT: the manifest that was made aside takes its place, where it says something else
    `follow() {`,
    `  if ${anew ? "true" : `! cmp -s ${folder}/$1.yaml ${manifests}/$1.yaml`}; then swap_pod "$1" "$2" ${folder}/$1.yaml; fi`,
    `  rm -f ${folder}/$1.yaml`,
    `  wait_for ${nodeSeconds} listens "$2" || fail "$1 of ${host.name} does not answer at port $2; look at its log on ${host.address}"`,
    `}`,
    ...further.flatMap((instance) => [
      ...parts.flatMap((part) => partLines(part, first, instance)),
      `wait_for ${nodeSeconds} api_ready ${instance.ports.api} || fail "API server ${instance.number} of ${host.name} is not ready; look at its log on ${host.address}"`,
    ]),
  ];
}

function partLines({ port, pod, kubeconfig }: Part, first: ApiInstance, instance: ApiInstance): string[] {
  const name = `${pod}${instance.number}`;
  const [from, to] = [first.ports[port], instance.ports[port]];
  const made = `${folder}/${name}.yaml`;
  const edits = [
    `s/^  name: ${pod}$/  name: ${name}/`,
    `s/^    component: ${pod}$/    component: ${name}/`,
    `s/\\b${from}\\b/${to}/g`,
    // Two that write one audit log would cut each other's lines.
    `s|^\\( *- --audit-log-path=.*\\)\\.log$|\\1-${instance.number}.log|`,
  ];
  if (kubeconfig === undefined)
    return [
      `sed ${edits.map((edit) => `-e '${edit}'`).join(" ")} ${manifests}/${pod}.yaml > ${made}`,
      `follow ${name} ${to}`,
    ];
  const [theirs, own] = [`/etc/kubernetes/${kubeconfig}.conf`, `/etc/kubernetes/${kubeconfig}${instance.number}.conf`];
  edits.push(
    `s|${theirs.replaceAll(".", "\\.")}|${own}|g`,
    // kubeadm leaves these ports to their defaults.
    `s/^\\( *\\)- --leader-elect=true$/&\\n\\1- --secure-port=${to}/`,
  );
  return [
    `sed 's|^\\( *server: .*\\):${first.ports.api}$|\\1:${instance.ports.api}|' ${theirs} | put ${own} 600`,
    `sed ${edits.map((edit) => `-e '${edit}'`).join(" ")} ${manifests}/${pod}.yaml > ${made}`,
    `follow ${name} ${to}`,
  ];
}

/**
 * Lines that tell pods of the cluster where its API is, on a host with several API servers: each would tell of itself alone, by
 * the one address and another port. Pods are sent to the HAProxy of the host, which leaves out an API server that is not ready;
 * with a balancer elsewhere, of which only the name is known, to each API server in turn.
 */
export function apiEndpointLines(plan: ControlPlanePlan, host: PlannedHost): string[] {
  const own = plan.apiServers.filter((instance) => instance.host === host.name);
  if (own.length < 2) return [];
  const ports = plan.balancer?.kind === "haproxy" ? [plan.balancer.port] : own.map(({ ports: { api } }) => api);
  const named = (name: string, labels: object) => ({ metadata: { name, namespace: "default", labels } });
  const at = (port: number) => [{ name: "https", port, protocol: "TCP" }];
  const slices = ports.map((port, index) => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    ...named(index === 0 ? "kubernetes" : `kubernetes-${index + 1}`, { "kubernetes.io/service-name": "kubernetes" }),
    addressType: "IPv4",
    endpoints: [{ addresses: [host.address], conditions: { ready: true } }],
    ports: at(port),
  }));
  const endpoints = {
    apiVersion: "v1",
    kind: "Endpoints",
    // As Kubernetes itself marks it: no further slice is made from it.
    ...named("kubernetes", { "endpointslice.kubernetes.io/skip-mirror": "true" }),
    subsets: ports.map((port) => ({ addresses: [{ ip: host.address }], ports: at(port) })),
  };
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: [...slices, endpoints] });
  return [
    `echo ${shellQuote(list)} | kubectl --kubeconfig ${adminKubeconfig} apply --server-side --force-conflicts --field-manager quorum -f - >&2`,
  ];
}
