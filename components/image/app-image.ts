import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { digestOf } from "../plan/images/images.ts";

export interface AppImageArgs {
  /** Image's repository, registry included, such as localhost:5000/quorum/app. */
  readonly repository: string;
  /** Tag that a build moves; what runs is chosen by digest, so the tag only makes it readable. */
  readonly tag: string;
  /** Folder that is sent to the builder. */
  readonly context: string;
  /** Dockerfile, from the working folder. @default Dockerfile in the context */
  readonly dockerfile?: string | undefined;
  /** Network of the build's own commands. @default the builder's */
  readonly network?: "default" | "host" | "none" | undefined;
  /** os/architecture that the image is for. @default linux/amd64 */
  readonly platform?: string | undefined;
  /** Build arguments. */
  readonly args?: Readonly<Record<string, pulumi.Input<string>>> | undefined;
  /** `sha256:…` of an image that exists: nothing is built then. Plain: it decides whether there is a build. */
  readonly digest?: string | undefined;
  /** Whom to push as. @default nobody */
  readonly credentials?: { readonly username: string; readonly password: pulumi.Output<string> } | undefined;
}

/** An image of ours: built and pushed, or, when its digest is given, merely named. Never pushed at preview. */
export class AppImage extends pulumi.ComponentResource {
  /** name:tag@digest; unknown at preview unless the digest is given. */
  readonly reference: pulumi.Output<string>;

  constructor(name: string, args: AppImageArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorum:image:AppImage", name, {}, opts);
    const imageName = `${args.repository}:${args.tag}`;
    this.reference =
      args.digest === undefined
        ? this.build(name, imageName, args).repoDigest.apply((repoDigest) => `${imageName}@${digestOf(repoDigest)}`)
        : pulumi.output(`${imageName}@${args.digest}`);
    this.registerOutputs({ reference: this.reference });
  }

  private build(name: string, imageName: string, args: AppImageArgs): docker.Image {
    return new docker.Image(
      `${name}-image`,
      {
        imageName,
        buildOnPreview: false,
        build: {
          context: args.context,
          dockerfile: args.dockerfile ?? `${args.context}/Dockerfile`,
          platform: args.platform ?? "linux/amd64",
          args: { ...args.args },
          ...(args.network === undefined ? {} : { network: args.network }),
        },
        ...(args.credentials === undefined
          ? {}
          : {
              registry: {
                server: args.repository.split("/")[0] ?? "",
                username: args.credentials.username,
                password: pulumi.secret(args.credentials.password),
              },
            }),
      },
      { parent: this },
    );
  }
}
