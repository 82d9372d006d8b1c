import { describe, expect, it } from "vitest";
import {
  accessProblems,
  type AccessSurroundings,
  type AccessWanted,
} from "../../../components/plan/monitoring/access-checks.ts";
import { formatProblem } from "../../../components/plan/problems.ts";

const there = { enabled: true };
const parts: AccessWanted = { prometheus: there, alertmanager: there, grafana: there, zipkin: there };
const surroundings: AccessSurroundings = {
  local: false,
  ingress: { controller: "traefik", gateway: {}, expose: { httpPort: 80, httpsPort: 443 } },
  hostnames: { shop: "shop.example.com" },
};
const signIn = {
  issuerUrl: "https://id.example.com/",
  authUrl: "https://id.example.com/auth",
  tokenUrl: "https://id.example.com/token",
  apiUrl: "https://id.example.com/me",
  scopes: ["openid"],
};
const at = (hostname: string, tls: object | undefined = {}) => ({ enabled: true, ingress: { hostname, tls } });
const prometheus = at("prometheus.example.com");

describe("access to the parts", () => {
  it.each<[string, Partial<AccessWanted>, Partial<AccessSurroundings>, string[]]>([
    ["none", {}, {}, []],
    ["with a sign-in and certificates", { prometheus, grafana: at("grafana.example.com"), signIn }, {}, []],
    ["of Grafana, which has its own", { grafana: at("grafana.example.com") }, {}, []],
    [
      "without a sign-in",
      { prometheus, zipkin: at("zipkin.example.com") },
      {},
      [
        "quorum:monitoring.prometheus.ingress is prometheus.example.com, but prometheus asks nobody who they are, so whoever reaches the ingress controller could use it; set quorum:monitoring.signIn, or leave it out",
        "quorum:monitoring.zipkin.ingress is zipkin.example.com, but zipkin asks nobody who they are, so whoever reaches the ingress controller could use it; set quorum:monitoring.signIn, or leave it out",
      ],
    ],
    [
      "without a sign-in or a certificate, on one's own machine",
      { prometheus: { enabled: true, ingress: { hostname: "p.example.com" } } },
      { local: true },
      [],
    ],
    ["of a part that is not there", { prometheus: { ...prometheus, enabled: false } }, {}, []],
    [
      "without a certificate",
      { grafana: { enabled: true, ingress: { hostname: "grafana.example.com" } } },
      {},
      [
        "quorum:monitoring.grafana.ingress.tls is missing, but people sign in there, and sessions and passwords would pass in plain text; set it, for example to {issuer: letsencrypt}",
      ],
    ],
    [
      "with a certificate, on a port that redirects do not know",
      { grafana: at("grafana.example.com") },
      { ingress: { ...surroundings.ingress, expose: { httpPort: 80, httpsPort: 8443 } } },
      [
        "quorum:monitoring.grafana.ingress.tls is set, but requests without TLS are sent to port 443, where quorum:ingress.expose.httpsPort is 8443; set that to 443",
      ],
    ],
    [
      "by a name that something else has",
      { prometheus: at("shop.example.com"), grafana: at("a.example.com"), zipkin: at("a.example.com"), signIn },
      {},
      [
        "quorum:monitoring.prometheus.ingress.hostname is shop.example.com, but quorum:services.shop.ingress has that name already, and a part needs one to itself; set another",
        "quorum:monitoring.grafana.ingress.hostname is a.example.com, but quorum:monitoring.zipkin.ingress has that name already, and a part needs one to itself; set another",
      ],
    ],
    [
      "by a provider without TLS and of which Grafana is told nothing",
      { signIn: { issuerUrl: "http://id.example.com/", scopes: ["profile"] } },
      {},
      [
        'quorum:monitoring.signIn.issuerUrl is "http://id.example.com/", but secrets and tokens would pass in plain text; set an https URL',
        ...Object.entries({ authUrl: "authorization", tokenUrl: "token", apiUrl: "userinfo" }).map(
          ([key, endpoint]) =>
            `quorum:monitoring.signIn.${key} is missing, but Grafana does not look it up by itself; set it to ${endpoint}_endpoint of http://id.example.com/.well-known/openid-configuration`,
        ),
        "quorum:monitoring.signIn.scopes is profile, but without openid nobody is told who signs in; add it",
      ],
    ],
    [
      "by a provider that Grafana need not know, as it is not there",
      { grafana: { enabled: false }, signIn: { issuerUrl: "https://id.example.com", scopes: ["openid"] } },
      {},
      [],
    ],
  ])("%s", (_, wanted, around, expected) => {
    const found = accessProblems({ ...parts, ...wanted }, { ...surroundings, ...around });
    expect(found.map(formatProblem)).toEqual(expected);
  });
});
