import { describe, expect, it } from "vitest";
import {
  type AccessRole,
  accessRoles,
  clusterRules,
  namespaceRules,
  type Rule,
} from "../../../components/plan/platform/access-roles.ts";

/** Every single right of rules, as group/resource/verb. */
function rightsOf(rules: readonly Rule[]): Set<string> {
  return new Set(
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${group}/${resource}/${verb}`)),
      ),
    ),
  );
}

const rights = (role: AccessRole) => rightsOf(namespaceRules(role));

describe("the roles", () => {
  it("each have all that the one before has, and more", () => {
    expect([...rights("developer")]).toEqual(expect.arrayContaining([...rights("viewer")]));
    expect([...rights("operator")]).toEqual(expect.arrayContaining([...rights("developer")]));
    expect(rights("viewer").size).toBeLessThan(rights("developer").size);
    expect(rights("developer").size).toBeLessThan(rights("operator").size);
  });

  it.each(accessRoles)("of a %s have no wildcard, and no way to more rights", (role) => {
    for (const right of [...rights(role), ...rightsOf(clusterRules)]) {
      expect(right).not.toContain("*");
      expect(right).not.toMatch(/\/(bind|escalate|impersonate|deletecollection)$/);
      expect(right).not.toMatch(/serviceaccounts\/token|pods\/proxy|services\/proxy|nodes\/proxy/);
    }
  });

  it("of viewers only read", () => {
    for (const right of rights("viewer")) expect(right).toMatch(/\/(get|list|watch)$/);
  });

  it.each([
    ["viewer", "/secrets/get", false],
    ["developer", "/secrets/list", false],
    ["operator", "/secrets/get", true],
    ["viewer", "/pods/log/get", false],
    ["developer", "/pods/log/get", true],
    ["viewer", "/pods/exec/create", false],
    ["developer", "/pods/exec/create", true],
    ["developer", "/persistentvolumeclaims/delete", false],
    ["operator", "/persistentvolumeclaims/delete", true],
    ["developer", "networking.k8s.io/networkpolicies/update", false],
    ["operator", "networking.k8s.io/networkpolicies/update", true],
    ["developer", "rbac.authorization.k8s.io/rolebindings/create", false],
    ["operator", "rbac.authorization.k8s.io/rolebindings/create", true],
  ] as const)("of a %s: %s is %s", (role, right, expected) => {
    expect(rights(role).has(right)).toBe(expected);
  });
});
