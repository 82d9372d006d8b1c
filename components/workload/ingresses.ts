import * as pulumi from "@pulumi/pulumi";
import {
  gatewayIssuer,
  gatewayListeners,
  type IngressPorts,
  type IngressSettings,
  patternHosts,
  routesOf,
} from "../plan/workload/ingress.ts";
import { Gateway } from "../platform/gateway.ts";
import type { IngressController } from "../platform/ingress-controller.ts";
import { type GatewayReference, ServiceIngress } from "./ingress.ts";

/** A service, as far as requests from outside are concerned. */
interface IngressService {
  readonly port: number;
  readonly servicePort?: number | undefined;
  readonly expose?: { readonly port: number } | undefined;
  readonly ingress?:
    | (Omit<IngressSettings, "basicAuth"> & {
        readonly basicAuth?: Readonly<Record<string, pulumi.Input<string>>> | undefined;
      })
    | undefined;
}

export interface IngressesArgs {
  readonly namespace: pulumi.Input<string>;
  /** Services by name; those without `ingress` are left alone. */
  readonly services: Readonly<Record<string, IngressService>>;
  /** The stack's own controller; undefined: one that the cluster has. */
  readonly controller?: IngressController | undefined;
  /** IngressClass for an existing controller. @default the cluster's */
  readonly className?: string | undefined;
  /** Gateway of HTTPRoutes, which is made where the controller is the stack's own. */
  readonly gateway: { readonly name: string; readonly namespace?: string | undefined };
  /** Ports of the stack's own controller. */
  readonly expose: IngressPorts;
}

/** The ways from outside to a stack's services, by name and path. */
export class Ingresses extends pulumi.ComponentResource {
  constructor(name: string, args: IngressesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:workload:Ingresses", name, {}, opts);
    const hosts = patternHosts(args.services);
    const gateway = routesOf(args.services).length > 0 ? this.gateway(name, args) : undefined;
    for (const [service, { ingress, ...ports }] of Object.entries(args.services)) {
      if (ingress === undefined) continue;
      new ServiceIngress(
        service,
        {
          ...ingress,
          namespace: args.namespace,
          port: ports.expose?.port ?? ports.servicePort ?? ports.port,
          className: args.controller?.className ?? args.className,
          patterns: hosts.has(ingress.hostname),
          ...(gateway && { gateway }),
        },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }

  private gateway(name: string, args: IngressesArgs): GatewayReference {
    const { name: gatewayName, namespace } = args.gateway;
    if (args.controller === undefined) {
      if (namespace !== undefined) return { name: gatewayName, namespace };
      throw new pulumi.ResourceError("an HTTPRoute needs the namespace of an existing Gateway; give it", this);
    }
    const { gatewayClassName } = args.controller;
    if (gatewayClassName === undefined)
      throw new pulumi.ResourceError("the controller does not serve the Gateway API; set its gatewayApi", this);
    const made = new Gateway(
      name,
      {
        namespace: args.namespace,
        gatewayName,
        className: gatewayClassName,
        listeners: gatewayListeners(args.services, args.expose),
        issuer: gatewayIssuer(args.services),
      },
      { parent: this },
    );
    return { name: made.gatewayName, namespace: args.namespace, httpsPort: args.expose.httpsPort };
  }
}
