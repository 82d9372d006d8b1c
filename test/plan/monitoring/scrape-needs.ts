import type { ScrapeNeeds } from "../../../components/plan/monitoring/scrape-jobs.ts";
import type { SizingNeeds } from "../../../components/plan/monitoring/sizing.ts";

type Needs = ScrapeNeeds & SizingNeeds;

const part = { enabled: false, cpuMillis: 0, memoryMiB: 0 };

export const namespaces: Needs["namespaces"] = {
  apps: "shop",
  monitoring: "watch",
  agents: "watch-agents",
  ingress: "doors",
  registry: "registry",
  ui: "ui",
  mesh: "mesh",
  meshAgents: "mesh-agents",
};

/** A stack with one service and Prometheus alone, and whatever else a test is about. */
export function needs(more: Partial<Needs> = {}, parts: Partial<Needs["monitoring"]> = {}): Needs {
  return {
    platform: "owned",
    namespaces,
    services: {
      web: { kind: "Deployment", replicas: 2, volumes: {}, scrape: true, type: "business" },
    },
    jobs: {},
    ingress: { controller: "existing" },
    controlPlane: {
      mode: "kubeadm",
      metrics: true,
      kubelet: {},
      hosts: { a: { role: "control-plane" } },
    },
    ...more,
    monitoring: {
      prometheus: {
        enabled: true,
        replicas: 1,
        retentionDays: 15,
        storageGiB: 10,
        scrapeIntervalSeconds: 15,
        cpuMillis: 100,
        memoryMiB: 512,
      },
      alertmanager: part,
      grafana: part,
      kubeStateMetrics: part,
      nodeExporter: part,
      loki: part,
      zipkin: part,
      collector: { agent: part, gateway: part },
      metricsServer: { kubeletInsecureTls: false },
      ...parts,
    },
  };
}

const there = { ...part, enabled: true };

/** Every part that there may be. */
export const allParts: Partial<Needs["monitoring"]> = {
  alertmanager: there,
  grafana: there,
  kubeStateMetrics: there,
  nodeExporter: there,
  loki: there,
  zipkin: there,
  collector: { agent: there, gateway: there },
};
