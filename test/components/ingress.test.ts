import { compareSync } from "bcryptjs";
import { secret } from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { IngressController } from "../../components/platform/ingress-controller.ts";
import { Ingresses, type IngressesArgs } from "../../components/workload/ingresses.ts";
import { ServiceIngress } from "../../components/workload/ingress.ts";
import { record } from "../recorder.ts";

const expose = { httpPort: 80, httpsPort: 443 };
const controllerArgs = { namespace: "door", served: { apps: "shop" }, image: "traefik:v3", expose };
const previews = [true, false];

describe("IngressController", () => {
  const make = (more: object = {}, preview = false) =>
    record(() => void new IngressController("ingress", { ...controllerArgs, ...more }), { preview });

  it.each(previews)("makes the same objects (preview %s)", async (preview) => {
    expect((await make({ gatewayApi: true }, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apps/v1:Deployment::ingress-deployment",
      "kubernetes:core/v1:Service::ingress-service",
      "kubernetes:core/v1:ServiceAccount::ingress-account",
      "kubernetes:gateway.networking.k8s.io/v1:GatewayClass::ingress-gateway-class",
      "kubernetes:networking.k8s.io/v1:IngressClass::ingress-class",
      "kubernetes:policy/v1:PodDisruptionBudget::ingress-budget",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole::ingress-cluster-role",
      "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding::ingress-cluster-binding",
      "kubernetes:rbac.authorization.k8s.io/v1:Role::ingress-apps-role",
      "kubernetes:rbac.authorization.k8s.io/v1:Role::ingress-own-role",
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding::ingress-apps-binding",
      "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding::ingress-own-binding",
      "quorum:platform:IngressController::ingress",
    ]);
  });

  it("reads Secrets in the namespaces that it serves alone, and writes nothing but status", async () => {
    const recording = await make({ gatewayApi: true });
    const rulesOf = (name: string) =>
      recording.get(name).inputs["rules"] as { apiGroups: string[]; resources: string[]; verbs: string[] }[];
    const wide = rulesOf("ingress-cluster-role");
    expect(wide.flatMap(({ resources }) => resources)).toEqual([
      "namespaces",
      "ingressclasses",
      "gatewayclasses",
      "gatewayclasses/status",
    ]);
    for (const role of ["ingress-cluster-role", "ingress-apps-role", "ingress-own-role"]) {
      for (const { resources, verbs } of rulesOf(role)) {
        expect(verbs).toEqual(
          resources.every((resource) => resource.endsWith("/status")) ? ["update"] : ["get", "list", "watch"],
        );
      }
    }
    expect(recording.get("ingress-apps-role").inputs["metadata"]).toMatchObject({ namespace: "shop" });
    expect(recording.get("ingress-own-role").inputs["metadata"]).toMatchObject({ namespace: "door" });
  });

  it("follows no Ingress but those of its class and namespace", async () => {
    const recording = await make({ className: "own" });
    expect(recording.get("ingress-class").inputs).toMatchObject({
      metadata: { name: "own" },
      spec: { controller: "quorum.dev/door" },
    });
    const args = containerOf(recording.get("ingress-deployment").inputs).args;
    expect(args).toContain("--providers.kubernetesIngressNGINX.controllerClass=quorum.dev/door");
    expect(args).toContain(
      "--providers.kubernetesIngressNGINX.watchNamespaceSelector=kubernetes.io/metadata.name in (shop, door)",
    );
    expect(args.join()).not.toContain("kubernetesGateway");
    expect(recording.ofType(":GatewayClass")).toEqual([]);
  });

  it("listens on the ports that the outside asks for, privileged ones without a privilege", async () => {
    const balancer = { loadBalancerClass: "metallb.io/metallb", address: "192.0.2.80" };
    const recording = await make({ expose: { ...expose, ...balancer } });
    expect(recording.get("ingress-service").inputs["spec"]).toMatchObject({
      type: "LoadBalancer",
      loadBalancerClass: "metallb.io/metallb",
      loadBalancerIP: "192.0.2.80",
      ports: [
        { name: "web", port: 80 },
        { name: "websecure", port: 443 },
      ],
    });
    const { ports, securityContext } = containerOf(recording.get("ingress-deployment").inputs);
    expect(ports.map(({ containerPort }) => containerPort)).toEqual([80, 443, 9000]);
    expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } });
    expect(podOf(recording.get("ingress-deployment").inputs)).toMatchObject({
      securityContext: { sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: "80" }] },
    });
    const high = await make({ expose: { httpPort: 8080, httpsPort: 8443 } });
    expect(podOf(high.get("ingress-deployment").inputs).securityContext).not.toHaveProperty("sysctls");
  });

  it("has no budget with one pod, which would hold up every drain", async () => {
    expect((await make({ replicas: 1 })).ofType(":PodDisruptionBudget")).toEqual([]);
    expect((await make()).get("ingress-budget").inputs["spec"]).toMatchObject({ maxUnavailable: 1 });
  });

  it("goes on serving while nodes learn that it stops, and has the time to end what it began", async () => {
    const { inputs } = (await make()).get("ingress-deployment");
    const { args } = containerOf(inputs);
    const seconds = (name: string) =>
      Number(
        args.find((one) => one.startsWith(`--entryPoints.websecure.transport.lifeCycle.${name}=`))?.match(/\d+/)?.[0],
      );
    expect(seconds("requestAcceptGraceTimeout")).toBeGreaterThanOrEqual(5);
    expect(podOf(inputs).terminationGracePeriodSeconds).toBeGreaterThan(
      seconds("requestAcceptGraceTimeout") + seconds("graceTimeOut"),
    );
    expect(inputs["spec"]).toMatchObject({ strategy: { rollingUpdate: { maxUnavailable: 0 } } });
  });
});

