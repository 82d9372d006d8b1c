import { describe, expect, it } from "vitest";
import { type IngressConfig, ingressProblems } from "../../../components/plan/workload/ingress-checks.ts";
import { formatProblem } from "../../../components/plan/problems.ts";

type Ingress = NonNullable<IngressConfig["services"][string]["ingress"]>;
const expose = { httpPort: 80, httpsPort: 443 };
const ours = { controller: "traefik" as const, gateway: {}, expose };
const existing = { controller: "existing" as const, gateway: {}, expose };

function shop(more: Partial<Ingress> = {}, headless = false) {
  const ingress: Ingress = { hostname: "shop.example.com", path: "/", api: "Ingress", ...more };
  return { headless, ingress };
}

const said = (config: Partial<IngressConfig>) =>
  ingressProblems({ services: {}, ingress: ours, ...config }).map(formatProblem);

describe("ingress that makes sense", () => {
  it.each<[string, Partial<IngressConfig>]>([
    ["nothing", { ingress: existing }],
    [
      "all that an Ingress can say",
      {
        services: {
          a: shop({ tls: {}, basicAuth: { anna: "secret" }, rewritePath: "/" }),
          b: shop({ path: "/b", tls: { secretName: "a-tls" } }),
          c: { headless: true },
        },
      },
    ],
    [
      "routes of our Gateway",
      { services: { a: shop({ api: "HTTPRoute", tls: { issuer: "le" }, rewritePath: "/x" }) } },
    ],
    [
      "an existing controller",
      {
        services: { a: shop({ rewritePath: "/" }), b: shop({ path: "/b", api: "HTTPRoute", tls: {} }) },
        ingress: { ...existing, annotations: "nginx", controllerNamespace: "nginx", gateway: { namespace: "edge" } },
      },
    ],
    [
      "plain requests on other ports",
      { services: { a: shop() }, ingress: { ...ours, expose: { httpPort: 8080, httpsPort: 8443 } } },
    ],
  ])("%s", (_, config) => {
    expect(said(config)).toEqual([]);
  });
});

