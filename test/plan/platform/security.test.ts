import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../config/parse.ts";
import { generatorPlaces, planGeneratedSecrets } from "../../../components/plan/platform/generated-secrets.ts";
import { lessRestricted } from "../../../components/plan/platform/namespaces.ts";
import { requiredImages } from "../../../components/plan/images/images.ts";
import { planSecurity } from "../../../components/plan/platform/security.ts";

const key = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
const volume = { mountPath: "/data", storageGiB: 1 };
const raw = {
  images: { registry: "registry.example.com", builds: { app: { context: "app" } } },
  services: { shop: { image: "app", role: "web" } },
  monitoring: { alertmanager: { unattended: true } },
  controlPlane: { mode: "existing", context: "kind" },
};

function plan(more: Record<string, unknown> = {}) {
  return planSecurity(parseConfig({ ...raw, ...more }), ["apps", "monitoring"], "registry.example.com/quorum");
}
const apps = (more?: Record<string, unknown>) => plan(more).namespaces.find(({ place }) => place === "apps");

describe("namespaces", () => {
  it("are restricted, all of them", () => {
    for (const { labels } of plan().namespaces) {
      expect(labels["pod-security.kubernetes.io/enforce"]).toBe("restricted");
    }
  });

  it("that may do more say why", () => {
    for (const { level, reason } of Object.values(lessRestricted)) {
      expect(level).not.toBe("restricted");
      expect(reason.length).toBeGreaterThan(20);
    }
  });

  it("of apps ask for digests where they are required", () => {
    expect(apps()?.labels["quorum.dev/digests"]).toBe("required");
    expect(apps({ images: { ...raw.images, digests: "allowed" } })?.labels).not.toHaveProperty("quorum.dev/digests");
  });

  it("are checked by sigstore's controller where signatures are", () => {
    expect(apps()?.labels).not.toHaveProperty("policy.sigstore.dev/include");
    const signed = plan({ security: { signatures: { publicKey: key } } });
    for (const { labels } of signed.namespaces) expect(labels["policy.sigstore.dev/include"]).toBe("true");
    expect(signed.signatures).toMatchObject({ publicKey: key, repository: "registry.example.com/quorum" });
  });

  it("outlive the stack only with volumes that are to", () => {
    expect(apps()?.retain).toBe(false);
    const services = { shop: { ...raw.services.shop, kind: "StatefulSet", volumes: { data: volume } } };
    expect(apps({ services })?.retain).toBe(true);
    expect(apps({ services, storage: { retain: false } })?.retain).toBe(false);
  });
});

describe("admission", () => {
  it("is the owner's of the cluster", () => {
    expect(plan().admission).toBeDefined();
    expect(plan({ platform: "shared" }).admission).toBeUndefined();
  });

  it("lets third-party images run by their pinned tag, and none of the control plane", () => {
    const withoutDigest = plan().admission?.withoutDigest ?? [];
    expect(withoutDigest.some((image) => /^docker\.io\/library\/node:\d/.test(image))).toBe(true);
    expect(withoutDigest.some((image) => image.includes("kube-apiserver"))).toBe(false);
    expect(withoutDigest.every((image) => /^[^/]+\/.+:[^:@]+$/.test(image))).toBe(true);
  });
});

describe("generated secrets", () => {
  const secrets = {
    b: { namespace: "apps", keys: ["z", "a", "z"], length: 16 },
    a: { namespace: "monitoring", keys: ["k"], length: 32 },
    c: { namespace: "apps", keys: ["k"], length: 32 },
  } as const;

  it("are made by namespace, whatever their order in the file", () => {
    const expected = [
      {
        place: "apps",
        secrets: [
          { name: "b", keys: ["a", "z"], length: 16 },
          { name: "c", keys: ["k"], length: 32 },
        ],
      },
      { place: "monitoring", secrets: [{ name: "a", keys: ["k"], length: 32 }] },
    ];
    expect(planGeneratedSecrets(secrets)).toEqual(expected);
    expect(planGeneratedSecrets(Object.fromEntries(Object.entries(secrets).reverse()))).toEqual(expected);
    expect(generatorPlaces(secrets)).toEqual(["apps", "monitoring"]);
    expect(planGeneratedSecrets({})).toEqual([]);
  });

  it("need the image that makes them", () => {
    const images = { registry: "registry.example.com" };
    const monitoring = { ...raw.monitoring, grafana: { enabled: false } };
    const needed = (security: object) =>
      requiredImages(parseConfig({ ...raw, images, services: {}, monitoring, security }));
    expect(needed({})).not.toContain("node");
    expect(needed({ generatedSecrets: { a: {} } })).toContain("node");
  });
});
