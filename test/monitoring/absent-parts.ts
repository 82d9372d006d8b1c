import type { Config } from "../../config/parse.ts";

/** A part whose series are in a file because the stack, or the machine that it runs on, has not got it. */
export interface AbsentPart {
  /** Name of its file under `series/`. */
  readonly name: string;
  /** Why it is not there; undefined where it is, and its series must be real ones. */
  readonly reason: (config: Config) => string | undefined;
}

/** The whole list: what is not named here is proved on what runs, or not at all. */
export const writtenParts: readonly AbsentPart[] = [
  {
    name: "kube-state-metrics",
    reason: ({ skipped }) => skipped.find(({ name }) => name === "kube-state-metrics")?.reason,
  },
  {
    name: "traefik",
    reason: ({ ingress }) =>
      ingress.controller === "traefik" ? undefined : "the stack has no ingress controller of its own",
  },
  {
    name: "backups",
    reason: ({ backup }) => (backup === undefined ? "the stack backs nothing up" : undefined),
  },
  {
    name: "etcd-peers",
    reason: ({ controlPlane }) =>
      controlPlane.mode === "kubeadm" && Object.keys(controlPlane.hosts).length === 1
        ? "the only member of etcd has no peer"
        : undefined,
  },
  {
    name: "balancer",
    reason: ({ controlPlane }) =>
      controlPlane.mode === "kubeadm" && controlPlane.balancer?.kind === "haproxy"
        ? undefined
        : "the control plane has no HAProxy of its own",
  },
  {
    name: "alertmanager-peers",
    reason: ({ monitoring }) =>
      monitoring.alertmanager.replicas === 1 ? "the only member of Alertmanager has no other" : undefined,
  },
  { name: "istio", reason: () => "no stack has a mesh yet" },
  { name: "cert-manager", reason: () => "a stack uses cert-manager where it is, and brings none" },
];

/** Series that a part makes only when something happens or fails: what alerts name. They prove no panel. */
export const eventSeries = "events";
