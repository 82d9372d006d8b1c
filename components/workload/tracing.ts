import type * as k8s from "@pulumi/kubernetes";
import type { WorkloadArgs } from "./args.ts";
import type { WorkloadFiles } from "./files.ts";

type EnvVar = k8s.types.input.core.v1.EnvVar;

const authorityFolder = "/etc/monitoring-authority";

/**
 * Environment by which any program with an OpenTelemetry SDK sends its traces, and says what it is and where it runs: by variables
 * that Kubernetes fills in, so that nothing has to ask the API server about each span.
 *
 * @param given variables that are set already, which stay as they are
 * @returns `settings` names those of `place`, and a variable can only name those before it
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function tracing(
  serviceName: string,
  {
    tracesEndpoint,
    tracesAuthority,
    version,
  }: Pick<WorkloadArgs, "tracesEndpoint" | "tracesAuthority"> & { readonly version?: string | undefined },
  given: readonly string[],
): { readonly place: readonly EnvVar[]; readonly settings: readonly EnvVar[] } {
  if (tracesEndpoint === undefined) return { place: [], settings: [] };
  const place = { POD_NAMESPACE: "metadata.namespace", POD_NAME: "metadata.name", NODE_NAME: "spec.nodeName" };
  const settings = {
    OTEL_EXPORTER_OTLP_ENDPOINT: tracesEndpoint,
    ...(tracesAuthority !== undefined && { OTEL_EXPORTER_OTLP_CERTIFICATE: `${authorityFolder}/ca.crt` }),
    OTEL_SERVICE_NAME: serviceName,
    OTEL_RESOURCE_ATTRIBUTES: `k8s.namespace.name=$(POD_NAMESPACE),k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME)${version === undefined ? "" : `,service.version=${version}`}`,
  };
  return {
    place: notGiven(place, given).map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } })),
    settings: notGiven(settings, given).map(([name, value]) => ({ name, value })),
  };
}

/** The authority's certificate, as a folder of the container: never the key that lies beside it in the Secret. */
export function authorityFolders({ tracesAuthority }: Pick<WorkloadArgs, "tracesAuthority">): WorkloadFiles["folders"] {
  if (tracesAuthority === undefined) return [];
  const secret = { secretName: tracesAuthority, items: [{ key: "ca.crt", path: "ca.crt" }], defaultMode: 0o440 };
  return [{ mountPath: authorityFolder, volume: { name: tracesAuthority, secret } }];
}

function notGiven<Value>(variables: Readonly<Record<string, Value>>, given: readonly string[]): [string, Value][] {
  return Object.entries(variables).filter(([name]) => !given.includes(name));
}
