import type { ImageNeeds } from "./images.ts";

/** Part of a stack that was left out, and why: the stack output `skipped`. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/** Leaves out what needs an image that this site cannot provide. */
export function withoutUnavailable<Config extends ImageNeeds>(
  config: Config,
  unavailable: readonly string[],
): { readonly config: Config; readonly skipped: Skipped[] } {
  const missing = (images: readonly string[]) => images.filter((image) => unavailable.includes(image));
  const { monitoring, storage } = config;
  const skipped: Skipped[] = [];
  const keep = (wanted: boolean, name: string, images: readonly string[]) => {
    const lacks = wanted ? missing(images) : [];
    if (lacks.length > 0) skipped.push({ name, reason: `image ${lacks.join(", ")} is unavailable here` });
    return wanted && lacks.length === 0;
  };
  const ownStorage = storage.provisioner === "local-path";
  const localPath = keep(ownStorage, "local-path-provisioner", ["local-path-provisioner", "busybox"]);
  const metricsServer = keep(monitoring.metricsServer.enabled, "metrics-server", ["metrics-server"]);
  let prometheus = keep(monitoring.prometheus.enabled, "prometheus", ["prometheus"]);
  if (prometheus && ownStorage && !localPath) {
    skipped.push({ name: "prometheus", reason: "its volume needs local-path-provisioner, which is left out" });
    prometheus = false;
  }
  return {
    config: {
      ...config,
      storage: { ...storage, provisioner: localPath ? "local-path" : "existing" },
      monitoring: {
        ...monitoring,
        prometheus: { ...monitoring.prometheus, enabled: prometheus },
        metricsServer: { ...monitoring.metricsServer, enabled: metricsServer },
      },
    },
    skipped,
  };
}
