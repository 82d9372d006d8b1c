import { balancerMetricsPort, planBalancer } from "./balancer.ts";
import { apiInstances, etcdMembers, etcdModeOf } from "./etcd-members.ts";
import type { KubeadmSettings } from "./hosts.ts";
import { placeComponents } from "./topology.ts";

/** A part of a control plane that gives series: where, and of which host. */
export interface ControlPlaneTarget {
  /** host:port */
  readonly address: string;
  readonly node: string;
  readonly pod: string;
}

/**
 * What the labels of pods do not tell of a layout that kubeadm alone does not make: several of one part on a host differ by ports
 * alone, and what runs on a host of etcd alone is no pod of the cluster.
 */
export interface ControlPlaneLayout {
  /** By job; one that is missing is found by the pods' labels, as kubeadm sets them. */
  readonly targets: Readonly<Record<string, readonly ControlPlaneTarget[]>>;
  /** Ports by which pods of the cluster may be led to an API server. */
  readonly apiPorts: readonly number[];
}

/** Jobs of the parts of one set. */
const setJobs = {
  api: "apiserver",
  controllerManager: "kube-controller-manager",
  scheduler: "kube-scheduler",
} as const;
const setPods = {
  api: "kube-apiserver",
  controllerManager: "kube-controller-manager",
  scheduler: "kube-scheduler",
} as const;
/** Each etcd cluster has a job of its own, so that its members and its quorum are counted by themselves. */
export const eventsJob = "etcd-events";
export const balancerJob = "haproxy";

export function controlPlaneLayout(settings: KubeadmSettings): ControlPlaneLayout {
  const members = etcdMembers(settings);
  const of = (cluster: "main" | "events"): ControlPlaneTarget[] =>
    members
      .filter((one) => one.cluster === cluster)
      .map(({ address, ports, host, pod }) => ({
        address: `${address}:${ports.metrics}`,
        node: host,
        pod: `${pod}-${host}`,
      }));
  const external = etcdModeOf(placeComponents(settings)) === "external";
  const instances = apiInstances(settings);
  const several = instances.some(({ number }) => number > 1);
  const sets = (["api", "controllerManager", "scheduler"] as const).map((part) => [
    setJobs[part],
    instances.map(({ address, ports, host, number }) => ({
      address: `${address}:${ports[part]}`,
      node: host,
      pod: `${setPods[part]}${number === 1 ? "" : number}-${host}`,
    })),
  ]) satisfies (readonly [string, ControlPlaneTarget[]])[];
  const balancer = settings.balancer?.kind === "haproxy" ? [settings.balancer.port] : [];
  const figures = planBalancer(settings, placeComponents(settings));
  return {
    targets: {
      ...(external ? { etcd: of("main") } : {}),
      ...(settings.etcd.events === "own" ? { [eventsJob]: of("events") } : {}),
      ...(several ? Object.fromEntries(sets) : {}),
      ...(figures?.metrics === true
        ? {
            [balancerJob]: figures.hosts.map(({ name, address }) => ({
              address: `${address}:${balancerMetricsPort}`,
              node: name,
              pod: `haproxy-${name}`,
            })),
          }
        : {}),
    },
    apiPorts: several ? [...instances.map(({ ports: { api } }) => api), ...balancer] : [],
  };
}

/** A configuration that says of its control plane what pods' labels do not. */
export function withLayout<
  Settings extends {
    readonly controlPlane: { readonly mode: "existing" } | ({ readonly mode: "kubeadm" } & KubeadmSettings);
  },
>(settings: Settings): Settings & { readonly controlPlane: { readonly layout?: ControlPlaneLayout } } {
  const { controlPlane } = settings;
  if (controlPlane.mode === "existing") return settings;
  return { ...settings, controlPlane: { ...controlPlane, layout: controlPlaneLayout(controlPlane) } };
}
