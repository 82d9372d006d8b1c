import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { EdgePlan } from "../plan/mesh/edge.ts";
import { edgeGatewayName } from "../plan/mesh/mesh-parts.ts";
import { certificate } from "../platform/certificate.ts";

export interface EdgeGatewayArgs extends EdgePlan {
  /** Namespace of the gateway's pods, and of the Secrets with its certificates. */
  readonly namespace: pulumi.Input<string>;
}

/** What the pods of the mesh's ingress gateway listen for; routes name it. */
export class EdgeGateway extends pulumi.ComponentResource {
  constructor(name: string, args: EdgeGatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:mesh:EdgeGateway", name, {}, opts);
    const { certificates, namespace, selector, servers } = args;
    const made = certificates.map(({ hostname, ...one }) =>
      certificate(`${name}-${one.secretName}`, { ...one, namespace, dnsNames: [hostname] }, { parent: this }),
    );
    new k8s.apiextensions.CustomResource(
      `${name}-gateway`,
      {
        apiVersion: "networking.istio.io/v1",
        kind: "Gateway",
        metadata: { name: edgeGatewayName, namespace },
        spec: { selector, servers },
      },
      { parent: this, dependsOn: made },
    );
    this.registerOutputs({});
  }
}
