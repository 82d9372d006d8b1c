import { describe, expect, it } from "vitest";
import { imageNameProblem, type ImageSources, thirdPartyImage } from "../../../components/plan/images/image-names.ts";

const digest = `@sha256:${"a".repeat(64)}`;
const sources: ImageSources = {
  builds: ["app"],
  catalog: { redis: { image: "docker.io/library/redis", tag: "8.2" } },
  registry: "registry.example.com/shop",
  trusted: ["registry.example.com/shop", "docker.io/library"],
  digests: "allowed",
};

describe("thirdPartyImage", () => {
  it.each<[string, string, Partial<ImageSources>, string | undefined]>([
    ["one that is built", "app", {}, undefined],
    ["one of the catalogue", "redis", {}, "docker.io/library/redis:8.2"],
    [
      "one of the catalogue, by the mirror",
      "redis",
      { mirror: "mirror.example.com" },
      "mirror.example.com/library/redis:8.2",
    ],
    ["a full reference", "quay.io/a/b:1", {}, "quay.io/a/b:1"],
    [
      "a full reference, by the mirror",
      `quay.io/a/b:1${digest}`,
      { mirror: "mirror.example.com/x" },
      `mirror.example.com/x/a/b:1${digest}`,
    ],
    [
      "one of our own registry",
      "registry.example.com/shop/a:1",
      { mirror: "mirror.example.com" },
      "registry.example.com/shop/a:1",
    ],
    ["one that names the mirror", "localhost:5000/a:1", { mirror: "localhost:5000" }, "localhost:5000/a:1"],
  ])("%s", (_, image, more, expected) => expect(thirdPartyImage(image, { ...sources, ...more })).toBe(expected));
});

describe("imageNameProblem", () => {
  const problem = (image: string, more: Partial<ImageSources> = {}) =>
    imageNameProblem("quorum:services.shop.image", image, { ...sources, ...more })?.text;

  it.each(["app", "redis", "docker.io/library/redis:8.2", `registry.example.com/shop/a/b${digest}`])(
    "takes %s",
    (image) => {
      expect(problem(image)).toBeUndefined();
    },
  );

  it.each([
    "ap",
    "library/redis:8.2",
    "docker.io/library/redis",
    "docker.io/library/redis:",
    "docker.io/:1",
    "localhost:5000",
  ])("refuses %s, which is neither a name nor a full reference", (image) => {
    expect(problem(image)).toBe(
      `is "${image}", but it must be one of quorum:images.builds (app), a name of data/images.yaml or a full reference with registry and tag or digest; add it there or name another`,
    );
  });

  it("refuses a registry that is not trusted, also one whose name only begins like one that is", () => {
    for (const image of ["quay.io/a/b:1", "registry.example.com/shopping/a:1", "docker.io/library2/a:1"]) {
      expect(problem(image)).toBe(
        `is "${image}", but images must come from registry.example.com/shop or docker.io/library, as quorum:images.trusted says; add its registry there or name another image`,
      );
    }
    expect(problem("quay.io/a/b:1", { mirror: "mirror.example.com", trusted: ["mirror.example.com"] })).toBeUndefined();
  });

  it("refuses a tag alone where digests are required", () => {
    expect(problem("docker.io/library/redis:8.2", { digests: "required" })).toBe(
      'is "docker.io/library/redis:8.2", but quorum:images.digests requires a digest, which docker.io/library/redis:8.2 lacks; name it with @sha256:… or set images.digests to allowed',
    );
    expect(problem(`docker.io/library/redis:8.2${digest}`, { digests: "required" })).toBeUndefined();
    expect(problem("app", { digests: "required" })).toBeUndefined();
    // By tag, as data/images.yaml knows no digest of it: admission lets exactly that tag pass.
    expect(problem("redis", { digests: "required" })).toBeUndefined();
  });
});
