import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { dockerConfig, pullSecretName } from "../plan/platform/pull-secrets.ts";

/** Credentials by registry host. Plain keys: they decide whether there is a Secret. */
export type PullCredentials = Readonly<
  Record<string, { readonly username: string; readonly password: pulumi.Input<string> }>
>;

export interface PullSecretArgs {
  readonly namespace: pulumi.Input<string>;
  readonly credentials: PullCredentials;
}

/** Credentials by which the nodes pull the images of a namespace's pods. */
export class PullSecret extends pulumi.ComponentResource {
  readonly secretName: pulumi.Output<string>;

  constructor(name: string, args: PullSecretArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:PullSecret", name, {}, opts);
    const content = pulumi.secret(pulumi.output(args.credentials).apply(dockerConfig));
    this.secretName = new k8s.core.v1.Secret(
      `${name}-secret`,
      {
        metadata: { name: pullSecretName, namespace: args.namespace },
        type: "kubernetes.io/dockerconfigjson",
        stringData: { ".dockerconfigjson": content },
      },
      { parent: this },
    ).metadata.name;
    this.registerOutputs({});
  }
}

/**
 * Names the Secret in every ServiceAccount of a stack, whichever component makes it: pods take it over from their account.
 * Where a namespace has no such Secret, the nodes pull without credentials.
 */
export function pullWithSecret(): pulumi.ResourceTransformation {
  return ({ type, props, opts }) => {
    if (type !== "kubernetes:core/v1:ServiceAccount") return undefined;
    const own = props as { readonly imagePullSecrets?: unknown };
    return { props: { ...props, imagePullSecrets: own.imagePullSecrets ?? [{ name: pullSecretName }] }, opts };
  };
}
