import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { issuerAnnotations, type Listener } from "../plan/workload/ingress.ts";

export interface GatewayArgs {
  /** Namespace of the routes, and of the Secrets with their certificates. */
  readonly namespace: pulumi.Input<string>;
  /** A change replaces it. @default the component's name */
  readonly gatewayName?: string;
  readonly className: pulumi.Input<string>;
  readonly listeners: readonly Listener[];
  /** ClusterIssuer of cert-manager that makes the certificates of all listeners. @default none: their Secrets are there */
  readonly issuer?: string | undefined;
}

/** What HTTPRoutes hang on: the names and ports that the controller listens for. */
export class Gateway extends pulumi.ComponentResource {
  /** Known once it is made: routes come after it. */
  readonly gatewayName: pulumi.Output<string>;

  constructor(name: string, args: GatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:Gateway", name, {}, opts);
    const gateway = new k8s.apiextensions.CustomResource(
      `${name}-gateway`,
      {
        apiVersion: "gateway.networking.k8s.io/v1",
        kind: "Gateway",
        metadata: {
          name: args.gatewayName ?? name,
          namespace: args.namespace,
          annotations: issuerAnnotations(args.issuer),
        },
        spec: { gatewayClassName: args.className, listeners: args.listeners },
      },
      { parent: this },
    );
    this.gatewayName = gateway.metadata.name;
    this.registerOutputs({});
  }
}
