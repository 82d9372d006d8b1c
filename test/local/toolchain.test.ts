import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { imageCatalog } from "../../config/parse.ts";
import { zipkinJar } from "../../local/jars.ts";
import { istioRelease, partFolder, partKey, parts, partVersion, type PartName } from "../../local/toolchain.ts";

const names = Object.keys(parts) as PartName[];

describe("the toolchain's parts", () => {
  test.each(names)("%s is pinned to a release, and its binaries are among its tools", (name) => {
    // Of Istio the module proxy has commits alone, none of them a release's own.
    const release = parts[name].module === "istio.io/istio" ? /^v0\.0\.0-\d{14}-[0-9a-f]{12}$/ : /^v\d+\.\d+\.\d+$/;
    expect(partVersion(name)).toMatch(release);
    const pins = readFileSync(join(partFolder(name), "go.mod"), "utf8");
    for (const path of Object.values(parts[name].binaries)) expect(pins).toContain(path);
  });

  const librariesOf = (part: PartName) => {
    const text = readFileSync(join(partFolder(part), "go.mod"), "utf8");
    return new Map(
      [...text.matchAll(/^\s+(k8s\.io\/\S+) (v0\.[1-9]\d*\.\d+)(?=\s)/gm)].map(([, path, version]) => [path, version]),
    );
  };
  // Of those that the minor before names, each has its time's; Traefik is built for long stories alone.
  const withLibraries = names.filter(
    (name) => librariesOf(name).has("k8s.io/client-go") && !name.endsWith("-previous") && name !== "traefik",
  );
  test.each(withLibraries)("%s takes the Kubernetes libraries of the cluster's release", (name) => {
    for (const [path, version] of librariesOf(name))
      expect(`${path} ${version}`).toBe(`${path} v0${partVersion("kubernetes").slice(2)}`);
  });

  test("no two parts share a cache key, and a key is the same each time", () => {
    expect(new Set(names.map(partKey)).size).toBe(names.length);
    expect(names.map(partKey)).toEqual(names.map(partKey));
  });

  test("an image that is built here has the version of the part that it is built from", () => {
    const catalog = imageCatalog();
    const kubernetes = partVersion("kubernetes");
    for (const name of ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"])
      expect(catalog[name]?.tag).toBe(kubernetes);
    expect(`v${catalog["etcd"]?.tag}`).toBe(`${partVersion("etcd")}-0`);
    expect(catalog["coredns"]?.tag).toBe(partVersion("coredns"));
    // The minor before is what an upgrade is proved from.
    const minor = (version: string) => Number(version.split(".")[1]);
    expect(minor(partVersion("kubernetes-previous"))).toBe(minor(kubernetes) - 1);
    expect(catalog["metrics-server"]?.tag).toBe(partVersion("metrics-server"));
    expect(catalog["local-path-provisioner"]?.tag).toBe(partVersion("local-path-provisioner"));
    expect(catalog["traefik"]?.tag).toBe(partVersion("traefik"));
    expect(catalog["oauth2-proxy"]?.tag).toBe(partVersion("oauth2-proxy"));
    for (const image of ["istiod", "istio-proxy", "istio-cni"]) expect(catalog[image]?.tag).toBe(istioRelease);
    expect(`v${catalog["loki"]?.tag}`).toBe(partVersion("loki"));
    for (const collector of ["opentelemetry-collector-agent", "opentelemetry-collector-gateway"] as const)
      expect(`v${catalog[collector]?.tag}`).toBe(partVersion(collector));
    expect(zipkinJar.coordinates).toBe(`io.zipkin:zipkin-server:${catalog["zipkin"]?.tag}:jar:exec`);
    // Prometheus numbers its Go module 0.305.0 where the release is 3.5.0.
    expect(partVersion("prometheus")).toBe("v0.305.0");
    expect(catalog["prometheus"]?.tag).toBe("v3.5.0");
    expect(catalog["node"]?.tag).toBe(`${process.version.slice(1)}-bookworm-slim`);
  });
});
