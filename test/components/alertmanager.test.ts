import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import * as pulumi from "@pulumi/pulumi";
import { Alertmanager, type AlertmanagerArgs } from "../../components/monitoring/alertmanager.ts";
import { record } from "../recorder.ts";

/* eslint-disable @typescript-eslint/no-explicit-any -- recorded inputs have no types of their own */

const secrets = { token: "t0ken-of-the-bot", heartbeat: "https://dms.example.com/s3cret", key: "k3y-of-the-pager" };
const args: AlertmanagerArgs = {
  namespace: "monitoring",
  image: "alertmanager:v0",
  receivers: {
    bot: { webhook: { url: "http://pager.apps.svc:8080/alerts", bearerToken: pulumi.secret(secrets.token) } },
    pager: { pagerduty: { routingKey: pulumi.secret(secrets.key) } },
  },
  deadMansSwitch: { url: pulumi.secret(secrets.heartbeat), intervalSeconds: 60 },
};
const make = (more: Partial<AlertmanagerArgs> = {}, preview = false) =>
  record(() => void new Alertmanager("alertmanager", { ...args, ...more }), { preview });
const server = async (more: Partial<AlertmanagerArgs> = {}) =>
  (await make(more)).get("alertmanager-server").inputs as any;
const flags = async (more: Partial<AlertmanagerArgs> = {}) =>
  (await server(more)).spec.template.spec.containers[0].args as string[];

