import { secret } from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { AppImage, type AppImageArgs } from "../../components/image/app-image.ts";
import { AppImages } from "../../components/image/app-images.ts";
import { unknown } from "../../engine/direct/registration.ts";
import { record } from "../recorder.ts";

const args: AppImageArgs = { repository: "localhost:5000/quorum/app", tag: "dev", context: "app" };
const digest = `sha256:${"b".repeat(64)}`;
const make = (more: Partial<AppImageArgs> = {}, preview = false) =>
  record(() => ({ reference: new AppImage("app", { ...args, ...more }).reference }), { preview });

describe("AppImage", () => {
  it("builds and pushes, never at preview", async () => {
    const { inputs, parent } = (await make({ args: { BASE: "node:24" }, network: "host" })).get("app-image");
    expect(inputs).toEqual({
      imageName: "localhost:5000/quorum/app:dev",
      buildOnPreview: false,
      skipPush: false,
      build: {
        context: "app",
        dockerfile: "app/Dockerfile",
        platform: "linux/amd64",
        args: { BASE: "node:24" },
        network: "host",
      },
    });
    expect(parent).toMatch(/quorum:image:AppImage::app$/);
  });

  it("is named by tag and digest", async () => {
    expect((await make()).outputs["reference"]).toBe(`localhost:5000/quorum/app:dev@sha256:${"a".repeat(64)}`);
  });

  it("is unknown at preview, as nothing is built then", async () => {
    const recording = await make({}, true);
    expect(recording.ofType("Image").map((image) => image.name)).toContain("app-image");
    expect([undefined, unknown]).toContain(recording.outputs["reference"]);
  });

  it.each([true, false])("is not built when its digest is given (preview %s)", async (preview) => {
    const recording = await make({ digest }, preview);
    expect(recording.ofType("docker:index/image:Image")).toEqual([]);
    expect(recording.outputs["reference"]).toBe(`localhost:5000/quorum/app:dev@${digest}`);
  });

  it("keeps the registry's password secret", async () => {
    const { inputs, secretPaths } = (
      await make({ credentials: { username: "robot", password: secret("hunter2") } })
    ).get("app-image");
    expect(inputs["registry"]).toEqual({ server: "localhost:5000", username: "robot", password: "hunter2" });
    expect(secretPaths).toContainEqual(["registry", "password"]);
  });
});

describe("AppImages", () => {
  const images = () =>
    new AppImages("images", {
      builds: {
        shop: { context: "shop", args: { EXTRA: "1" } },
        app: { context: "app", args: { BASE: `own:1@${digest}` } },
      },
      repository: "localhost:5000/quorum",
      tag: "dev",
      base: "node:24",
    });

  it("gives every build its base, which it may override", async () => {
    const recording = await record(() => ({ first: images().first }));
    const argsOf = (name: string) => (recording.get(name).inputs["build"] as { args: unknown }).args;
    expect([argsOf("shop-image"), argsOf("app-image")]).toEqual([
      { BASE: "node:24", BASE_NAME: "node:24", BASE_DIGEST: "", EXTRA: "1" },
      { BASE: `own:1@${digest}`, BASE_NAME: "own:1", BASE_DIGEST: digest },
    ]);
    expect(recording.outputs["first"]).toMatch(/^localhost:5000\/quorum\/app:dev@/);
  });

  it("knows no image that is not built", async () => {
    await record(() => {
      expect(() => images().reference("none")).toThrow('there is no image "none"');
    });
  });
});
