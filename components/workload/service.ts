import type * as k8s from "@pulumi/kubernetes";
import { exposure } from "../platform/exposure.ts";
import type { WorkloadArgs } from "./args.ts";

type ServiceArgs = k8s.core.v1.ServiceArgs;

/** Name of the port of every service and of its container. */
export const portName = "portapi";

/** The Service before the pods of a workload. */
export function serviceArgs(serviceName: string, args: WorkloadArgs): ServiceArgs {
  const { annotations, ...spec } = exposure(args.expose);
  const { affinitySeconds, headless = false } = args;
  const scraped = (args.scrape ?? true) && { apptype: args.type ?? "business" };
  const port = args.expose?.port ?? args.servicePort ?? args.port;
  return {
    metadata: {
      ...(annotations && { annotations }),
      name: serviceName,
      namespace: args.namespace,
      labels: { app: serviceName, instancetype: args.role, ...scraped },
    },
    spec: {
      ...spec,
      ...(headless && { clusterIP: "None" }),
      ...(affinitySeconds !== undefined && {
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: affinitySeconds } },
      }),
      selector: { app: serviceName },
      ports: [{ name: portName, protocol: "TCP", port, targetPort: portName }],
    },
  };
}

/** Gives each pod of a StatefulSet a name of its own, ready or not: pods that must find each other to get ready would wait for ever. */
export function peersArgs(name: string, serviceName: string, args: WorkloadArgs): ServiceArgs {
  return {
    metadata: {
      name,
      namespace: args.namespace,
      labels: { app: serviceName },
      // Its pods come after it.
      annotations: { "pulumi.com/skipAwait": "true" },
    },
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: { app: serviceName },
      ports: [{ name: portName, protocol: "TCP", port: args.port, targetPort: portName }],
    },
  };
}
