import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/** How much a namespace's pods may do. @see https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
export type PodSecurityLevel = "restricted" | "baseline" | "privileged";

/** Pod Security labels: pods past the level are refused, and told of in warnings and in the audit log. */
export function podSecurityLabels(level: PodSecurityLevel): Record<string, string> {
  return Object.fromEntries(
    ["enforce", "warn", "audit"].flatMap((mode) => [
      [`pod-security.kubernetes.io/${mode}`, level],
      [`pod-security.kubernetes.io/${mode}-version`, "latest"],
    ]),
  );
}

export interface NamespacesArgs {
  /** Names by purpose; the purpose makes the resource's name. Plain: it decides which exist. A change of one replaces it and all in it. */
  readonly names: Readonly<Record<string, string>>;
  /** @default restricted */
  readonly podSecurity?: PodSecurityLevel;
}

/** Namespaces of a stack, with what their pods may do. */
export class Namespaces extends pulumi.ComponentResource {
  private readonly namespaces: Readonly<Record<string, k8s.core.v1.Namespace>>;

  constructor(name: string, args: NamespacesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:Namespaces", name, {}, opts);
    const labels = podSecurityLabels(args.podSecurity ?? "restricted");
    this.namespaces = Object.fromEntries(
      Object.entries(args.names).map(([purpose, namespace]) => [
        purpose,
        new k8s.core.v1.Namespace(`${name}-${purpose}`, { metadata: { name: namespace, labels } }, { parent: this }),
      ]),
    );
    this.registerOutputs({});
  }

  /** Name of a namespace, known once it is made: what uses it comes after it. */
  nameOf(purpose: string): pulumi.Output<string> {
    const namespace = this.namespaces[purpose];
    if (namespace === undefined) throw new pulumi.ResourceError(`there is no namespace for "${purpose}"`, this);
    return namespace.metadata.name;
  }
}
