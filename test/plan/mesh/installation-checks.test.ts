import { describe, expect, test } from "vitest";
import { type InstallationNeeds, installationProblems } from "../../../components/plan/mesh/installation-checks.ts";

const mesh = {
  mode: "install",
  build: "official",
  proxy: { cpuMillis: 50, cpuLimitMillis: 1000, memoryMiB: 128, memoryLimitMiB: 256 },
  kiali: { enabled: false },
} as const;
const needs: InstallationNeeds = {
  mesh,
  ingress: { controller: "existing" },
  services: { web: {} },
  monitoring: { prometheus: { enabled: true } },
  local: false,
};
const lines = (more: Partial<InstallationNeeds>) =>
  installationProblems({ ...needs, ...more }).map(({ key, text }) => `${key} ${text}`);
const ingress = { api: "Ingress" };

describe("how Istio is had", () => {
  test("an ordinary one has no problem", () => {
    expect(lines({})).toEqual([]);
    expect(lines({ ingress: { controller: "istio" }, services: { web: { ingress } } })).toEqual([]);
    expect(lines({ mesh: { ...mesh, mode: "existing", revision: "stable" } })).toEqual([]);
    expect(lines({ mesh: { ...mesh, build: "stock" }, local: true })).toEqual([]);
  });

  test.each<[string, Partial<InstallationNeeds>, RegExp[]]>([
    [
      "a share of traces where proxies send none",
      {
        mesh: { ...mesh, telemetry: { samplingPercent: 10 } },
        monitoring: { prometheus: { enabled: true }, tls: { issuer: "own" } },
      },
      [/^quorum:mesh\.telemetry\.samplingPercent is 10, but quorum:monitoring\.tls is set.*leave it out/],
    ],
    [
      "a revision of one's own",
      { mesh: { ...mesh, revision: "stable" } },
      [/^quorum:mesh\.revision is "stable".*leave it out$/],
    ],
    [
      "charts and Kiali without an installation",
      { mesh: { ...mesh, mode: "existing", charts: "./charts", kiali: { enabled: true } } },
      [/^quorum:mesh\.charts is ".\/charts"/, /^quorum:mesh\.kiali\.enabled is true, but mode is existing/],
    ],
    [
      "Kiali without Prometheus",
      { mesh: { ...mesh, kiali: { enabled: true } }, monitoring: { prometheus: { enabled: false } } },
      [/^quorum:mesh\.kiali\.enabled is true.*quorum:monitoring\.prometheus\.enabled/],
    ],
    ["stock proxies on other hosts", { mesh: { ...mesh, build: "stock" } }, [/^quorum:mesh\.build is "stock"/]],
    [
      "limits below what is set aside",
      { mesh: { ...mesh, proxy: { cpuMillis: 500, cpuLimitMillis: 100, memoryMiB: 512, memoryLimitMiB: 256 } } },
      [/^quorum:mesh\.proxy\.cpuLimitMillis is 100.*500/, /^quorum:mesh\.proxy\.memoryLimitMiB is 256.*512/],
    ],
    [
      "a gateway without a mesh of the stack's own",
      { mesh: { ...mesh, mode: "off" }, ingress: { controller: "istio" } },
      [/^quorum:ingress\.controller is "istio".*mode is off/],
    ],
    [
      "what the gateway cannot do",
      {
        ingress: { controller: "istio" },
        services: { web: { mesh: false, ingress: { api: "HTTPRoute", basicAuth: { a: "b" } } } },
        monitoring: { prometheus: { enabled: true, ingress: {} } as never, grafana: { enabled: true, ingress: {} } },
      },
      [
        /^quorum:services\.web\.mesh is false/,
        /^quorum:services\.web\.ingress\.basicAuth is set.*quorum:mesh\.jwt/,
        /^quorum:services\.web\.ingress\.api is "HTTPRoute"/,
        /^quorum:monitoring\.prometheus\.ingress is set/,
        /^quorum:monitoring\.grafana\.ingress is set/,
      ],
    ],
  ])("%s is refused by key", (_, more, expected) => {
    const found = lines(more);
    expect(found).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(found[index]).toMatch(pattern);
  });
});
