import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type AdmissionNeeds, admissionPolicies, type AdmissionPolicyPlan } from "../plan/platform/admission.ts";

export type AdmissionPoliciesArgs = AdmissionNeeds;

/**
 * What the API server itself refuses, by expressions of its own: no webhook that may be down. Cluster-wide.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
 */
export class AdmissionPolicies extends pulumi.ComponentResource {
  /** Names of the bindings, known once the policies are in force. */
  readonly names: readonly pulumi.Output<string>[];

  constructor(name: string, args: AdmissionPoliciesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:AdmissionPolicies", name, {}, opts);
    this.names = admissionPolicies(args).map((plan) => this.enforce(`${name}-${plan.role}`, plan));
    this.registerOutputs({});
  }

  private enforce(name: string, plan: AdmissionPolicyPlan): pulumi.Output<string> {
    const { name: objectName } = plan;
    // Plans are read-only; the provider's types are not.
    const spec = plan.spec as unknown as k8s.types.input.admissionregistration.v1.ValidatingAdmissionPolicySpec;
    const policy = new k8s.admissionregistration.v1.ValidatingAdmissionPolicy(
      name,
      { metadata: { name: objectName }, spec: { failurePolicy: "Fail", ...spec } },
      { parent: this },
    );
    return new k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
      `${name}-binding`,
      {
        metadata: { name: objectName },
        spec: { policyName: policy.metadata.name, validationActions: ["Deny", "Audit"] },
      },
      { parent: this },
    ).metadata.name;
  }
}