describe("Ingresses", () => {
  const web = { port: 8080 };
  const make = (args: Partial<IngressesArgs>, { own = true, preview = false } = {}) =>
    record(
      () => {
        const controller = own
          ? new IngressController("controller", { ...controllerArgs, gatewayApi: true })
          : undefined;
        new Ingresses("ingress", {
          namespace: "shop",
          services: {},
          gateway: { name: "quorum" },
          expose,
          controller,
          ...args,
        });
      },
      { preview },
    );

  it.each(previews)("makes a rule for each service that has one (preview %s)", async (preview) => {
    const recording = await make(
      {
        services: {
          shop: { ...web, servicePort: 80, ingress: { hostname: "a.example.com", path: "/", api: "Ingress" } },
          cart: {
            ...web,
            expose: { port: 9376 },
            ingress: {
              hostname: "a.example.com",
              path: "/cart",
              rewritePath: "/",
              api: "Ingress",
              tls: { issuer: "letsencrypt" },
            },
          },
          inner: web,
        },
      },
      { preview },
    );
    expect(recording.ofType(":Ingress").map(({ name }) => name)).toEqual(["shop-ingress", "cart-ingress"]);
    expect(recording.get("shop-ingress").inputs).toMatchObject({
      metadata: { name: "shop", namespace: "shop" },
      spec: {
        rules: [
          { host: "a.example.com", http: { paths: [{ path: "/", backend: { service: { port: { number: 80 } } } }] } },
        ],
      },
    });
    expect(recording.get("cart-ingress").inputs).toMatchObject({
      metadata: {
        annotations: {
          "cert-manager.io/cluster-issuer": "letsencrypt",
          "nginx.ingress.kubernetes.io/rewrite-target": "/$2",
        },
      },
      spec: {
        tls: [{ hosts: ["a.example.com"], secretName: "cart-tls" }],
        rules: [{ http: { paths: [{ path: "/cart(/|$)(.*)", backend: { service: { port: { number: 9376 } } } }] } }],
      },
    });
  });

  it("names the class once the controller runs, an existing one's by its name, or the cluster's own by none", async () => {
    const services = { shop: { ...web, ingress: { hostname: "a.example.com", path: "/", api: "Ingress" as const } } };
    const ours = await make({ services });
    expect(ours.get("shop-ingress").inputs["spec"]).toMatchObject({ ingressClassName: "traefik" });
    expect(ours.get("shop-ingress").dependencies).toContain(ours.get("controller-class").urn);
    const named = await make({ services, className: "nginx" }, { own: false });
    expect(named.get("shop-ingress").inputs["spec"]).toMatchObject({ ingressClassName: "nginx" });
    const unnamed = await make({ services }, { own: false });
    expect(unnamed.get("shop-ingress").inputs["spec"]).not.toHaveProperty("ingressClassName");
  });

  it("hangs routes on a Gateway of its own, and sends plain requests to TLS", async () => {
    const recording = await make({
      services: {
        gate: {
          ...web,
          ingress: { hostname: "g.example.com", path: "/in", rewritePath: "/", api: "HTTPRoute", tls: {} },
        },
      },
      expose: { httpPort: 8080, httpsPort: 8443 },
    });
    expect(recording.get("ingress-gateway").inputs).toMatchObject({
      metadata: { name: "quorum", namespace: "shop" },
      spec: { gatewayClassName: "traefik", listeners: [{ port: 8080 }, { port: 8443, hostname: "g.example.com" }] },
    });
    expect(recording.get("gate-route").inputs).toMatchObject({
      metadata: { name: "gate", namespace: "shop", labels: { app: "gate" } },
      spec: {
        parentRefs: [{ name: "quorum", namespace: "shop", sectionName: "https-g.example.com" }],
        hostnames: ["g.example.com"],
        rules: [
          {
            matches: [{ path: { type: "PathPrefix", value: "/in" } }],
            filters: [
              { type: "URLRewrite", urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/" } } },
            ],
            backendRefs: [{ name: "gate", port: 8080 }],
          },
        ],
      },
    });
    expect(recording.get("gate-redirect").inputs).toMatchObject({
      metadata: { name: "gate.redirect", labels: { app: "gate" } },
      spec: {
        parentRefs: [{ sectionName: "http" }],
        rules: [{ filters: [{ requestRedirect: { scheme: "https", port: 8443, statusCode: 301 } }] }],
      },
    });
    expect(recording.get("gate-route").dependencies).toContain(recording.get("ingress-gateway").urn);
  });

  it("hangs routes on an existing Gateway as it is", async () => {
    const gate = { hostname: "g.example.com", path: "/", api: "HTTPRoute" as const, tls: {} };
    const recording = await make(
      { services: { gate: { ...web, ingress: gate } }, gateway: { name: "public", namespace: "edge" } },
      { own: false },
    );
    expect(recording.ofType(":Gateway")).toEqual([]);
    expect(recording.ofType(":HTTPRoute").map(({ name }) => name)).toEqual(["gate-route"]);
    const spec = recording.get("gate-route").inputs["spec"] as { parentRefs: object[] };
    expect(spec.parentRefs).toEqual([{ name: "public", namespace: "edge" }]);
  });
});

describe("basic authentication", () => {
  it.each(previews)("puts hashes into a Secret, and passwords nowhere (preview %s)", async (preview) => {
    const recording = await record(
      () => {
        const ingress = new ServiceIngress("shop", {
          namespace: "apps",
          port: 80,
          hostname: "a.example.com",
          path: "/",
          api: "Ingress",
          basicAuth: { anna: secret("open sesame"), bob: "plain in the file" },
        });
        return { ingress: ingress.urn };
      },
      { preview },
    );
    const made = recording.get("shop-basic-auth");
    expect(made.inputs["metadata"]).toMatchObject({ name: "shop.basic-auth", namespace: "apps" });
    const { auth } = made.inputs["data"] as { auth: string };
    const [anna = ""] = Buffer.from(auth, "base64").toString().split("\n");
    expect(compareSync("open sesame", anna.slice("anna:".length))).toBe(true);
    expect(made.secretPaths.map((path) => path.join("."))).toContainEqual(expect.stringMatching(/^data/));
    expect(recording.get("shop-ingress").inputs["metadata"]).toMatchObject({
      annotations: {
        "nginx.ingress.kubernetes.io/auth-type": "basic",
        "nginx.ingress.kubernetes.io/auth-secret": "shop.basic-auth",
        "nginx.ingress.kubernetes.io/auth-realm": "shop",
      },
    });
    const all = JSON.stringify(recording.ofType("").map(({ inputs }) => inputs));
    expect(all).not.toContain("open sesame");
    expect(all).not.toContain("plain in the file");
  });
});

interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly containers: {
    readonly args: string[];
    readonly ports: { readonly containerPort: number }[];
    readonly securityContext: object;
  }[];
}

function podOf(inputs: Readonly<Record<string, unknown>>): Pod {
  return (inputs["spec"] as { template: { spec: Pod } }).template.spec;
}

function containerOf(inputs: Readonly<Record<string, unknown>>): Pod["containers"][number] {
  const [container] = podOf(inputs).containers;
  if (container === undefined) throw new Error("a container was expected");
  return container;
}
