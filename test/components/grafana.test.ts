import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { Grafana, type GrafanaArgs } from "../../components/monitoring/grafana.ts";
import { record } from "../recorder.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */

const dashboard = (uid: string, title = "A") => ({
  file: `${uid}.json`,
  folder: "shop",
  text: JSON.stringify({ uid, title }),
});
const args: GrafanaArgs = {
  namespace: "watch",
  image: "grafana:v13",
  anonymousViewers: false,
  datasources: { prometheus: "http://prometheus:9090" },
  scrapeIntervalSeconds: 15,
  dashboards: [dashboard("a")],
};
const signIn = {
  issuerUrl: "https://id.example.com",
  clientId: "quorum",
  clientSecret: "hidden away",
  scopes: ["openid"],
  groups: [],
  admins: [],
  caCertificate: "-----BEGIN CERTIFICATE-----",
};
const make = (more: Partial<GrafanaArgs> = {}, preview = false) =>
  record(() => void new Grafana("grafana", { ...args, ...more }), { preview });
const server = async (more: Partial<GrafanaArgs> = {}) => (await make(more)).get("grafana-server").inputs as any;
const pod = async (more: Partial<GrafanaArgs> = {}) => (await server(more)).spec.template;

describe("Grafana", () => {
  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    expect((await make({ signIn, expose: { port: 80 } }, preview)).names().slice(1).sort()).toEqual([
      "kubernetes:apps/v1:StatefulSet::grafana-server",
      "kubernetes:core/v1:ConfigMap::grafana-config",
      "kubernetes:core/v1:ConfigMap::grafana-grafana-dashboards-shop",
      "kubernetes:core/v1:Secret::grafana-sign-in",
      "kubernetes:core/v1:Service::grafana-public",
      "kubernetes:core/v1:Service::grafana-service",
      "kubernetes:core/v1:ServiceAccount::grafana-account",
      "quorum:monitoring:Grafana::grafana",
    ]);
  });

  it("keeps its database on a volume that a restart finds again", async () => {
    const { spec } = await server({ storageGiB: 3, storageClassName: "fast" });
    expect(spec.replicas).toBe(1);
    expect(spec.volumeClaimTemplates[0].spec).toEqual({
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "3Gi" } },
      storageClassName: "fast",
    });
    expect(spec.template.spec.containers[0].volumeMounts).toContainEqual({
      name: "data",
      mountPath: "/var/lib/grafana",
    });
    expect(spec.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: "Retain", whenScaled: "Retain" });
    expect((await server({ retainVolume: false })).spec.persistentVolumeClaimRetentionPolicy.whenDeleted).toBe(
      "Delete",
    );
  });

  it("is ready when its sign-in page answers, and alive while its database does", async () => {
    const [container] = (await pod()).spec.containers;
    expect(container.readinessProbe.httpGet).toEqual({ path: "/login", port: "http" });
    expect(container.livenessProbe.httpGet).toEqual({ path: "/api/health", port: "http" });
    const { periodSeconds, failureThreshold } = container.startupProbe;
    expect(periodSeconds * failureThreshold).toBe(300);
  });

  it("takes a changed dashboard without another pod, and changed settings by one", async () => {
    const before = await pod();
    expect(await pod({ dashboards: [dashboard("a", "B"), dashboard("b")] })).toEqual(before);
    const after = await pod({ anonymousViewers: true });
    expect(after.metadata.annotations).not.toEqual(before.metadata.annotations);
    expect(after.spec).toEqual(before.spec);
  });

  it("finds each of its files where its settings say", async () => {
    const recording = await make({ signIn });
    const { spec } = (recording.get("grafana-server").inputs as any).spec.template;
    const config = spec.volumes.find(({ name }: any) => name === "config").configMap;
    const data = recording.get("grafana-config").inputs["data"] as Record<string, string>;
    expect(config.items.map(({ path }: any) => path)).toEqual([
      "grafana.ini",
      "provisioning/datasources/datasources.yaml",
      "provisioning/dashboards/dashboards.yaml",
      "ca.crt",
    ]);
    for (const { key } of config.items) expect(data[key]).toBeTypeOf("string");
    const { providers } = parse(data["provisioning.dashboards.dashboards.yaml"] ?? "");
    const mounts = spec.containers[0].volumeMounts.map(({ mountPath }: any) => mountPath);
    expect(mounts).toEqual(expect.arrayContaining(["/etc/grafana", ...providers.map((one: any) => one.options.path)]));
    const secrets = spec.volumes.find(({ name }: any) => name === "secrets").projected.sources;
    expect(secrets.map(({ secret }: any) => secret.name)).toEqual([
      "grafana-admin",
      "grafana-encryption",
      "grafana-sign-in",
    ]);
  });

  it("keeps the client's secret out of everything but its Secret, and takes a changed one by another pod", async () => {
    const hidden = { ...signIn, clientSecret: pulumi.secret("hidden away") };
    const recording = await make({ signIn: hidden });
    const secret = recording.get("grafana-sign-in");
    expect(secret.inputs["stringData"]).toEqual({ "client-secret": "hidden away" });
    expect(secret.secretPaths[0]?.[0]).toBe("stringData");
    const others = recording.resources.filter((one) => one !== secret).map(({ inputs }) => inputs);
    expect(JSON.stringify(others)).not.toContain("hidden away");
    // So that a preview shows what changes in its pod.
    expect(recording.get("grafana-server").secretPaths).toEqual([]);
    const changed = await pod({ signIn: { ...signIn, clientSecret: "another" } });
    expect(changed.metadata.annotations).not.toEqual((await pod({ signIn })).metadata.annotations);
  });

  it("is reached inside by port 3000, and outside by its own only when asked", async () => {
    const inside = { type: "ClusterIP", ports: [{ port: 3000, targetPort: "http" }] };
    const closed = await make();
    expect(closed.get("grafana-service").inputs["spec"]).toMatchObject(inside);
    expect(closed.names().join()).not.toContain("grafana-public");
    const open = await make({ expose: { port: 80, loadBalancerClass: "metallb" } });
    expect(open.get("grafana-service").inputs["spec"]).toMatchObject(inside);
    expect(open.get("grafana-public").inputs).toMatchObject({
      metadata: { name: "grafana-public", annotations: { "pulumi.com/skipAwait": "true" } },
      spec: { type: "LoadBalancer", loadBalancerClass: "metallb", ports: [{ port: 80, targetPort: "http" }] },
    });
  });

  it("has no rights, and is what Pod Security restricted admits", async () => {
    const { spec } = await pod({ priorityClassName: "first" });
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      priorityClassName: "first",
      securityContext: { runAsNonRoot: true, runAsUser: 472, fsGroup: 472 },
    });
    expect(spec.containers[0].securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  });
});
