import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterWideName } from "../plan/platform/admission.ts";

export interface ImageSignaturesArgs {
  readonly stack: string;
  /** Public key in PEM form. */
  readonly publicKey: pulumi.Input<string>;
  /** Registry and folder of our own images, such as registry.example.com/quorum. */
  readonly repository: string;
  /** Registries whose images are admitted without our signature: their publishers have keys of their own. */
  readonly trusted: readonly string[];
}

/**
 * Images of ours run only when they are signed. sigstore's policy-controller, which the cluster must have, checks it in
 * namespaces with the label policy.sigstore.dev/include; an image that several policies match must pass all of them.
 *
 * @see https://docs.sigstore.dev/policy-controller/overview/
 */
export class ImageSignatures extends pulumi.ComponentResource {
  constructor(name: string, args: ImageSignaturesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:ImageSignatures", name, {}, opts);
    const policy = (role: string, spec: object) =>
      new k8s.apiextensions.CustomResource(
        `${name}-${role}`,
        {
          apiVersion: "policy.sigstore.dev/v1beta1",
          kind: "ClusterImagePolicy",
          metadata: { name: clusterWideName(args.stack, `${role}-images`) },
          spec,
        },
        { parent: this },
      );
    policy("signed", {
      images: [{ glob: `${args.repository}/**` }],
      authorities: [{ name: "quorum", key: { hashAlgorithm: "sha256", data: args.publicKey } }],
    });
    // An image that no policy matches would be refused: those of others pass here, our own still need the policy above.
    policy("other", {
      images: args.trusted.flatMap((entry) => [
        { glob: `${entry}/**` },
        ...(entry.includes("/") ? [{ glob: entry }] : []),
      ]),
      authorities: [{ name: "trusted-registry", static: { action: "pass" } }],
    });
    this.registerOutputs({});
  }
}
