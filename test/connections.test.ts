import { existsSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { planConnections } from "../components/plan/connections/connections.ts";
import { parseConfig } from "../config/parse.ts";
import type { Registration } from "../engine/direct/registration.ts";
import { analyse, cyclonus, type Question } from "./cyclonus.ts";
import type { Point } from "./plan/connections/policy-evaluator.ts";
import { runProgram } from "./program-objects.ts";
import type { Recording } from "./recorder.ts";
import { runnableSections, type Sections } from "./stacks.ts";

const service = (more: object) => ({ image: "app", role: "web", scrape: false, ...more });
const partner = "198.51.100.9";
const stranger = "203.0.113.7";

/** A stack with every kind of connection: calls in a chain, a fan and a circle, and services that nobody calls. */
const rich: Sections = {
  ...runnableSections("dev"),
  monitoring: {
    prometheus: { expose: { port: 9090 } },
    ...Object.fromEntries(
      ["alertmanager", "grafana", "kubeStateMetrics", "nodeExporter", "loki", "zipkin"].map((part) => [
        part,
        { enabled: false },
      ]),
    ),
  },
  services: {
    web: service({ port: 80, expose: { port: 9376 }, scrape: true, calls: ["orders", "mail"] }),
    orders: service({ port: 8081, scrape: true, calls: ["store", "stock"] }),
    stock: service({ port: 8081, calls: ["orders"] }),
    store: service({ kind: "StatefulSet", port: 5432, calls: ["store"] }),
    mail: service({ port: 8082, outbound: [{ subnet: "198.51.100.0/24", port: 25 }] }),
    alone: service({ port: 8081 }),
  },
  // The care of etcd is told of by a test of its own.
  controlPlane: { ...runnableSections("dev")["controlPlane"], etcd: { maintenance: { enabled: false } } },
  ui: {},
  jobs: {
    nightly: { schedule: "5 3 * * *", call: "orders/api/job/run/wakeUp" },
    report: {
      schedule: "5 4 * * *",
      image: "app",
      command: ["node", "report.js"],
      calls: ["stock"],
      outbound: [{ subnet: "0.0.0.0/0", port: 443 }],
    },
  },
};

const byName = (part: string) => ({
  ...(runnableSections("dev")["monitoring"]?.[part] as object | undefined),
  ingress: { hostname: `${part}.example.com` },
});

/** A stack with every part of the platform that has pods. */
const platform: Sections = {
  ...rich,
  controlPlane: runnableSections("dev")["controlPlane"] ?? {},
  monitoring: {
    ...runnableSections("dev")["monitoring"],
    ...Object.fromEntries(["prometheus", "alertmanager", "grafana", "zipkin"].map((part) => [part, byName(part)])),
    signIn: {
      issuerUrl: "https://id.example.com",
      clientId: "quorum",
      clientSecret: "secret",
      authUrl: "https://id.example.com/auth",
      tokenUrl: "https://id.example.com/token",
      apiUrl: "https://id.example.com/me",
    },
  },
  services: {
    ...rich["services"],
    web: service({ port: 80, ingress: { hostname: "shop.example.com" } }),
    store: service({ kind: "StatefulSet", volumes: { data: { mountPath: "/data", storageGiB: 1, backup: true } } }),
  },
  jobs: {},
  ingress: { controller: "traefik" },
  ui: { headlamp: { enabled: true, expose: { port: 4466 } } },
  security: { generatedSecrets: { database: {} } },
  registry: { kind: "distribution", hostname: "registry.example.com", htpasswd: `robot:$2y$05$${"a".repeat(53)}` },
  backup: { repository: "rest:https://backup.example.com/quorum", password: "secret" },
};
const stacks = {
  dev: () => runnableSections("dev"),
  prod: () => runnableSections("prod"),
  rich: () => rich,
  "every part": () => platform,
};

/** Who talks to whom, written down by hand from what is above. */
const calls = [
  "web → orders:8081",
  "web → mail:8082",
  "orders → store:5432",
  "orders → stock:8081",
  "stock → orders:8081",
  "store → store:5432",
  "nightly → orders:8081",
  "report → stock:8081",
  "prometheus → web:80",
  "prometheus → orders:8081",
  "prometheus → prometheus:9090",
];
const out = ["mail → partner:25", "report → partner:443", "report → outside:443", "report → apiServer:443"];
/** The API server's host has a kubelet too. */
const api = ["prometheus → apiServer:6443", "prometheus → apiServer:10250"];
const own = ["web", "orders", "stock", "store", "mail", "alone", "nightly", "report", "prometheus", "strangerInside"];
const foreign = ["strangerElsewhere", "outside", "partner", "apiServer", "dns"];
const dns = own.map((name) => `${name} → dns:53`);
const exposed = ["web:80", "prometheus:9090"];
const ports = [25, 53, 80, 443, 5432, 6443, 8080, 8081, 8082, 9090, 9376, 10_250];

interface Template {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly account: string;
  readonly containerPorts: readonly number[];
  /** URNs of what is made before them. */
  readonly after: readonly string[];
}

interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly serviceAccountName: string;
    readonly containers?: readonly { readonly ports?: readonly { readonly containerPort: number }[] }[];
  };
}

