import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { PlannedPolicy } from "../plan/connections/network-policies.ts";

export interface NetworkPoliciesArgs {
  /** Plain: it decides which policies exist. A change of a name replaces the policy. */
  readonly policies: readonly PlannedPolicy[];
  /** Namespaces by their purpose; those that no policy is for may be left out. */
  readonly namespaces: Readonly<Partial<Record<PlannedPolicy["place"], pulumi.Input<string>>>>;
}

/**
 * Who may talk to whom. An own or a given network plugin enforces it; without one that does, the policies change nothing.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */
export class NetworkPolicies extends pulumi.ComponentResource {
  private readonly made: ReadonlyMap<string, readonly k8s.networking.v1.NetworkPolicy[]>;

  constructor(name: string, args: NetworkPoliciesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:NetworkPolicies", name, {}, opts);
    const made = new Map<string, k8s.networking.v1.NetworkPolicy[]>();
    for (const policy of args.policies) {
      const namespace = args.namespaces[policy.place];
      if (namespace === undefined) {
        throw new pulumi.ResourceError(
          `there is no namespace for "${policy.place}", which the policy ${policy.name} is for; add it to namespaces`,
          this,
        );
      }
      const before = made.get(policy.place) ?? [];
      made.set(policy.place, [...before, this.make(`${name}-${policy.place}-${policy.name}`, policy, namespace)]);
    }
    this.made = made;
    this.registerOutputs({});
  }

  /** Name of a namespace, known once its policies are there: pods that use it never run unprotected. */
  nameOf(place: PlannedPolicy["place"]): pulumi.Output<string> {
    const [first, ...others] = this.made.get(place) ?? [];
    if (first === undefined)
      throw new pulumi.ResourceError(`there is no policy for "${place}"; plan some for it`, this);
    const rest = pulumi.all(others.map(({ metadata }) => metadata.namespace));
    return pulumi.all([first.metadata.namespace, rest]).apply(([namespace]) => namespace);
  }

  private make(name: string, policy: PlannedPolicy, namespace: pulumi.Input<string>): k8s.networking.v1.NetworkPolicy {
    return new k8s.networking.v1.NetworkPolicy(
      name,
      {
        metadata: { name: policy.name, namespace, annotations: { "quorum.dev/why": policy.why.join(", ") } },
        spec: policy.spec,
      },
      { parent: this },
    );
  }
}
