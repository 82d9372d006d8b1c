import type { ChartObject } from "../platform/chart.ts";
import { providers } from "./istio-values.ts";

/** What the whole mesh says of its requests. */
export interface RootTelemetry {
  /** Share of the requests that are traced, 0 to 100: the proxies' draw counts, whatever a caller decided. @see https://github.com/envoyproxy/envoy/pull/45830 */
  readonly samplingPercent: number;
  readonly accessLogs: "errors" | "all" | "none";
}

/** An object of the mesh's root namespace, which holds for all of the mesh. */
export interface RootPolicy {
  /** Of the resource in the program. */
  readonly role: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Answers that say a caller or a callee did something wrong, and connections that broke before any. */
const failed = "response.code >= 500 || response.code == 0";

/**
 * What holds for the whole mesh: plain text is refused, and what proxies tell of their requests.
 *
 * @param traces whether the mesh has a place for spans
 */
export function rootPolicies({ accessLogs, samplingPercent }: RootTelemetry, traces: boolean): RootPolicy[] {
  const log = { providers: [{ name: providers.accessLog }] };
  return [
    {
      role: "strict",
      apiVersion: "security.istio.io/v1",
      kind: "PeerAuthentication",
      metadata: { name: "default" },
      spec: { mtls: { mode: "STRICT" } },
    },
    {
      role: "telemetry",
      apiVersion: "telemetry.istio.io/v1",
      kind: "Telemetry",
      metadata: { name: "mesh-default" },
      spec: {
        tracing: traces
          ? [{ providers: [{ name: providers.traces }], randomSamplingPercentage: samplingPercent }]
          : [{ disableSpanReporting: true }],
        accessLogging: [
          accessLogs === "none"
            ? { ...log, disabled: true }
            : { ...log, ...(accessLogs === "errors" && { filter: { expression: failed } }) },
        ],
      },
    },
  ];
}

/** Kinds with webhooks, whose certificate authority istiod writes in as it starts, and whose failing it makes count then. */
const webhookKinds = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/** Fields that istiod changes in objects of its charts. */
export function fieldsOfIstiod(object: ChartObject): string[] {
  if (!webhookKinds.includes(object.kind)) return [];
  const { length } = object["webhooks"] as readonly unknown[];
  return Array.from({ length }, (_, index) =>
    ["clientConfig.caBundle", "failurePolicy"].map((field) => `webhooks[${index}].${field}`),
  ).flat();
}