interface ObjectWithPods {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec?: {
    readonly template?: PodTemplate;
    readonly jobTemplate?: { readonly spec: { readonly template: PodTemplate } };
  };
}

/** What is made before something, what comes before that, and so on. */
function allBefore(recording: Recording, dependencies: readonly string[]): string[] {
  const byUrn = new Map(recording.resources.map((one) => [one.urn, one.dependencies]));
  const found = new Set(dependencies);
  for (const urn of found) for (const before of byUrn.get(urn) ?? []) found.add(before);
  return [...found];
}

/** Pods of every object that makes some. */
function templates(recording: Recording): Template[] {
  return recording.resources.flatMap(({ type, inputs, dependencies }: Registration) => {
    if (!type.startsWith("kubernetes:")) return [];
    const { metadata, spec } = inputs as unknown as ObjectWithPods;
    const template = spec?.jobTemplate?.spec.template ?? spec?.template;
    if (template?.spec.containers === undefined) return [];
    const { containers } = template.spec;
    return [
      {
        name: metadata.name,
        namespace: metadata.namespace,
        labels: template.metadata.labels,
        account: template.spec.serviceAccountName,
        after: allBefore(recording, dependencies),
        containerPorts: containers.flatMap((one) => (one.ports ?? []).map(({ containerPort }) => containerPort)),
      },
    ];
  });
}

function policiesOf(recording: Recording) {
  return recording.ofType(":NetworkPolicy").map(({ inputs }) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: inputs["metadata"] as { name: string; namespace: string },
    spec: inputs["spec"] as { podSelector: { matchLabels?: Record<string, string> } },
  }));
}

describe("the pods that a stack makes", () => {
  it.each(Object.entries(stacks))(
    "of %s are each one party of its description, and come after its policies",
    async (_, sectionsOf) => {
      const sections = sectionsOf();
      const config = parseConfig(sections);
      const places = Object.entries(config.namespaces);
      const { parties, connections } = planConnections(config);
      const recording = await runProgram(sections);
      const urnOf = new Map(
        recording.ofType(":NetworkPolicy").map(({ inputs, urn }) => {
          const { name, namespace } = inputs["metadata"] as { name: string; namespace: string };
          return [`${namespace}/${name}`, urn];
        }),
      );
      const made = templates(recording).filter((pod) => places.some(([, other]) => other === pod.namespace));
      expect(made.length).toBeGreaterThan(1);
      for (const pod of made) {
        const place = places.find(([, other]) => other === pod.namespace)?.[0];
        const party = parties.filter((one) => one.place === place && one.app === pod.labels["app"]);
        expect(party, `${pod.namespace}/${pod.name}`).toEqual([expect.objectContaining({ account: pod.account })]);
        const own = `${party[0]?.kind}-${party[0]?.app}`;
        for (const policy of ["default-deny", "allow-dns", own])
          expect(pod.after, `${pod.name} comes after ${policy}`).toContain(urnOf.get(`${pod.namespace}/${policy}`));
        for (const { to, port } of connections)
          if (to === party[0]) expect(pod.containerPorts, pod.name).toContain(port);
      }
    },
  );
});

