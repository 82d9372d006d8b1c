/** Parts of the monitoring whose `enabled` has a default that depends on the stack. */
const partNames = ["alertmanager", "grafana", "kubeStateMetrics", "nodeExporter", "loki", "zipkin"] as const;

type PartName = (typeof partNames)[number];
interface Wanted {
  readonly enabled?: boolean | undefined;
}
interface Present {
  readonly enabled: boolean;
}

/** What of a stack's monitoring says which parts it has, as the user writes it. */
export type WantedParts = { readonly [Name in PartName | "metricsServer"]: Wanted } & {
  readonly prometheus: Present;
  readonly collector: { readonly agent: Wanted; readonly gateway: object };
};

/** The same with every default in its place. */
export type PresentParts<Parts extends WantedParts> = Omit<Parts, PartName | "metricsServer" | "collector"> & {
  readonly [Name in PartName | "metricsServer"]: Omit<Parts[Name], "enabled"> & Present;
} & {
  readonly collector: Omit<Parts["collector"], "agent" | "gateway"> & {
    readonly agent: Omit<Parts["collector"]["agent"], "enabled"> & Present;
    /** There where anything takes what it passes on. */
    readonly gateway: Parts["collector"]["gateway"] & Present;
  };
};

/** Decides which parts a stack has: those that it wants, else all where it has Prometheus and its cluster to itself. */
export function presentParts<Parts extends WantedParts>(
  parts: Parts,
  stack: { readonly platform: "owned" | "shared"; readonly controlPlane: { readonly mode: "existing" | "kubeadm" } },
): PresentParts<Parts> {
  const usual = stack.platform === "owned" && parts.prometheus.enabled;
  const present = Object.fromEntries(
    partNames.map((name) => [name, { ...parts[name], enabled: parts[name].enabled ?? usual }]),
  ) as { readonly [Name in PartName]: Parts[Name] & Present };
  const { collector, metricsServer } = parts;
  const logs = present.loki.enabled;
  const agent = { ...collector.agent, enabled: collector.agent.enabled ?? (logs && stack.platform === "owned") };
  const gateway = { ...collector.gateway, enabled: logs || present.zipkin.enabled };
  return {
    ...parts,
    ...present,
    metricsServer: { ...metricsServer, enabled: metricsServer.enabled ?? stack.controlPlane.mode === "kubeadm" },
    collector: { ...collector, agent, gateway },
  } as unknown as PresentParts<Parts>;
}
