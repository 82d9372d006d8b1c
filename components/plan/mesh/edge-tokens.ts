import { gatewaySelector, ingressGateway } from "./mesh-parts.ts";
import { type MeshObject, security } from "./mesh-object.ts";
import type { EdgeAddress, JwtSettings } from "./traffic-settings.ts";

type Addresses = Readonly<Record<string, { readonly ingress?: EdgeAddress | undefined }>>;

/**
 * What has the ingress gateway ask for tokens: a false one is refused everywhere (401), and a request without one where a service does
 * not do without (403). They are for the gateway's own namespace.
 */
export function edgeTokens(jwt: JwtSettings | undefined, services: Addresses): MeshObject[] {
  if (jwt === undefined) return [];
  const selector = { matchLabels: gatewaySelector(ingressGateway) };
  const { issuer, jwksUri, jwks, audiences } = jwt;
  const rules = denials(jwt, services);
  return [
    {
      apiVersion: security,
      kind: "RequestAuthentication",
      name: "edge",
      spec: {
        selector,
        jwtRules: [
          {
            issuer,
            ...(jwksUri !== undefined && { jwksUri }),
            ...(jwks !== undefined && { jwks }),
            ...(audiences.length > 0 && { audiences: [...audiences] }),
            // Services may look at it themselves.
            forwardOriginalToken: true,
          },
        ],
      },
    },
    ...(rules.length === 0
      ? []
      : [
          {
            apiVersion: security,
            kind: "AuthorizationPolicy",
            name: "edge",
            spec: { selector, action: "DENY", rules },
          },
        ]),
  ];
}

/** For each hostname what is refused without a token: all that leads to a service that wants one. */
function denials({ except }: JwtSettings, services: Addresses): object[] {
  const reached = Object.entries(services).flatMap(([name, { ingress }]) =>
    ingress === undefined ? [] : [{ ...ingress, free: except.includes(name) }],
  );
  return [...Map.groupBy(reached, ({ hostname }) => hostname)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([hostname, together]) =>
      together
        .filter(({ free }) => !free)
        .map(({ path }) => {
          const freed = together.filter((one) => one.free && one.path.length > path.length).map((one) => one.path);
          return {
            from: [{ source: { notRequestPrincipals: ["*"] } }],
            to: [
              {
                operation: {
                  hosts: [hostname, `${hostname}:*`],
                  paths: below(path),
                  ...(freed.length > 0 && { notPaths: freed.flatMap(below) }),
                },
              },
            ],
          };
        }),
    );
}

/** A path and all below it. */
function below(path: string): string[] {
  const base = path.replace(/\/$/, "");
  return base === "" ? ["/*"] : [base, `${base}/*`];
}
