import { describe, expect, it } from "vitest";
import { stackUrls, type UrlSettings } from "../../components/plan/urls.ts";
import { noMonitoring } from "./no-monitoring.ts";

const off = noMonitoring;
const rest = {
  ingress: { controller: "traefik" as const, expose: { httpPort: 80, httpsPort: 443 } },
  ui: { headlamp: { enabled: false } },
};
const local = { mode: "kubeadm" as const, local: true, hosts: { a: { address: "10.210.0.11" } } };

describe("URLs", () => {
  it.each<[string, UrlSettings, Record<string, string>]>([
    [
      "on this machine",
      {
        ...rest,
        services: { metricsdemo: { role: "web", expose: { port: 9376 } }, inner: { role: "web" } },
        monitoring: { ...off, prometheus: { enabled: true, expose: { port: 9090 } } },
        controlPlane: local,
      },
      { app: "http://localhost:9376", prometheus: "http://localhost:9090" },
    ],
    [
      "on other machines",
      {
        ...rest,
        services: { shop: { role: "web", expose: { port: 80 } } },
        monitoring: off,
        controlPlane: { ...local, local: false },
      },
      { app: "http://10.210.0.11" },
    ],
    [
      "at an address of one's choice",
      {
        ...rest,
        services: { shop: { role: "web", expose: { port: 8080, address: "192.0.2.80" } } },
        monitoring: off,
        controlPlane: { mode: "existing" },
      },
      { app: "http://192.0.2.80:8080" },
    ],
    [
      "with hostnames, of several services",
      {
        ...rest,
        services: {
          b: { role: "web", expose: { port: 80, hostname: "b.example.com" } },
          a: { role: "web", expose: { port: 8080, hostname: "a.example.com" } },
          api: { role: "svca", expose: { port: 81 } },
        },
        monitoring: off,
        controlPlane: { mode: "existing" },
      },
      { app: "http://a.example.com:8080", api: "http://localhost:81", b: "http://b.example.com" },
    ],
    [
      "by ingress, on the controller's ports",
      {
        ...rest,
        services: {
          shop: { role: "web", ingress: { hostname: "shop.example.com", path: "/", tls: {} }, expose: { port: 80 } },
          api: { role: "svca", ingress: { hostname: "shop.example.com", path: "/api" } },
        },
        monitoring: off,
        ingress: { controller: "traefik", expose: { httpPort: 8080, httpsPort: 8443 } },
        ui: { headlamp: { enabled: true, expose: { port: 4466 } } },
        controlPlane: local,
      },
      {
        app: "https://shop.example.com:8443",
        api: "http://shop.example.com:8080/api",
        headlamp: "http://localhost:4466",
      },
    ],
    [
      "by an existing controller, on the usual ports",
      {
        ...rest,
        services: { shop: { role: "svca", ingress: { hostname: "shop.example.com", path: "/", tls: {} } } },
        monitoring: off,
        ingress: { controller: "existing", expose: { httpPort: 8080, httpsPort: 8443 } },
        controlPlane: { mode: "existing" },
      },
      { shop: "https://shop.example.com" },
    ],
    [
      "of every part that people reach, by its ingress before its port",
      {
        ...rest,
        services: {},
        monitoring: {
          prometheus: {
            enabled: true,
            ingress: { hostname: "prometheus.example.com", tls: {} },
            expose: { port: 9090 },
          },
          alertmanager: { enabled: true, expose: { port: 9093, hostname: "alerts.example.com" } },
          grafana: { enabled: true, ingress: { hostname: "grafana.example.com" } },
          loki: { enabled: true, expose: { port: 3100, address: "192.0.2.7" } },
          zipkin: { enabled: true },
        },
        ui: { headlamp: { enabled: true, expose: { port: 80, hostname: "headlamp.example.com" } } },
        controlPlane: { mode: "existing" },
      },
      {
        prometheus: "https://prometheus.example.com",
        alertmanager: "http://alerts.example.com:9093",
        grafana: "http://grafana.example.com",
        loki: "http://192.0.2.7:3100",
        headlamp: "http://headlamp.example.com",
      },
    ],
    [
      "of nothing that is left out",
      {
        ...rest,
        services: {},
        monitoring: { ...off, prometheus: { enabled: false, expose: { port: 9090 } } },
        controlPlane: { mode: "existing" },
      },
      {},
    ],
  ])("%s", (_, input, expected) => {
    expect(stackUrls(input)).toEqual(expected);
  });
});
