import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { SignInProxy, type SignInProxyArgs } from "../../components/monitoring/sign-in-proxy.ts";
import { record } from "../recorder.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */

const signIn = {
  issuerUrl: "https://id.example.com",
  clientId: "quorum",
  clientSecret: pulumi.secret("hidden away"),
  scopes: ["openid"],
  groups: ["team-shop"],
  admins: [],
};
const args: SignInProxyArgs = {
  namespace: "watch",
  image: "oauth2-proxy:v7",
  upstream: "http://zipkin:9411",
  url: "https://zipkin.example.com",
  signIn,
};
const make = (more: Partial<SignInProxyArgs> = {}, preview = false) =>
  record(() => void new SignInProxy("zipkin-sign-in", { ...args, ...more }), { preview });
const template = async (more: Partial<SignInProxyArgs> = {}) =>
  ((await make(more)).get("zipkin-sign-in-deployment").inputs as any).spec.template;

describe("a sign-in proxy", () => {
  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    const objects = [
      "kubernetes:apps/v1:Deployment::zipkin-sign-in-deployment",
      "kubernetes:core/v1:ConfigMap::zipkin-sign-in-config",
      "kubernetes:core/v1:Secret::zipkin-sign-in-client",
      "kubernetes:core/v1:Service::zipkin-sign-in-service",
      "kubernetes:core/v1:ServiceAccount::zipkin-sign-in-account",
      "quorum:monitoring:SignInProxy::zipkin-sign-in",
    ];
    expect((await make({}, preview)).names().slice(1).sort()).toEqual(objects);
    const budget = "kubernetes:policy/v1:PodDisruptionBudget::zipkin-sign-in-budget";
    expect((await make({ replicas: 2 }, preview)).names().slice(1).sort()).toEqual([...objects, budget].sort());
  });

  it("has the name that the network's policies know it by", async () => {
    const recording = await make();
    const selector = { app: "zipkin-sign-in" };
    expect(recording.get("zipkin-sign-in-service").inputs).toMatchObject({
      metadata: { name: "zipkin-sign-in" },
      spec: { type: "ClusterIP", selector, ports: [{ port: 4180, targetPort: "http" }] },
    });
    const { metadata, spec } = await template();
    expect(metadata.labels).toEqual(selector);
    expect(spec.serviceAccountName).toBe("zipkin-sign-in");
  });

  it("keeps the client's secret out of everything but its Secret", async () => {
    const recording = await make();
    const secret = recording.get("zipkin-sign-in-client");
    expect(secret.inputs["stringData"]).toEqual({ "client-secret": "hidden away" });
    expect(secret.secretPaths[0]?.[0]).toBe("stringData");
    const others = recording.resources.filter((one) => one !== secret).map(({ inputs }) => inputs);
    expect(JSON.stringify(others)).not.toContain("hidden away");
    // So that a preview shows what changes in its pods.
    expect(recording.get("zipkin-sign-in-deployment").secretPaths).toEqual([]);
    const [container] = (await template()).spec.containers;
    expect(container.env).toEqual([
      {
        name: "OAUTH2_PROXY_COOKIE_SECRET",
        valueFrom: { secretKeyRef: { name: "sign-in", key: "cookie-secret" } },
      },
    ]);
  });

  it("takes changed settings and a changed secret by other pods", async () => {
    const { annotations } = (await template()).metadata;
    const changes: Partial<SignInProxyArgs>[] = [
      { url: "https://z.example.com" },
      { signIn: { ...signIn, groups: [] } },
      { signIn: { ...signIn, caCertificate: "x" } },
      { signIn: { ...signIn, clientSecret: "another" } },
    ];
    for (const change of changes) expect((await template(change)).metadata.annotations).not.toEqual(annotations);
  });

  it("has no rights, and is what Pod Security restricted admits", async () => {
    const { spec } = await template();
    expect(spec).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } });
    expect(spec.containers[0].securityContext).toMatchObject({ readOnlyRootFilesystem: true });
    expect(spec.containers[0].readinessProbe.httpGet.path).toBe("/ready");
  });
});
