import { describe, expect, test } from "vitest";
import { planEdge } from "../../../components/plan/mesh/edge.ts";
import type { IngressSettings } from "../../../components/plan/workload/ingress.ts";

const ports = { httpPort: 80, httpsPort: 443 };
const ingress = (more: Partial<IngressSettings> & { readonly hostname: string }): { ingress: IngressSettings } => ({
  ingress: { path: "/", api: "Ingress", ...more },
});

describe("the ingress gateway", () => {
  test("listens for nothing where no service is reached by name", () => {
    expect(planEdge({ web: {} }, ports)).toMatchObject({ servers: [], certificates: [] });
  });

  test("answers plain requests of names without a certificate, and sends those of the others to TLS", () => {
    const services = {
      web: ingress({ hostname: "web.example.com", tls: {} }),
      plain: ingress({ hostname: "plain.example.com" }),
    };
    expect(planEdge(services, ports).servers).toEqual([
      { port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["plain.example.com"] },
      {
        port: { number: 80, name: "http-redirect", protocol: "HTTP" },
        hosts: ["web.example.com"],
        tls: { httpsRedirect: true },
      },
      {
        port: { number: 443, name: "https-web-example-com", protocol: "HTTPS" },
        hosts: ["web.example.com"],
        tls: { mode: "SIMPLE", credentialName: "web-tls", minProtocolVersion: "TLSV1_2" },
      },
    ]);
  });

  test("has one server and one certificate for a name that two services share, whichever says it", () => {
    const tls = { secretName: "shop", issuer: "letsencrypt" };
    const { servers, certificates } = planEdge(
      {
        cart: ingress({ hostname: "shop.example.com", path: "/cart" }),
        web: ingress({ hostname: "shop.example.com", tls }),
      },
      ports,
    );
    expect(servers.map(({ port, hosts }) => [port.protocol, hosts])).toEqual([
      ["HTTP", ["shop.example.com"]],
      ["HTTPS", ["shop.example.com"]],
    ]);
    expect(certificates).toEqual([{ hostname: "shop.example.com", secretName: "shop", issuer: "letsencrypt" }]);
  });

  test("is the same whatever the order of the services", () => {
    const [a, b] = [ingress({ hostname: "a.example.com" }), ingress({ hostname: "b.example.com" })];
    expect(planEdge({ x: a, y: b }, ports)).toEqual(planEdge({ y: b, x: a }, ports));
  });
});