describe("ingress that does not", () => {
  it.each<[string, Partial<IngressConfig>, string[]]>([
    [
      "one path twice",
      { services: { a: shop({ path: "/x" }), b: shop({ path: "/x/" }) } },
      [
        'quorum:services.b.ingress.path is "/x/", but quorum:services.a.ingress has that path of shop.example.com already; set another, or another hostname',
      ],
    ],
    [
      "passwords at an HTTPRoute",
      { services: { a: shop({ api: "HTTPRoute", basicAuth: { anna: "secret" } }) } },
      [
        "quorum:services.a.ingress.basicAuth is set, but an HTTPRoute cannot ask for passwords; leave it out, or use api: Ingress",
      ],
    ],
    [
      "users and passwords that cannot be",
      { services: { a: shop({ basicAuth: { "a:b": "x", c: "", d: "ö".repeat(37) } }) } },
      [
        "quorum:services.a.ingress.basicAuth.a:b is a name with a colon or a space in it, or with # before it, but those have a meaning of their own; set another",
        "quorum:services.a.ingress.basicAuth.c is a password of 0 bytes, but it must have 1 to 72; set another",
        "quorum:services.a.ingress.basicAuth.d is a password of 74 bytes, but it must have 1 to 72; set another",
      ],
    ],
    [
      "no user",
      { services: { a: shop({ basicAuth: {} }) } },
      ["quorum:services.a.ingress.basicAuth is empty, but nobody could come in then; name a user, or leave it out"],
    ],
    [
      "a headless Service",
      { services: { a: shop({}, true) } },
      [
        "quorum:services.a.headless is true, but ingress needs a Service with an address of its own; leave out one of them",
      ],
    ],
    [
      "annotations for a controller that may not follow them",
      { services: { a: shop({ basicAuth: { anna: "secret" }, rewritePath: "/" }) }, ingress: existing },
      [
        "quorum:services.a.ingress.basicAuth is set, but an Ingress says it by annotations, and a controller that does not follow them would ignore it; set quorum:ingress.annotations to nginx where the controller follows nginx's, or leave it out",
        'quorum:services.a.ingress.rewritePath is "/", but an Ingress says it by annotations, and a controller that does not follow them would ignore it; set quorum:ingress.annotations to nginx where the controller follows nginx\'s, or leave it out',
      ],
    ],
    [
      "TLS beside a redirect that leads elsewhere",
      { services: { a: shop({ tls: {} }) }, ingress: { ...ours, expose: { httpPort: 80, httpsPort: 8443 } } },
      [
        "quorum:services.a.ingress.tls is set, but requests without TLS are sent to port 443, where quorum:ingress.expose.httpsPort is 8443; set that to 443, or use api: HTTPRoute",
      ],
    ],
    [
      "two certificates of one name",
      { services: { a: shop({ tls: {} }), b: shop({ path: "/b", tls: {} }) } },
      [
        'quorum:services.b.ingress.tls.secretName is "b-tls", but shop.example.com has the certificate "a-tls" by quorum:services.a; set it to that',
      ],
    ],
    [
      "two issuers of one certificate",
      { services: { a: shop({ tls: { issuer: "le" } }), b: shop({ path: "/b", tls: { secretName: "a-tls" } }) } },
      [
        'quorum:services.b.ingress.tls.issuer is missing, but quorum:services.a has "le", and one issuer makes the certificates of both; set both to the same',
      ],
    ],
    [
      "two issuers of one Gateway",
      {
        services: {
          a: shop({ api: "HTTPRoute", tls: {} }),
          b: shop({ api: "HTTPRoute", hostname: "b.example.com", tls: { issuer: "le" } }),
        },
      },
      [
        'quorum:services.b.ingress.tls.issuer is "le", but quorum:services.a has none, and one issuer makes the certificates of both; leave it out, or give both the same',
      ],
    ],
    [
      "a route without its Gateway",
      { services: { a: shop({ api: "HTTPRoute", tls: { issuer: "le" } }) }, ingress: existing },
      [
        'quorum:services.a.ingress.tls.issuer is "le", but the certificate of an existing Gateway is its own matter; set tls to {}',
        "quorum:ingress.gateway.namespace is missing, but quorum:services.a.ingress is an HTTPRoute, which needs the Gateway of the existing controller; set it, and quorum:ingress.gateway.name",
      ],
    ],
    [
      "what is for an existing controller",
      {
        ingress: { ...ours, controllerNamespace: "nginx", annotations: "nginx", gateway: { namespace: "edge" } },
      },
      [
        'quorum:ingress.controllerNamespace is "nginx", but it is for an existing controller alone; leave it out',
        'quorum:ingress.annotations is "nginx", but it is for an existing controller alone; leave it out',
        'quorum:ingress.gateway.namespace is "edge", but it is for an existing controller alone; leave it out',
      ],
    ],
    [
      "ports that are taken",
      { ingress: { ...ours, expose: { httpPort: 9000, httpsPort: 9000 } } },
      [
        "quorum:ingress.expose.httpsPort is 9000, but httpPort is that already; set another",
        "quorum:ingress.expose.httpPort is 9000, but the controller has that port for its checks and metrics; set another",
        "quorum:ingress.expose.httpsPort is 9000, but the controller has that port for its checks and metrics; set another",
      ],
    ],
    [
      "a name that is too long for a listener",
      { services: { a: shop({ api: "HTTPRoute", hostname: "a".repeat(248), tls: {} }) } },
      [
        "quorum:services.a.ingress.hostname has 248 characters, but with TLS by a Gateway it may have 247; set a shorter one, or use api: Ingress",
      ],
    ],
  ])("%s", (_, config, expected) => {
    expect(said(config)).toEqual(expected);
  });

  it("more names with TLS than a Gateway listens for", () => {
    const services = Object.fromEntries(
      Array.from({ length: 64 }, (_, index) => [
        `s${index}`,
        shop({ api: "HTTPRoute", hostname: `s${index}.example.com`, tls: {} }),
      ]),
    );
    expect(said({ services })).toEqual([
      "quorum:ingress.gateway has 64 names with TLS, but a Gateway has 63 at most; use api: Ingress for some",
    ]);
  });

  it("shows no password", () => {
    const services = { a: shop({ basicAuth: { "bad name": "hunter2", other: "hunter2".repeat(20) } }) };
    expect(said({ services }).join()).not.toContain("hunter2");
  });
});
