import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ScrapeJob } from "../plan/monitoring/scrape-job.ts";
import { scrapeRights } from "../plan/monitoring/scrape-rights.ts";

/** Who is to look targets up, of which jobs, and where. */
interface ScrapeGrantsArgs {
  readonly jobs: readonly ScrapeJob[];
  /** Namespaces of the stack, by purpose: their names in `jobs`, and as they are known once there. */
  readonly places: Readonly<Record<string, { readonly name: string; readonly namespace: pulumi.Input<string> }>>;
  /** Namespace of the account. */
  readonly namespace: pulumi.Input<string>;
  readonly account: pulumi.Input<string>;
  readonly labels: Readonly<Record<string, string>>;
}

const rbacGroup = "rbac.authorization.k8s.io";

/**
 * Leave to look up targets in the namespaces of the jobs, and in the whole cluster only what lies in none.
 *
 * @returns the bindings, which what looks up comes after
 */
export function scrapeGrants(
  name: string,
  { jobs, places, namespace, account, labels }: ScrapeGrantsArgs,
  parent: { readonly parent: pulumi.Resource },
): pulumi.CustomResource[] {
  const rights = scrapeRights(jobs);
  const subjects = [{ kind: "ServiceAccount", name: account, namespace }];
  // Beside others' objects, its own have a longer name.
  const clusterName = `quorum-${name}`;
  const bindings: pulumi.CustomResource[] = Object.entries(rights.namespaces).map(([namespaceName, rules]) => {
    const [place, known] = Object.entries(places).find(([, { name: own }]) => own === namespaceName) ?? [namespaceName];
    const metadata = {
      name: known === undefined ? clusterName : name,
      namespace: known?.namespace ?? namespaceName,
      labels,
    };
    // Once the services' namespace was the only one.
    const aliases = (role: string) => (place === "apps" ? { aliases: [{ name: `${name}-${role}` }] } : {});
    const role = new k8s.rbac.v1.Role(
      `${name}-role-${place}`,
      { metadata, rules: rules.map((rule) => ({ ...rule })) },
      { ...parent, ...aliases("role") },
    );
    const roleRef = { apiGroup: rbacGroup, kind: "Role", name: role.metadata.name };
    return new k8s.rbac.v1.RoleBinding(
      `${name}-binding-${place}`,
      { metadata, roleRef, subjects },
      { ...parent, ...aliases("binding") },
    );
  });
  if (rights.cluster.length === 0) return bindings;
  const metadata = { name: clusterName, labels };
  const role = new k8s.rbac.v1.ClusterRole(
    `${name}-cluster-role`,
    { metadata, rules: rights.cluster.map((rule) => ({ ...rule })) },
    parent,
  );
  const roleRef = { apiGroup: rbacGroup, kind: "ClusterRole", name: role.metadata.name };
  return [
    ...bindings,
    new k8s.rbac.v1.ClusterRoleBinding(`${name}-cluster-binding`, { metadata, roleRef, subjects }, parent),
  ];
}
