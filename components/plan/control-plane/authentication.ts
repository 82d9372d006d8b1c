import type { HardeningSettings, IssuerSettings } from "./hardening-settings.ts";

/** Paths that answer without a sign-in: kubelets' and balancers' probes have none. */
export const openPaths = ["/livez", "/readyz", "/healthz"];

/** Issuer of the cluster's own tokens, as kubeadm sets it. */
export const serviceAccountIssuer = "https://kubernetes.default.svc.cluster.local";

/**
 * Who the API server lets in besides clients with certificates and service accounts: nobody unnamed but for the probes, and users
 * of the issuers.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
 */
export function authenticationDocument({ issuers }: Pick<HardeningSettings, "issuers">): Record<string, unknown> {
  const named = Object.entries(issuers).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "AuthenticationConfiguration",
    anonymous: { enabled: true, conditions: openPaths.map((path) => ({ path })) },
    ...(named.length === 0 ? {} : { jwt: named.map(([name, issuer]) => authenticator(name, issuer)) }),
  };
}

function authenticator(name: string, issuer: IssuerSettings): Record<string, unknown> {
  const { url, audiences, certificateAuthority, groupsClaim, requiredClaims } = issuer;
  return {
    issuer: {
      url,
      audiences,
      ...(audiences.length > 1 ? { audienceMatchPolicy: "MatchAny" } : {}),
      ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
    },
    claimValidationRules: Object.entries(requiredClaims)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([claim, requiredValue]) => ({ claim, requiredValue })),
    claimMappings: {
      username: { claim: issuer.usernameClaim, prefix: issuer.usernamePrefix ?? `${name}:` },
      ...(groupsClaim === undefined ? {} : { groups: { claim: groupsClaim, prefix: issuer.groupsPrefix } }),
    },
    // Names that begin with system: are Kubernetes' own: a provider that could give them could make anybody an administrator.
    userValidationRules: [
      { expression: "!user.username.startsWith('system:')", message: "a user's name may not begin with system:" },
      {
        expression: "user.groups.all(group, !group.startsWith('system:'))",
        message: "a group's name may not begin with system:",
      },
    ],
  };
}
