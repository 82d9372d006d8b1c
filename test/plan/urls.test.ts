import { describe, expect, it } from "vitest";
import { stackUrls, type UrlSettings } from "../../components/plan/urls.ts";

const off = { prometheus: { enabled: false } };
const local = { mode: "kubeadm" as const, local: true, hosts: { a: { address: "10.210.0.11" } } };

describe("URLs", () => {
  it.each<[string, UrlSettings, Record<string, string>]>([
    [
      "on this machine",
      {
        services: { metricsdemo: { role: "web", expose: { port: 9376 } }, inner: { role: "web" } },
        monitoring: { prometheus: { enabled: true, expose: { port: 9090 } } },
        controlPlane: local,
      },
      { app: "http://localhost:9376", prometheus: "http://localhost:9090" },
    ],
    [
      "on other machines",
      {
        services: { shop: { role: "web", expose: { port: 80 } } },
        monitoring: off,
        controlPlane: { ...local, local: false },
      },
      { app: "http://10.210.0.11" },
    ],
    [
      "with hostnames, of several services",
      {
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
      "of nothing that is left out",
      {
        services: {},
        monitoring: { prometheus: { enabled: false, expose: { port: 9090 } } },
        controlPlane: { mode: "existing" },
      },
      {},
    ],
  ])("%s", (_, input, expected) => {
    expect(stackUrls(input)).toEqual(expected);
  });
});
