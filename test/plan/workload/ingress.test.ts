import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  gatewayIssuer,
  gatewayListeners,
  ingressPath,
  type IngressSettings,
  patternHosts,
} from "../../../components/plan/workload/ingress.ts";

const ingress = (more: Partial<IngressSettings> = {}): IngressSettings => ({
  hostname: "shop.example.com",
  path: "/",
  api: "Ingress",
  ...more,
});
const nginx = "nginx.ingress.kubernetes.io";

describe("the path of an Ingress", () => {
  it.each<[string, { path: string; rewritePath?: string }, boolean, object]>([
    ["all", { path: "/" }, false, { path: "/", pathType: "Prefix", annotations: {} }],
    ["a folder", { path: "/shop" }, false, { path: "/shop", pathType: "Prefix", annotations: {} }],
    [
      "a folder beside expressions",
      { path: "/shop/v1.2/" },
      true,
      {
        path: "/shop/v1\\.2(/|$)",
        pathType: "ImplementationSpecific",
        annotations: { [`${nginx}/use-regex`]: "true" },
      },
    ],
    ["all beside expressions", { path: "/" }, true, { path: "/", pathType: "Prefix", annotations: {} }],
    [
      "a folder taken away",
      { path: "/shop", rewritePath: "/" },
      true,
      {
        path: "/shop(/|$)(.*)",
        pathType: "ImplementationSpecific",
        annotations: { [`${nginx}/use-regex`]: "true", [`${nginx}/rewrite-target`]: "/$2" },
      },
    ],
    [
      "a folder put before all",
      { path: "/", rewritePath: "/api/" },
      true,
      {
        path: "/(.*)",
        pathType: "ImplementationSpecific",
        annotations: { [`${nginx}/use-regex`]: "true", [`${nginx}/rewrite-target`]: "/api/$1" },
      },
    ],
  ])("%s", (_, settings, pattern, expected) => {
    expect(ingressPath(settings, pattern)).toEqual(expected);
  });

  const segment = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,8}$/);
  const folders = fc.array(segment, { maxLength: 3 }).map((all) => `/${all.join("/")}`);
  const rest = fc.array(segment, { maxLength: 3 }).map((all) => all.join("/"));

  it("as an expression, takes what is below it, puts the other path in its place, and takes nothing beside it", () => {
    fc.assert(
      fc.property(folders, folders, rest, (path, rewritePath, below) => {
        const planned = ingressPath({ path, rewritePath }, true);
        const expression = new RegExp(`^${planned.path}`, "i");
        const base = path === "/" ? "" : path;
        const target = rewritePath === "/" ? "" : rewritePath;
        const rewrite = (asked: string) =>
          asked.replace(expression, planned.annotations[`${nginx}/rewrite-target`] ?? "");
        expect(rewrite(`${base}/${below}`)).toBe(`${target}/${below}`);
        if (base !== "") expect(expression.test(`${base}x/${below}`)).toBe(false);
      }),
    );
  });
});

describe("hostnames with expressions", () => {
  it("are those on which an Ingress rewrites a path", () => {
    const services = {
      a: { ingress: ingress({ path: "/a", rewritePath: "/" }) },
      b: { ingress: ingress({ hostname: "b.example.com", path: "/b" }) },
      c: { ingress: ingress({ hostname: "c.example.com", api: "HTTPRoute", rewritePath: "/" }) },
      d: {},
    };
    expect([...patternHosts(services)]).toEqual(["shop.example.com"]);
  });
});

describe("a Gateway of ours", () => {
  const services = {
    z: { ingress: ingress({ hostname: "z.example.com", api: "HTTPRoute", tls: { issuer: "letsencrypt" } }) },
    a: { ingress: ingress({ hostname: "a.example.com", api: "HTTPRoute", tls: { secretName: "own" } }) },
    b: { ingress: ingress({ hostname: "a.example.com", path: "/b", api: "HTTPRoute", tls: { secretName: "own" } }) },
    plain: { ingress: ingress({ hostname: "p.example.com", api: "HTTPRoute" }) },
    other: { ingress: ingress({ tls: {} }) },
  };
  const allowedRoutes = { namespaces: { from: "Same" } };

  it("listens for plain requests, and for each name with a certificate", () => {
    const tls = (name: string) => ({ mode: "Terminate", certificateRefs: [{ name }] });
    expect(gatewayListeners(services, { httpPort: 80, httpsPort: 8443 })).toEqual([
      { name: "http", port: 80, protocol: "HTTP", allowedRoutes },
      {
        name: "https-a.example.com",
        hostname: "a.example.com",
        port: 8443,
        protocol: "HTTPS",
        tls: tls("own"),
        allowedRoutes,
      },
      {
        name: "https-z.example.com",
        hostname: "z.example.com",
        port: 8443,
        protocol: "HTTPS",
        tls: tls("z-tls"),
        allowedRoutes,
      },
    ]);
  });

  it("has the issuer that its services name", () => {
    expect(gatewayIssuer(services)).toBe("letsencrypt");
    expect(gatewayIssuer({ plain: services.plain, other: services.other })).toBeUndefined();
  });
});
