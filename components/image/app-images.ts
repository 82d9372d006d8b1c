import * as pulumi from "@pulumi/pulumi";
import { AppImage, type AppImageArgs } from "./app-image.ts";

export interface AppImagesArgs {
  /** Images by name. Plain: it decides which images exist. */
  readonly builds: Readonly<Record<string, Omit<AppImageArgs, "repository" | "tag">>>;
  /** Registry and folder of all of them, such as localhost:5000/quorum. */
  readonly repository: string;
  /** Tag of all of them. */
  readonly tag: string;
  /** Image that builds begin from, given to them as build argument BASE; its parts as BASE_NAME and BASE_DIGEST, for labels. */
  readonly base: string;
}

/** All images of ours that a stack runs. */
export class AppImages extends pulumi.ComponentResource {
  private readonly images: Readonly<Record<string, AppImage>>;

  constructor(name: string, args: AppImagesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:image:AppImages", name, {}, opts);
    const { base, builds, repository, tag } = args;
    this.images = Object.fromEntries(
      Object.entries(builds).map(([image, build]) => [
        image,
        new AppImage(
          image,
          {
            ...build,
            repository: `${repository}/${image}`,
            tag,
            args: { ...baseArgs(build.args?.["BASE"] ?? base), ...build.args },
          },
          { parent: this },
        ),
      ]),
    );
    this.registerOutputs({});
  }

  /** name:tag@digest of an image. */
  reference(image: string): pulumi.Output<string> {
    const built = this.images[image];
    if (built === undefined) throw new pulumi.ResourceError(`there is no image "${image}"`, this);
    return built.reference;
  }

  /** Reference of the first image by name; undefined without images. */
  get first(): pulumi.Output<string> | undefined {
    const [name] = Object.keys(this.images).sort();
    return name === undefined ? undefined : this.reference(name);
  }
}

function baseArgs(base: pulumi.Input<string>): Record<string, pulumi.Input<string>> {
  const part = (index: number) => pulumi.output(base).apply((reference) => reference.split("@")[index] ?? "");
  return { BASE: base, BASE_NAME: part(0), BASE_DIGEST: part(1) };
}