describe("Alertmanager", () => {
  const alone = [
    "kubernetes:apps/v1:StatefulSet::alertmanager-server",
    "kubernetes:core/v1:Secret::alertmanager-config",
    "kubernetes:core/v1:Service::alertmanager-peers",
    "kubernetes:core/v1:Service::alertmanager-service",
    "kubernetes:core/v1:ServiceAccount::alertmanager-account",
    "quorum:monitoring:Alertmanager::alertmanager",
  ];
  it.each([true, false])("makes the same objects (preview %s)", async (preview) => {
    expect((await make({}, preview)).names().slice(1).sort()).toEqual(alone);
    expect((await make({ replicas: 2, expose: { port: 9093 } }, preview)).names().slice(1).sort()).toEqual(
      [
        ...alone,
        "kubernetes:core/v1:Service::alertmanager-public",
        "kubernetes:policy/v1:PodDisruptionBudget::alertmanager-budget",
      ].sort(),
    );
  });

  it("has its secrets in its Secret, and nowhere else", async () => {
    const { resources } = await make({ replicas: 2, expose: { port: 9093 } });
    for (const secret of Object.values(secrets)) {
      const holders = resources.filter((resource) => JSON.stringify(resource.inputs).includes(secret));
      expect(holders.map(({ name, type }) => [type, name])).toEqual([
        ["kubernetes:core/v1:Secret", "alertmanager-config"],
      ]);
      expect(holders[0]?.secretPaths.length).toBeGreaterThan(0);
    }
  });

  it("reads who is told, what is said and where links lead", async () => {
    const recording = await make({ externalUrl: "https://alerts.example.com", groupWaitSeconds: 5, repeatHours: 3 });
    const files = recording.get("alertmanager-config").inputs["stringData"] as Record<string, string>;
    const config = parse(files["alertmanager.yml"] ?? "");
    expect(config.route).toMatchObject({ group_wait: "5s", group_interval: "300s", repeat_interval: "3h" });
    expect(config.receivers.map(({ name }: { name: string }) => name)).toEqual([
      "Nobody",
      "DeadMansSwitch",
      "bot",
      "pager",
    ]);
    expect(files["links.tmpl"]).toContain("https://alerts.example.com/#/alerts");
    expect(files["messages.tmpl"]).toContain('define "quorum.title"');
  });

  it("gets new pods when what it reads has changed, and only then", async () => {
    const hash = async (more: Partial<AlertmanagerArgs> = {}) =>
      (await server(more)).spec.template.metadata.annotations["quorum.dev/config-hash"] as string;
    const before = await hash();
    expect(before).toMatch(/^[0-9a-f]{16}$/);
    expect(await hash({ memoryMiB: 100 })).toBe(before);
    expect(await hash({ groupWaitSeconds: 31 })).not.toBe(before);
    expect(await hash({ receivers: {} })).not.toBe(before);
    // The hash itself is to be seen.
    expect((await make()).get("alertmanager-server").secretPaths).toEqual([]);
  });

  it("is no cluster alone", async () => {
    const alone = await flags();
    expect(alone).toEqual([
      "--config.file=/etc/alertmanager/alertmanager.yml",
      "--storage.path=/alertmanager",
      "--data.retention=120h",
      "--web.listen-address=:9093",
      "--web.route-prefix=/",
      "--dispatch.start-delay=60s",
      "--cluster.listen-address=",
    ]);
    expect(await flags({ externalUrl: "https://alerts.example.com" })).toContain(
      "--web.external-url=https://alerts.example.com",
    );
    expect(await flags({ repeatHours: 100 })).toContain("--data.retention=200h");
  });

  it("is a cluster whose members know each other by name", async () => {
    expect((await flags({ replicas: 2 })).filter((flag) => flag.startsWith("--cluster."))).toEqual([
      "--cluster.listen-address=0.0.0.0:9094",
      "--cluster.advertise-address=$(POD_IP):9094",
      "--cluster.label=$(POD_NAMESPACE)",
      "--cluster.peer=alertmanager-0.alertmanager-peers:9094",
      "--cluster.peer=alertmanager-1.alertmanager-peers:9094",
    ]);
    const recording = await make({ replicas: 2 });
    expect(recording.get("alertmanager-peers").inputs["spec"]).toMatchObject({
      clusterIP: "None",
      publishNotReadyAddresses: true,
      ports: [
        { port: 9093, protocol: "TCP" },
        { port: 9094, protocol: "TCP" },
        { port: 9094, protocol: "UDP" },
      ],
    });
    expect(recording.get("alertmanager-budget").inputs["spec"]).toMatchObject({ maxUnavailable: 1 });
    const { spec } = recording.get("alertmanager-server").inputs as any;
    expect(spec).toMatchObject({ replicas: 2, serviceName: "alertmanager-peers", podManagementPolicy: "Parallel" });
    expect(spec.template.spec.topologySpreadConstraints.map((one: any) => one.topologyKey)).toEqual([
      "kubernetes.io/hostname",
      "topology.kubernetes.io/zone",
    ]);
  });

  it("is reached inside by one port, whatever the outside's is", async () => {
    const recording = await make({ expose: { port: 80 } });
    expect(recording.get("alertmanager-service").inputs).toMatchObject({
      metadata: { name: "alertmanager" },
      spec: { type: "ClusterIP", ports: [{ port: 9093, targetPort: "web" }] },
    });
    expect(recording.get("alertmanager-public").inputs).toMatchObject({
      metadata: { name: "alertmanager-public" },
      spec: { type: "LoadBalancer", ports: [{ port: 80, targetPort: "web" }] },
    });
  });

  it("keeps silences and what was sent on a volume", async () => {
    const { spec } = await server({ storageGiB: 2, storageClassName: "fast", retainVolumes: false });
    expect(spec.volumeClaimTemplates[0].spec).toEqual({
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "2Gi" } },
      storageClassName: "fast",
    });
    expect(spec.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: "Delete", whenScaled: "Retain" });
    expect(spec.template.spec.containers[0].volumeMounts).toContainEqual({ name: "data", mountPath: "/alertmanager" });
    expect((await server()).spec.persistentVolumeClaimRetentionPolicy.whenDeleted).toBe("Retain");
  });

  it("is what Pod Security restricted admits, and has no token", async () => {
    const pod = (await server({ priorityClassName: "quorum-critical", memoryMiB: 100 })).spec.template.spec;
    expect(pod).toMatchObject({
      serviceAccountName: "alertmanager",
      automountServiceAccountToken: false,
      priorityClassName: "quorum-critical",
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65534,
        fsGroup: 65534,
        seccompProfile: { type: "RuntimeDefault" },
      },
    });
    const [container] = pod.containers;
    expect(container.securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(container.resources.limits.memory).toBe("100Mi");
    expect(container.env).toContainEqual({ name: "GOMEMLIMIT", value: "90MiB" });
  });
});
