import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { PlannedPolicy } from "../plan/connections/network-policies.ts";

export interface NetworkPoliciesArgs {
  /** Plain: it decides which policies exist. A change of a name replaces the policy. The first of a place, which denies by default, is made last. */
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
  /** By place, the policy that is made after all others of its namespace. */
  private readonly last: ReadonlyMap<string, k8s.networking.v1.NetworkPolicy>;

  constructor(name: string, args: NetworkPoliciesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:NetworkPolicies", name, {}, opts);
    this.last = new Map(
      [...Map.groupBy(args.policies, ({ place }) => place)].map(([place, [first, ...others]]) => {
        const namespace = args.namespaces[place];
        if (first === undefined || namespace === undefined) {
          throw new pulumi.ResourceError(
            `there is no namespace for "${place}", which the policy ${first?.name ?? ""} is for; add it to namespaces`,
            this,
          );
        }
        const make = (policy: PlannedPolicy, dependsOn: pulumi.Resource[]) =>
          this.make(`${name}-${place}-${policy.name}`, policy, namespace, dependsOn);
        const made = others.map((policy) => make(policy, []));
        // What denies by default comes last: pods that run already lose nothing meanwhile, and one resource stands for all.
        return [place, make(first, made)];
      }),
    );
    this.registerOutputs({});
  }

  /** Name of a namespace, known once its policies are there: pods that use it never run unprotected. */
  nameOf(place: PlannedPolicy["place"]): pulumi.Output<string> {
    const last = this.last.get(place);
    if (last === undefined) throw new pulumi.ResourceError(`there is no policy for "${place}"; plan some for it`, this);
    return last.metadata.namespace;
  }

  private make(
    name: string,
    policy: PlannedPolicy,
    namespace: pulumi.Input<string>,
    dependsOn: pulumi.Resource[],
  ): k8s.networking.v1.NetworkPolicy {
    return new k8s.networking.v1.NetworkPolicy(
      name,
      {
        metadata: { name: policy.name, namespace, annotations: { "quorum.dev/why": policy.why.join(", ") } },
        spec: policy.spec,
      },
      { parent: this, dependsOn },
    );
  }
}