describe.skipIf(!existsSync(cyclonus))("cyclonus, which is told the rendered policies", () => {
  const questions: [string, string, Question][] = [];
  let passing: Record<"egress" | "ingress" | "both", string[]>;
  let namespaces: { apps: string; monitoring: string };

  beforeAll(async () => {
    namespaces = parseConfig(rich).namespaces;
    const recording = await runProgram(rich);
    const world = worldOf(templates(recording));
    for (const [from, source] of Object.entries(world)) {
      for (const [to, target] of Object.entries(world)) {
        // Of its own pods a service reaches another one, never by the network itself.
        const other = from === to ? { ...target, ip: "10.244.9.9" } : target;
        for (const port of ports)
          questions.push([from, to, { from: source, to: other, port, protocol: port === 53 ? "UDP" : "TCP" }]);
      }
    }
    const verdicts = analyse(
      policiesOf(recording),
      questions.map(([, , question]) => question),
    );
    const those = (allowed: (verdict: (typeof verdicts)[number]) => boolean) =>
      questions.flatMap(([from, to, { port }], index) =>
        allowed(verdicts[index]!) ? [`${from} → ${to}:${port}`] : [],
      );
    passing = {
      egress: those(({ egress }) => egress),
      ingress: those(({ ingress }) => ingress),
      both: those(({ egress, ingress }) => egress && ingress),
    };
  });

  function worldOf(pods: readonly Template[]): Record<string, Point> {
    let last = 0;
    const pod = (namespace: string, labels: Readonly<Record<string, string>>): Point => ({
      ip: `10.244.0.${++last}`,
      namespace,
      labels,
    });
    const made = pods
      .filter(({ namespace }) => Object.values(namespaces).includes(namespace))
      .map(({ name, namespace, labels }): [string, Point] => [name, pod(namespace, labels)]);
    return {
      ...Object.fromEntries(made),
      strangerInside: pod(namespaces.apps, { app: "stranger" }),
      strangerElsewhere: pod("default", { app: "web" }),
      dns: pod("kube-system", { "k8s-app": "kube-dns" }),
      outside: { ip: stranger },
      partner: { ip: partner },
      apiServer: { ip: "10.210.0.11" },
    };
  }

  const everyone = [...own, ...foreign];
  const all = (froms: readonly string[], tos: readonly string[]) =>
    froms.flatMap((from) => tos.map((to) => `${from} → ${to}`));
  /** What is not ours may send, and take, whatever it likes: no policy of ours speaks for it. */
  const unwatched = (pairs: (foreigner: string, port: number) => string[]) =>
    foreign.flatMap((name) => ports.flatMap((port) => pairs(name, port)));
  const sorted = (lines: readonly string[]) => [...new Set(lines)].sort();

  it("knows every pair of our pods", () => {
    expect(new Set(questions.map(([from]) => from))).toEqual(new Set(everyone));
    expect(questions).toHaveLength(everyone.length ** 2 * ports.length);
  });

  it("lets out of our pods what is declared, and nothing else", () => {
    const leave = unwatched((name, port) => everyone.map((to) => `${name} → ${to}:${port}`));
    expect(sorted(passing.egress)).toEqual(sorted([...calls, ...out, ...api, ...dns, ...leave]));
  });

  it("lets into our pods what is declared, and nothing else", () => {
    const enter = unwatched((name, port) => everyone.map((from) => `${from} → ${name}:${port}`));
    expect(sorted(passing.ingress)).toEqual(sorted([...calls, ...all(everyone, exposed), ...enter]));
  });

  it("connects exactly who is declared to talk to whom", () => {
    const between = unwatched((name, port) => foreign.map((to) => `${name} → ${to}:${port}`));
    expect(sorted(passing.both)).toEqual(
      sorted([...calls, ...out, ...api, ...dns, ...all(foreign, exposed), ...between]),
    );
  });
});
