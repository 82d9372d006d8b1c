import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseConfig, imageCatalog } from "../../../config/parse.ts";
import {
  controlPlaneImages,
  digestOf,
  imageReference,
  mirrorRepository,
  requiredImages,
} from "../../../components/plan/images/images.ts";
import { stackSections } from "../../stacks.ts";

const catalog = imageCatalog();

describe("the catalogue", () => {
  it.each(Object.entries(catalog))("names %s whole, with a recipe that exists", (name, entry) => {
    expect(entry.image).toMatch(/^[a-z0-9.-]+\.[a-z]+(\/[a-z0-9._-]+)+$/);
    expect(entry.tag).not.toMatch(/^latest$|^$/);
    // What lies in no package registry cannot be built here, and its component is left out where it cannot be pulled.
    if (/^(headlamp|grafana|kube-state-metrics|kiali|kube-vip|harbor-.*)$/.test(name))
      return expect(entry.recipe).toBeUndefined();
    expect(entry.recipe).toBe(name);
    expect(existsSync(join(import.meta.dirname, "../../../local/images", name, "Dockerfile"))).toBe(true);
  });

  it("has the same version of every part of Kubernetes", () => {
    expect(new Set(controlPlaneImages.slice(0, 4).map((name) => catalog[name]?.tag))).toEqual(new Set(["v1.37.2"]));
  });
});

describe("a reference", () => {
  it.each([
    ["node", undefined, "docker.io/library/node:24.21.0-bookworm-slim"],
    ["node", "localhost:5000", "localhost:5000/library/node:24.21.0-bookworm-slim"],
    ["coredns", "registry.example.com/mirror", "registry.example.com/mirror/coredns/coredns:v1.14.6"],
    ["kube-apiserver", "localhost:5000", "localhost:5000/kube-apiserver:v1.37.2"],
  ])("of %s through mirror %s is %s", (name, mirror, reference) => {
    expect(imageReference(catalog, name, mirror)).toBe(reference);
  });

  it("has the upstream digest, but not through a mirror, which may hold a build of its own", () => {
    const digest = `sha256:${"0".repeat(64)}`;
    const own = { tool: { image: "example.com/tool", tag: "v1", digest } };
    expect(imageReference(own, "tool")).toBe(`example.com/tool:v1@${digest}`);
    expect(imageReference(own, "tool", "localhost:5000")).toBe("localhost:5000/tool:v1");
  });

  it("of an image that is not in the catalogue is refused", () => {
    expect(() => imageReference(catalog, "cobol")).toThrow('image "cobol" is not in data/images.yaml; add it there');
  });

  it("keeps the path on a mirror", () => {
    expect(mirrorRepository("registry.k8s.io/coredns", "localhost:5000")).toBe("localhost:5000/coredns");
  });
});

const monitoringImages = [
  "prometheus",
  "alertmanager",
  "grafana",
  "kube-state-metrics",
  "node-exporter",
  "metrics-server",
  "loki",
  "zipkin",
  "opentelemetry-collector-agent",
  "opentelemetry-collector-gateway",
];

describe("required images", () => {
  it("of dev are those of its own cluster, its parts and its jobs, each once", () => {
    expect(requiredImages(parseConfig(stackSections("dev")))).toEqual([
      ...controlPlaneImages,
      "node",
      "local-path-provisioner",
      "busybox",
      ...monitoringImages,
      "headlamp",
      "perl",
    ]);
  });

  it("of prod have no base image without jobs and secrets to make, since it builds nothing", () => {
    const { monitoring, controlPlane, ...others } = stackSections("prod");
    const sections = {
      ...others,
      controlPlane: { ...controlPlane, etcd: { maintenance: { enabled: false } } },
      monitoring: { ...monitoring, grafana: { enabled: false } },
    };
    expect(requiredImages(parseConfig({ ...sections, jobs: {} }))).not.toContain("node");
    expect(requiredImages(parseConfig(sections))).toContain("node");
    expect(requiredImages(parseConfig({ ...stackSections("prod"), jobs: {} }))).toContain("node");
  });

  it("of a job are that of its call, or its own where nobody builds it", () => {
    const jobs = { a: { call: "metricsdemo/" }, b: { image: "perl" }, c: { image: "app" } };
    const config = parseConfig({ ...stackSections("dev"), jobs: {} });
    const builds = { app: { digest: "sha256:0" } };
    const needed = (more: object) => requiredImages({ ...config, images: { builds, catalog }, jobs, ...more });
    expect(needed({})).toEqual(expect.arrayContaining(["node", "perl"]));
    expect(needed({ jobs: { b: jobs.b }, images: { builds: { perl: builds.app }, catalog } })).not.toContain("perl");
  });

  it("of an existing cluster are none of the control plane's", () => {
    const sections = { ...stackSections("dev"), controlPlane: { mode: "existing", context: "kind-kind" } };
    expect(requiredImages(parseConfig(sections))).toEqual([
      "node",
      ...monitoringImages.filter((name) => name !== "metrics-server"),
      "headlamp",
      "perl",
    ]);
  });
});

describe("the digest of a push", () => {
  const digest = `sha256:${"a".repeat(64)}`;

  it("is at the end of its reference", () => {
    expect(digestOf(`localhost:5000/quorum/app@${digest}`)).toBe(digest);
  });

  it.each([digest, "localhost:5000/app:dev", "localhost:5000/app@sha256:short", ""])("is not in %j", (reference) => {
    expect(() => digestOf(reference)).toThrow(
      `the build gave "${reference}", but a reference by digest is needed; check that the registry took the push`,
    );
  });
});
