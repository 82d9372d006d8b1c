import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

export interface CertificateArgs {
  readonly namespace: pulumi.Input<string>;
  /** Secret that cert-manager puts the certificate into. */
  readonly secretName: string;
  /** ClusterIssuer. */
  readonly issuer: string;
  readonly dnsNames: readonly string[];
  /** What the key may be used for, as cert-manager calls it. @default cert-manager's own */
  readonly usages?: readonly string[];
}

/** A certificate of cert-manager, which the cluster must have. It is renewed a third of its life before it ends. */
export function certificate(
  name: string,
  { namespace, secretName, issuer, dnsNames, usages }: CertificateArgs,
  opts: pulumi.CustomResourceOptions,
): pulumi.CustomResource {
  const args = {
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    metadata: { name: secretName, namespace },
    spec: {
      secretName,
      dnsNames: [...dnsNames],
      ...(usages && { usages: [...usages] }),
      issuerRef: { group: "cert-manager.io", kind: "ClusterIssuer", name: issuer },
      privateKey: { rotationPolicy: "Always" },
    },
  };
  return new k8s.apiextensions.CustomResource(name, args, opts);
}
