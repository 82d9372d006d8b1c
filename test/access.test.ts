import { beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../config/parse.ts";
import { runProgram } from "./program-objects.ts";
import type { Recording } from "./recorder.ts";
import { runnableSections, type Sections } from "./stacks.ts";

const prod = runnableSections("prod");
const { monitoring = {} } = prod;
const withIngress = (part: string, ingress: object) => ({ ...(monitoring[part] as object | undefined), ingress });
const signIn = {
  issuerUrl: "https://id.example.com",
  clientId: "quorum",
  clientSecret: "hidden away",
  authUrl: "https://id.example.com/auth",
  tokenUrl: "https://id.example.com/token",
  apiUrl: "https://id.example.com:8443/me",
  replicas: 2,
};
const issued = { tls: { issuer: "letsencrypt" } };
const reached: Sections = {
  ...prod,
  ingress: { controller: "traefik" },
  monitoring: {
    ...monitoring,
    prometheus: withIngress("prometheus", { hostname: "prometheus.example.com", ...issued }),
    grafana: withIngress("grafana", { hostname: "grafana.example.com", tls: { secretName: "watch-certificate" } }),
    signIn,
  },
};

const run = (sections: Sections, stack = "prod") => runProgram(sections, { stack, secretSections: ["monitoring"] });

describe("parts that are reached by name", () => {
  let made: Recording;
  beforeAll(async () => {
    made = await run(reached);
  });
  const ingress = (name: string) =>
    made.ofType(":Ingress").find(({ inputs }) => (inputs["metadata"] as { name: string }).name === name)?.inputs;

  it("have their URLs among the outputs", () => {
    expect(made.outputs["urls"]).toMatchObject({
      prometheus: "https://prometheus.example.com",
      grafana: "https://grafana.example.com",
    });
    expect(made.outputs["urls"]).not.toHaveProperty("alertmanager");
    expect(made.outputs["skipped"]).toEqual([]);
  });

  it("have certificates by their issuer's annotation, or the one that is there", () => {
    expect(ingress("prometheus-sign-in")).toMatchObject({
      metadata: { namespace: "monitoring", annotations: { "cert-manager.io/cluster-issuer": "letsencrypt" } },
      spec: {
        ingressClassName: "traefik",
        tls: [{ hosts: ["prometheus.example.com"], secretName: "prometheus-tls" }],
      },
    });
    const grafana = ingress("grafana");
    expect(grafana).toMatchObject({ spec: { tls: [{ secretName: "watch-certificate" }] } });
    expect(grafana?.["metadata"]).not.toHaveProperty(["annotations", "cert-manager.io/cluster-issuer"]);
  });

  it("have a sign-in before them where they have none, and only there", () => {
    const backends = made.ofType(":Ingress").map(({ inputs }) => {
      const { rules } = inputs["spec"] as {
        rules: { host: string; http: { paths: { backend: { service: { name: string; port: object } } }[] } }[];
      };
      const service = rules[0]?.http.paths[0]?.backend.service;
      return [rules[0]?.host, service?.name, service?.port];
    });
    expect(backends.sort()).toEqual([
      ["grafana.example.com", "grafana", { number: 3000 }],
      ["prometheus.example.com", "prometheus-sign-in", { number: 4180 }],
    ]);
    expect(made.ofType("quorum:monitoring:SignInProxy").map(({ name }) => name)).toEqual(["prometheus-sign-in"]);
  });

  it("let their controller into their namespace, where it was not before", async () => {
    const traefikRoles = (recording: Recording) =>
      recording
        .ofType(":Role")
        .map(({ inputs }) => inputs["metadata"] as { name: string; namespace: string })
        .flatMap(({ name, namespace }) => (name === "traefik" ? [namespace] : []))
        .sort();
    const watches = (recording: Recording) =>
      JSON.stringify(recording.get("ingress-controller-deployment").inputs).match(/metadata\.name in \(([^)]*)\)/)?.[1];
    expect(traefikRoles(made)).toEqual(["apps", "ingress", "monitoring"]);
    expect(watches(made)).toBe("apps, monitoring, ingress");
    const monitoring = { ...prod["monitoring"], grafana: {} };
    const others = await run({ ...prod, monitoring, ingress: { controller: "traefik" } });
    expect(traefikRoles(others)).toEqual(["apps", "ingress"]);
    expect(watches(others)).toBe("apps, ingress");
  });

  it("may call the provider at each of its ports", () => {
    const policy = made
      .ofType(":NetworkPolicy")
      .find(({ inputs }) => (inputs["metadata"] as { name: string }).name === "part-grafana");
    const { egress } = policy?.inputs["spec"] as {
      egress: { ports: { port: number }[]; to: { ipBlock?: object }[] }[];
    };
    const outside = egress.filter(({ to }) => to.some(({ ipBlock }) => ipBlock !== undefined));
    expect(outside.flatMap(({ ports }) => ports.map(({ port }) => port)).sort()).toEqual([443, 8443]);
  });

  it("show the client's secret nowhere but in Secrets", () => {
    const secrets = made.ofType(":Secret").filter(({ inputs }) => JSON.stringify(inputs).includes("hidden away"));
    expect(secrets.map(({ name }) => name).sort()).toEqual(["grafana-sign-in", "prometheus-sign-in-client"]);
    for (const { secretPaths } of secrets) expect(secretPaths.map(([key]) => key)).toContain("stringData");
    const others = made.resources.filter((one) => !secrets.includes(one)).map(({ inputs }) => inputs);
    expect(JSON.stringify(others)).not.toContain("hidden away");
  });

  it("have the secrets that nobody has to choose made in the cluster", () => {
    expect(Object.keys(parseConfig(reached).security.generatedSecrets).sort()).toEqual([
      "grafana-admin",
      "grafana-encryption",
      "sign-in",
    ]);
  });
});

