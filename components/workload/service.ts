import type * as k8s from "@pulumi/kubernetes";
import { podSelector, versionedName } from "../plan/workload/versions.ts";
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
      ports: [servicePort(args)],
    },
  };
}

/** The Service before the pods of one version: for routes alone, so that nobody scrapes a pod twice. */
export function versionServiceArgs(serviceName: string, version: string, args: WorkloadArgs): ServiceArgs {
  const selector = podSelector(serviceName, version);
  return {
    metadata: { name: versionedName(serviceName, version), namespace: args.namespace, labels: selector },
    spec: { type: "ClusterIP", selector, ports: [servicePort(args)] },
  };
}

function servicePort(args: WorkloadArgs): k8s.types.input.core.v1.ServicePort {
  return {
    name: portName,
    protocol: "TCP",
    ...(args.protocol !== undefined && { appProtocol: args.protocol }),
    port: args.expose?.port ?? args.servicePort ?? args.port,
    targetPort: portName,
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
