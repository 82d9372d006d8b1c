import { describe, expect, it } from "vitest";
import {
  grafanaRole,
  partsBehindSignIn,
  partsWithIngress,
  signInProxyConfig,
  type SignInSettings,
} from "../../../components/plan/monitoring/sign-in.ts";

const signIn: SignInSettings = {
  issuerUrl: "https://id.example.com",
  clientId: "quorum",
  scopes: ["openid", "groups"],
  groups: ["team-shop"],
  admins: ["ops"],
};
const proxy = { upstream: "http://prometheus:9090", url: "https://prometheus.example.com" };
const lines = (more: Partial<SignInSettings> = {}, url = proxy.url) =>
  signInProxyConfig({ ...signIn, ...more }, { ...proxy, url })
    .trimEnd()
    .split("\n");

describe("the sign-in proxy", () => {
  it("lets the named groups through, administrators among them, and passes on nothing of who they are", () => {
    expect(lines()).toEqual(
      expect.arrayContaining([
        'oidc_issuer_url = "https://id.example.com"',
        'redirect_url = "https://prometheus.example.com/oauth2/callback"',
        'upstreams = ["http://prometheus:9090"]',
        'scope = "openid groups"',
        'code_challenge_method = "S256"',
        'allowed_groups = ["ops","team-shop"]',
        "pass_basic_auth = false",
        "pass_user_headers = false",
        "session_cookie_minimal = true",
      ]),
    );
  });

  it("lets everybody through who can sign in where no groups are named, administrators or not", () => {
    expect(lines({ groups: [] })).toContain("allowed_groups = []");
  });

  it("has cookies that only TLS carries, where there is TLS", () => {
    expect(lines()).toEqual(expect.arrayContaining(['cookie_name = "__Host-sign-in"', "cookie_secure = true"]));
    expect(lines({}, "http://prometheus.example.com:8080")).toEqual(
      expect.arrayContaining([
        'cookie_name = "sign-in"',
        "cookie_secure = false",
        'redirect_url = "http://prometheus.example.com:8080/oauth2/callback"',
      ]),
    );
  });

  it("trusts a provider's own authority besides the known ones, where it has one", () => {
    expect(lines().join("\n")).not.toContain("provider_ca_files");
    expect(lines({ caCertificate: "x" })).toEqual(
      expect.arrayContaining(['provider_ca_files = ["/etc/sign-in/ca.crt"]', "use_system_trust_store = true"]),
    );
  });

  it("stands before parts with an ingress and no sign-in of their own, where there is a provider", () => {
    const address = { hostname: "x.example.com" };
    const parts = {
      prometheus: { enabled: true, ingress: address },
      alertmanager: { enabled: true },
      zipkin: { enabled: false, ingress: address },
      grafana: { enabled: true, ingress: address },
    };
    expect(partsWithIngress(parts)).toEqual(["prometheus", "grafana"]);
    expect(partsBehindSignIn({ ...parts, signIn: {} })).toEqual(["prometheus"]);
    expect(partsBehindSignIn(parts)).toEqual([]);
  });
});

describe("roles in Grafana", () => {
  it.each<[string, string[], string[], string | undefined]>([
    ["everybody views", [], [], undefined],
    ["everybody views, some administer", [], ["ops"], "contains(groups[*], 'ops') && 'Admin' || 'Viewer'"],
    ["some view, the others stay outside", ["a"], [], "contains(groups[*], 'a') && 'Viewer'"],
    [
      "who is in both administers",
      ["b", "a"],
      ["a"],
      "contains(groups[*], 'a') && 'Admin' || contains(groups[*], 'a') && 'Viewer' || contains(groups[*], 'b') && 'Viewer'",
    ],
  ])("%s", (_, groups, admins, expected) => {
    expect(grafanaRole({ ...signIn, groups, admins })).toBe(expected);
  });
});