describe("a configuration", () => {
  const problem = (change: object) => {
    try {
      parseConfig({ ...reached, monitoring: { ...reached["monitoring"], ...change } });
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };

  it.each<[string, object, string]>([
    [
      "a part without a sign-in",
      { signIn: undefined },
      "quorum:monitoring.prometheus.ingress is prometheus.example.com, but prometheus asks nobody who they are",
    ],
    [
      "a dashboard that is not there",
      { grafana: { dashboards: ["dashboards/shop.json"] } },
      'quorum:monitoring.grafana.dashboards[0] is "dashboards/shop.json", but the project has no such file',
    ],
    [
      "a dashboard with a uid that another has",
      { grafana: { dashboards: ["test/fixtures/dashboards/cart.json"] } },
      'test/fixtures/dashboards/cart.json: uid is "Dm0tD0Qik", but data/dashboards/',
    ],
    [
      "a dashboard outside of the project",
      { grafana: { dashboards: ["../shop.json"] } },
      "quorum:monitoring.grafana.dashboards.0 ",
    ],
    ["logs by name", { loki: { ingress: { hostname: "loki.example.com" } } }, "quorum:monitoring.loki.ingress"],
    [
      "a group that would end an expression",
      { signIn: { ...signIn, groups: ["a') || 'Admin"] } },
      "quorum:monitoring.signIn.groups.0 ",
    ],
    [
      "a sign-in without its secret",
      { signIn: { ...signIn, clientSecret: undefined } },
      "quorum:monitoring.signIn.clientSecret ",
    ],
  ])("is refused with %s", (_, change, expected) => {
    expect(problem(change)).toContain(expected);
  });

  it("may have no other Secret of the names that the monitoring needs", () => {
    const security = { ...reached["security"], generatedSecrets: { "sign-in": {} } };
    expect(() => parseConfig({ ...reached, security })).toThrow(
      "quorum:security.generatedSecrets.sign-in has the name of a Secret that the monitoring needs for itself; give it another",
    );
  });
});
