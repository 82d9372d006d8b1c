import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  type AccessGroups,
  type AccessRole,
  accessRoles,
  clusterRules,
  groupsOf,
  namespaceRules,
  type Rule,
} from "../plan/platform/access-roles.ts";
import { lessRestrictedPlaces } from "../plan/platform/namespaces.ts";
import { clusterWideName } from "../plan/platform/admission.ts";
import type { Place } from "../plan/connections/parties.ts";

export interface AccessArgs {
  /** Namespaces by their purpose. Plain keys: they decide which roles exist. */
  readonly namespaces: Readonly<Partial<Record<Place, pulumi.Input<string>>>>;
  /** Groups by what they may do. Plain: a role without groups has no binding. */
  readonly groups: AccessGroups;
  /** Stack whose name the cluster-wide role of operators has; undefined: there is none. */
  readonly clusterRoleOf: string | undefined;
}

const apiGroup = "rbac.authorization.k8s.io";

/** Who may do what in a stack's namespaces, by groups of the identity provider. */
export class Access extends pulumi.ComponentResource {
  constructor(name: string, args: AccessArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:platform:Access", name, {}, opts);
    for (const [place, namespace] of Object.entries(args.namespaces)) {
      const privileged = lessRestrictedPlaces[place as Place]?.level === "privileged";
      for (const role of accessRoles) {
        const rules = namespaceRules(role, privileged);
        this.allow(`${name}-${place}-${role}`, { role, rules }, namespace, groupsOf(args.groups, role));
      }
    }
    if (args.clusterRoleOf !== undefined) this.allowCluster(name, args.clusterRoleOf, args.groups.operators);
    this.registerOutputs({});
  }

  private allow(
    name: string,
    { role, rules }: { readonly role: AccessRole; readonly rules: readonly Rule[] },
    namespace: pulumi.Input<string>,
    groups: readonly string[],
  ): void {
    const metadata = { name: `quorum-${role}`, namespace };
    const made = new k8s.rbac.v1.Role(name, { metadata, rules: rules.map(plainRule) }, { parent: this });
    if (groups.length === 0) return;
    new k8s.rbac.v1.RoleBinding(
      `${name}-binding`,
      { metadata, roleRef: { apiGroup, kind: "Role", name: made.metadata.name }, subjects: subjects(groups) },
      { parent: this },
    );
  }

  private allowCluster(name: string, stack: string, groups: readonly string[]): void {
    const metadata = { name: clusterWideName(stack, "operator") };
    const made = new k8s.rbac.v1.ClusterRole(
      `${name}-cluster-operator`,
      { metadata, rules: clusterRules.map(plainRule) },
      { parent: this },
    );
    if (groups.length === 0) return;
    new k8s.rbac.v1.ClusterRoleBinding(
      `${name}-cluster-operator-binding`,
      { metadata, roleRef: { apiGroup, kind: "ClusterRole", name: made.metadata.name }, subjects: subjects(groups) },
      { parent: this },
    );
  }
}

function subjects(groups: readonly string[]): k8s.types.input.rbac.v1.Subject[] {
  return groups.map((name) => ({ apiGroup, kind: "Group", name }));
}

function plainRule({ apiGroups, resources, verbs }: Rule): k8s.types.input.rbac.v1.PolicyRule {
  return { apiGroups: [...apiGroups], resources: [...resources], verbs: [...verbs] };
}
