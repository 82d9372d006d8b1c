/**
 * Series that a proxy keeps count of besides those that it always does. Istio leaves nearly all of Envoy's own out, as there would be
 * thousands; these say how calls between services go, and whether certificates and configuration are well.
 *
 * @see https://istio.io/latest/docs/ops/configuration/telemetry/envoy-stats/
 */
export const keptProxySeries = {
  inclusionRegexps: [
    // By callee: answers, time, retries, what was refused at once, and pods that were taken out.
    "cluster\\.(outbound|inbound)\\|.*\\.upstream_rq_([1-5]xx|time|timeout|retry|retry_overflow|retry_success|active|pending_overflow|total)$",
    "cluster\\.(outbound|inbound)\\|.*\\.upstream_cx_(active|connect_fail|overflow|total)$",
    "cluster\\.outbound\\|.*\\.(outlier_detection\\.ejections_(active|enforced_total)|membership_(healthy|total))$",
    // By proxy: handshakes that failed, and the age of its certificate.
    "listener\\..*\\.ssl\\.(handshake|connection_error|fail_verify_(error|no_cert|san|cert_hash))$",
    "server\\.(days_until_first_cert_expiring|live|uptime|memory_allocated|total_connections)$",
    // Requests that its rules refused.
    "http\\.(inbound|outbound)_.*\\.rbac\\.(allowed|denied)$",
  ],
} as const;
