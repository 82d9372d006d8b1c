import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { Istio, type IstioArgs } from "../../components/mesh/istio.ts";
import { istioChartsAt } from "../../components/mesh/istio-charts.ts";
import { istioCharts } from "../../local/charts.ts";
import { cacheDir } from "../../local/paths.ts";
import { binaryPath, ensurePart, istioRelease } from "../../local/toolchain.ts";
import { record, type Recording } from "../recorder.ts";

let charts: IstioArgs["charts"];
beforeAll(async () => {
  await ensurePart("helm", () => undefined);
  // Rendering them anew for each test would take most of its time.
  charts = { ...istioChartsAt(await istioCharts(), istioRelease), keptIn: join(cacheDir, "charts") };
}, 600_000);

const images = { istiod: "mirror/pilot:1", proxy: "mirror/proxyv2:1", cni: "mirror/install-cni:1" };
const make = (more: Partial<IstioArgs> = {}, preview = false): Promise<Recording> => {
  const args: IstioArgs = {
    build: "official",
    trustDomain: "cluster.local",
    istiod: { replicas: 2, cpuMillis: 100, memoryMiB: 512 },
    proxy: { cpuMillis: 50, cpuLimitMillis: 1000, memoryMiB: 128, memoryLimitMiB: 256 },
    cni: { binDir: "/usr/lib/cni", confDir: "/etc/cni/net.d" },
    namespaces: { mesh: "istio-system", meshAgents: "istio-cni", ingress: "doors" },
    helm: binaryPath("helm", "helm"),
    charts,
    images,
    telemetry: { samplingPercent: 5, accessLogs: "errors" },
    ...more,
  };
  return record(() => void new Istio("mesh", args), { preview });
};
const meshConfig = (recording: Recording) =>
  (recording.get("mesh-istiod-configmap-istio").inputs["data"] as { mesh: string }).mesh;
const templateOf = (recording: Recording, name: string) =>
  (recording.get(name).inputs["spec"] as { template: { metadata: { labels: object }; spec: PodSpec } }).template;
interface PodSpec {
  readonly containers: readonly {
    readonly image: string;
    readonly env: readonly { name: string; value?: string }[];
    readonly securityContext: object;
  }[];
}

