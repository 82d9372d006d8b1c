import type { ControlPlanePlan } from "./control-plane.ts";
import { patchesFolder, toYaml } from "./kubeadm-config.ts";
import { putFile } from "../shell.ts";

const patch = `${patchesFolder}/kube-apiserver0+strategic.yaml`;
/** By what name an API server tells of the etcd of events, the only one that it has beside the main one. */
const checks = ["etcd-override-0", "etcd-override-readiness-0"];

/**
 * Path by which an API server says whether it can be used. By itself it says no, and its kubelet restarts it, as soon as the etcd of
 * events is gone, though all but events goes on; whoever asks leaves that one out.
 */
export function healthPath(path: "/livez" | "/readyz", ownEvents: boolean): string {
  if (!ownEvents) return path;
  return `${path}?${checks.map((check) => `exclude=${check}`).join("&")}`;
}

export function hasOwnEvents({ etcd }: Pick<ControlPlanePlan, "etcd">): boolean {
  return etcd.some(({ cluster }) => cluster === "events");
}

/** Lines that have kubeadm's probes of the API server ask so too. */
export function eventsProbeLines(plan: Pick<ControlPlanePlan, "etcd">): string[] {
  if (!hasOwnEvents(plan)) return [`rm -f ${patch}`];
  const probe = (path: "/livez" | "/readyz") => ({ httpGet: { path: healthPath(path, true) } });
  const container = {
    name: "kube-apiserver",
    livenessProbe: probe("/livez"),
    readinessProbe: probe("/readyz"),
    startupProbe: probe("/livez"),
  };
  return [putFile(patch, "644", toYaml([{ spec: { containers: [container] } }]))];
}
