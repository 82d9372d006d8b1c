import { z } from "zod";
import { text, label, choice, mapping, named, texts, list, repository } from "./shapes.ts";

const credentials = mapping({
  username: text("the registry's user name", "robot"),
  password: text("a secret", "one made by `pulumi config set --secret --path`"),
});

const build = mapping({
  /** Folder that is sent to the builder, from the folder of Pulumi.yaml. */
  context: text("a folder", "app"),
  /** @default Dockerfile in the context */
  dockerfile: text("a file", "app/Dockerfile").optional(),
  /** Network of the build's own commands. */
  network: choice(["default", "host", "none"]).optional(),
  /** Given, nothing is built: this image is used. */
  digest: text("sha256: and 64 hex digits", `sha256:${"0".repeat(8)}…`, /^sha256:[0-9a-f]{64}$/).optional(),
  platform: text("os/architecture", "linux/amd64", /^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9]+)?$/).default("linux/amd64"),
  args: texts("build arguments").default({}),
  credentials: credentials.optional(),
});

export const imagesSchema = mapping({
  /** Registry that our own images are pushed to and pulled from. */
  registry: text("a registry host, with a port or path where needed", "localhost:5000", repository),
  /** Registry that stands in for the host of every third-party reference. */
  mirror: text("a registry host, with a port or path where needed", "localhost:5000", repository).optional(),
  /** Third-party images, by their names in data/images.yaml, that this site cannot provide. */
  unavailable: list(text("a name of data/images.yaml", "metrics-server"), "image names").default([]),
  builds: named(label("an image name", "app"), build, "images to build, by name").default({}),
  /** Registries, with a path where only a part of one is trusted, that pods may run images of. @default registry, mirror, and without a mirror the repositories of data/images.yaml */
  trusted: list(
    text("a registry host, with a port or path where needed", "registry.example.com", repository),
    "registries",
  ).optional(),
  /** Whether pods of the apps namespace must name their images by digest. @default required, but allowed on local hosts */
  digests: choice(["required", "allowed"]).optional(),
  /** Credentials by which nodes pull, by registry host. */
  pull: z
    .record(
      text("a registry host", "registry.example.com", /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/),
      credentials,
      {
        error: "a mapping of credentials by registry host; write it as one",
      },
    )
    .default({}),
});