describe("Istio", () => {
  test("is the same objects in a preview as when it is made", async () => {
    const names = (await make()).names();
    expect(names.filter((name) => name.includes("CustomResourceDefinition"))).toHaveLength(15);
    expect((await make({}, true)).names()).toEqual(names);
  });

  test("comes by its definitions first, and its objects after istiod", async () => {
    const recording = await make();
    const definition = recording.get("mesh-base-customresourcedefinition-sidecars.networking.istio.io").urn;
    const istiod = recording.get("mesh-istiod-deployment-istiod");
    expect(istiod.dependencies).toContain(definition);
    expect(recording.get("mesh-strict").dependencies).toContain(istiod.urn);
  });

  test("leaves alone what istiod changes in its webhooks, and nothing else", async () => {
    const recording = await make();
    const injector = recording.get("mesh-istiod-mutatingwebhookconfiguration-istio-sidecar-injector");
    const { length } = injector.inputs["webhooks"] as unknown[];
    expect(injector.ignoreChanges).toHaveLength(2 * length);
    expect(injector.ignoreChanges).toContain("webhooks[0].clientConfig.caBundle");
    expect(injector.ignoreChanges).toContain(`webhooks[${length - 1}].failurePolicy`);
    const others = recording.resources.filter(({ type }) => !type.endsWith("WebhookConfiguration"));
    expect(others.flatMap(({ ignoreChanges }) => ignoreChanges)).toEqual([]);
  });

  test("refuses plain text in the whole mesh, and hosts that nobody declared", async () => {
    const recording = await make();
    expect(recording.get("mesh-strict").inputs).toMatchObject({
      kind: "PeerAuthentication",
      metadata: { namespace: "istio-system" },
      spec: { mtls: { mode: "STRICT" } },
    });
    expect(meshConfig(recording)).toContain("mode: REGISTRY_ONLY");
  });

  test("runs the given images, as pods that a restricted namespace takes", async () => {
    const recording = await make();
    const [istiod] = templateOf(recording, "mesh-istiod-deployment-istiod").spec.containers;
    expect(istiod).toMatchObject({
      image: images.istiod,
      securityContext: {
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
      },
    });
    const agents = templateOf(recording, "mesh-cni-daemonset-istio-cni-node");
    expect(agents.spec.containers[0]?.image).toBe(images.cni);
    expect(agents.metadata.labels).toMatchObject({ app: "istio-cni-node" });
    const injector = recording.get("mesh-istiod-configmap-istio-sidecar-injector").inputs["data"] as { values: string };
    expect(JSON.parse(injector.values)).toMatchObject({
      global: { proxy: { image: images.proxy }, proxy_init: { image: images.proxy } },
      pilot: { cni: { enabled: true } },
    });
  });

  test("with a stock proxy names no filter that it lacks", async () => {
    const env = async (build: "official" | "stock") =>
      templateOf(await make({ build }), "mesh-istiod-deployment-istiod").spec.containers[0]?.env.map(
        ({ name, value }) => `${name}=${value}`,
      );
    const lacking = ["PILOT_ENABLE_ALPN_FILTER=false", "PILOT_ENABLE_METADATA_EXCHANGE=false"];
    expect(await env("stock")).toEqual(expect.arrayContaining(lacking));
    expect((await env("official"))?.filter((one) => lacking.includes(one))).toEqual([]);
  });

  test("has a disruption budget with two istiods, and none with one", async () => {
    const budgets = async (replicas: number) =>
      (await make({ istiod: { replicas, cpuMillis: 100, memoryMiB: 512 } })).ofType("PodDisruptionBudget");
    expect(await budgets(2)).toHaveLength(1);
    expect(await budgets(1)).toHaveLength(0);
  });

  test("sends spans where there is a place for them, and says that there is none", async () => {
    const traces = { service: "otel-gateway", namespace: "watch", port: 4317 };
    const [with_, without] = [await make({ traces }), await make()];
    expect(meshConfig(with_)).toContain("otel-gateway.watch.svc.cluster.local");
    expect(meshConfig(without)).not.toContain("opentelemetry");
    expect(with_.get("mesh-telemetry").inputs["spec"]).toMatchObject({
      tracing: [{ providers: [{ name: "otlp" }], randomSamplingPercentage: 5 }],
    });
    expect(without.get("mesh-telemetry").inputs["spec"]).toMatchObject({ tracing: [{ disableSpanReporting: true }] });
  });

  test.each([
    ["errors", { filter: { expression: "response.code >= 500 || response.code == 0" } }],
    ["all", {}],
    ["none", { disabled: true }],
  ] as const)("writes lines of requests: %s", async (accessLogs, expected) => {
    const recording = await make({ telemetry: { samplingPercent: 1, accessLogs } });
    expect(recording.get("mesh-telemetry").inputs["spec"]).toMatchObject({
      accessLogging: [{ providers: [{ name: "access-log" }], ...expected }],
    });
  });

  test("has an egress gateway where one is wanted: out of sight of the outside, without rights to Secrets, and known before the apps", async () => {
    expect((await make()).names().filter((name) => name.includes("egress"))).toEqual([]);
    const recording = await make({ egress: { replicas: 2, cpuMillis: 10, memoryMiB: 128 } });
    expect(recording.get("mesh-egress-service-istio-egress").inputs).toMatchObject({
      metadata: { namespace: "istio-system" },
      spec: {
        type: "ClusterIP",
        ports: [
          { name: "http2-requests", port: 15_444, targetPort: 15_444 },
          { name: "tls-streams", port: 15_443, targetPort: 15_443 },
        ],
      },
    });
    expect(templateOf(recording, "mesh-egress-deployment-istio-egress").metadata.labels).toMatchObject({
      app: "istio-egress",
      istio: "istio-egress",
      "sidecar.istio.io/inject": "true",
    });
    const ofEgress = ({ resources }: Recording) =>
      resources.filter(({ name }) => name.startsWith("mesh-egress-")).map(({ type }) => type.split(":").at(-1));
    expect(ofEgress(recording)).toEqual(expect.arrayContaining(["Deployment", "Service", "PodDisruptionBudget"]));
    expect(ofEgress(recording)).not.toContain("Role");
    const one = await make({ egress: { replicas: 1, cpuMillis: 10, memoryMiB: 128 } });
    expect(ofEgress(one)).not.toContain("PodDisruptionBudget");
  });

  test("has a gateway with the ports that the outside reaches, where one is wanted", async () => {
    expect((await make()).names().filter((name) => name.includes("gateway-deployment"))).toEqual([]);
    const expose = { httpPort: 8088, httpsPort: 443, loadBalancerClass: "metallb.io/metallb" };
    const recording = await make({ ingress: { replicas: 2, cpuMillis: 10, memoryMiB: 128, expose } });
    const service = recording.get("mesh-gateway-service-istio-ingress");
    expect(service.inputs).toMatchObject({
      metadata: { namespace: "doors", annotations: { "pulumi.com/skipAwait": "true" } },
      spec: {
        type: "LoadBalancer",
        loadBalancerClass: "metallb.io/metallb",
        selector: { istio: "istio-ingress" },
        ports: [
          { port: 8088, targetPort: 8088 },
          { port: 443, targetPort: 443 },
        ],
      },
    });
    expect(templateOf(recording, "mesh-gateway-deployment-istio-ingress").metadata.labels).toMatchObject({
      app: "istio-ingress",
    });
  });
});

describe("Istio's charts", () => {
  test("are taken from a repository at the release's version", () => {
    expect(istioChartsAt("https://charts.example.com", "1.31.0").places.cni).toEqual({
      chart: "cni",
      repository: "https://charts.example.com",
      version: "1.31.0",
    });
  });

  test("that are not in a folder are named", () => {
    expect(() => istioChartsAt("/nowhere", "1.31.0")).toThrow(
      /quorum:mesh\.charts is "\/nowhere", but base, istiod, cni, gateway are not in it/,
    );
  });
});
