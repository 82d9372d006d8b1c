import { at, finding, listOf, mapOf, objectsOf, show } from "../objects.ts";
import type { Finding, PolicyObject, Rule } from "../types.ts";

/** Verbs by which an account gives itself whatever it likes. */
const risingVerbs = ["escalate", "bind", "impersonate"];

export const noWildcardAccess: Rule = {
  name: "no-wildcard-access",
  scope: "object",
  description: "Roles name what they allow: no *, no verb that makes rights, and nobody is cluster-admin.",
  check: (input) => [
    ...objectsOf(input, "Role", "ClusterRole").flatMap((role) => roleFindings(role)),
    ...objectsOf(input, "RoleBinding", "ClusterRoleBinding").flatMap((binding) => bindingFindings(binding)),
  ],
};

function roleFindings(role: PolicyObject): Finding[] {
  return listOf(role["rules"]).flatMap((value, index) => {
    const rule = mapOf(value);
    const wild = ["apiGroups", "resources", "verbs", "nonResourceURLs"].flatMap((field) =>
      listOf(rule[field]).includes("*")
        ? [
            finding(
              role,
              `rules.${index}.${field}`,
              `is ${show(rule[field])}, but a role names each of what it allows; name those that are used`,
            ),
          ]
        : [],
    );
    const rising = listOf(rule["verbs"]).filter((verb) => risingVerbs.includes(String(verb)));
    if (rising.length === 0) return wild;
    const text = `has ${show(rising)}, by which rights can be made that nobody gave; leave it out`;
    return [...wild, finding(role, `rules.${index}.verbs`, text)];
  });
}

function bindingFindings(binding: PolicyObject): Finding[] {
  const name = at(binding, "roleRef", "name");
  if (name !== "cluster-admin") return [];
  const text = "is cluster-admin, but accounts have roles of what they do; bind a role that names it";
  return [finding(binding, "roleRef.name", text)];
}
