/** Where both builds of the OpenTelemetry Collector look for their configuration, as the official image does. */
export const collectorConfigFile = "/etc/otelcol-contrib/config.yaml";

/** Memory from which a collector takes less in and tidies up sooner, so that it is not killed. */
export function collectorMemory(memoryMiB: number): { readonly limitMiB: number; readonly spikeMiB: number } {
  return { limitMiB: Math.floor(memoryMiB * 0.8), spikeMiB: Math.floor(memoryMiB * 0.2) };
}

/** Settings of its memory_limiter. */
export function memoryLimiter(memoryMiB: number) {
  const { limitMiB, spikeMiB } = collectorMemory(memoryMiB);
  return { check_interval: "1s", limit_mib: limitMiB, spike_limit_mib: spikeMiB };
}
