import { createHash } from "node:crypto";
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { textEntry } from "../../engine/air-gap/layout.ts";
import { checkedBlob, findImages, type WantedImage } from "../../engine/air-gap/images.ts";
import { bundledManifests, imagesOf } from "../../engine/air-gap/manifests.ts";
import { atSite, byDigest, referencesIn } from "../../engine/air-gap/references.ts";
import { dockerCredentials, RegistrySource } from "../../engine/air-gap/source.ts";
import { tarOf, tarSize } from "../../engine/air-gap/tar.ts";
import { writeTar } from "../../engine/air-gap/write.ts";
import { runProcess } from "../../engine/process.ts";
import { FakeRegistry } from "./registry.ts";

const root = join(import.meta.dirname, "../..");
const site = "quorum-registry.invalid";
let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "air-gap-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("references", () => {
  it("are found with their path, tag and digest, each once, and prefixes are not", () => {
    const digest = `sha256:${"a".repeat(64)}`;
    const text = `image: ${site}/quorum/app:dev@${digest}\nimage: "${site}/prom/prometheus:v3"\nprefix: ${site}/\nimage: ${site}/prom/prometheus:v3`;
    expect(referencesIn([text])).toEqual([
      { named: `${site}/prom/prometheus:v3`, repository: "prom/prometheus", tag: "v3", digest: undefined },
      { named: `${site}/quorum/app:dev`, repository: "quorum/app", tag: "dev", digest },
    ]);
    const found = `sha256:${"b".repeat(64)}`;
    expect(byDigest(text, new Map([[`${site}/prom/prometheus:v3`, found]]))).toContain(
      `"${site}/prom/prometheus:v3@${found}"`,
    );
  });

  it("name the site in the place of the stack's registry and its mirror, whom the site trusts too", () => {
    const images = {
      registry: "r.example.com/team",
      mirror: "m.example.com",
      trusted: ["r.example.com/team", "ghcr.io/x"],
      builds: { app: { context: "app" } },
      pull: {},
    };
    expect(atSite(images, { app: "sha256:1" })).toEqual({
      registry: site,
      mirror: site,
      trusted: [site, "ghcr.io/x"],
      builds: { app: { context: "app", digest: "sha256:1" } },
    });
  });

  it("of policies are no images of the bundle", () => {
    const policy = `kind: ValidatingAdmissionPolicy\nspec: ${site}/harbor:v1\n`;
    expect(
      imagesOf(
        new Map([
          ["1.yaml", policy],
          ["2.yaml", `image: ${site}/app:v1`],
        ]),
      ).map(({ named }) => named),
    ).toEqual([`${site}/app:v1`]);
  });
});

it("a Secret that nobody has set lies in the open, in a folder of its own", () => {
  const secret = (value: string) =>
    `kind: Secret\nmetadata: {name: s}\ndata: {key: ${Buffer.from(value).toString("base64")}}\n`;
  const made = bundledManifests(
    new Map([
      ["1.yaml", secret("a unset:backup.password")],
      ["2.yaml", secret("set")],
    ]),
    new Map(),
  );
  expect(made.map(({ name }) => name)).toEqual(["secrets/1.yaml", "manifests/2.yaml"]);
  expect(made[0]?.text).toContain("stringData:\n  key: a unset:backup.password");
});

describe("images", () => {
  let registry: FakeRegistry;
  beforeAll(async () => (registry = await FakeRegistry.start()));
  afterAll(() => registry.stop());
  const wanted = (from: string, tag: string, digest?: string): WantedImage => ({
    named: `${site}/${from}:${tag}`,
    repository: from,
    tag,
    digest,
    host: registry.host,
    from,
  });
  const source = (host: string) => new RegistrySource(host, undefined);
  const find = (images: WantedImage[], platform = "linux/amd64") => findImages(images, source, platform);

  it("that are missing are all named, with where they were looked for", async () => {
    registry.image("a", "1", ["layer"]);
    await expect(find([wanted("a", "1"), wanted("b", "2"), wanted("c", "3")])).rejects.toThrow(
      `2 of the stack's images are missing; bring the stack up once, so that they are built or mirrored, or push them:\n  ${registry.host}/b:2\n  ${registry.host}/c:3`,
    );
  });

  it("for several platforms are taken for the one that is asked for", async () => {
    const digest = registry.image("many", "amd", ["for amd64"]);
    registry.manifest("many", "1", "application/vnd.oci.image.index.v1+json", {
      manifests: [{ digest, size: 1, mediaType: "m", platform: { os: "linux", architecture: "amd64" } }],
    });
    const [image] = await find([wanted("many", "1")]);
    expect(image?.manifest.digest).toBe(digest);
    await expect(find([wanted("many", "1")], "linux/arm64")).rejects.toThrow(/many:1 is not for linux\/arm64/);
  });

  it("whose bytes are not what their digest says are refused by name", async () => {
    registry.image("bad", "1", ["what was pushed"]);
    const [image] = await find([wanted("bad", "1")]);
    const [, layer] = image?.blobs ?? [];
    registry.blobs.set(`bad ${layer?.digest ?? ""}`, Buffer.from("something else!"));
    const read = async () => {
      if (image && layer) for await (const chunk of checkedBlob(image, layer, source(registry.host))) void chunk;
    };
    await expect(read()).rejects.toThrow(
      new RegExp(`image ${registry.host}/bad:1: wrong checksum: a layer has sha256:`),
    );
  });

  it("of a registry that does not answer say which", async () => {
    await expect(findImages([{ ...wanted("a", "1"), host: "127.0.0.1:1" }], source, "linux/amd64")).rejects.toThrow(
      /registry 127\.0\.0\.1:1 cannot be reached/,
    );
  });

  it("are asked for by whom docker login knows", () => {
    writeFileSync(
      join(folder, "config.json"),
      JSON.stringify({ auths: { "r.example.com": { auth: Buffer.from("me:a:b").toString("base64") } } }),
    );
    expect(dockerCredentials("r.example.com", folder)).toEqual({ username: "me", password: "a:b" });
    expect(dockerCredentials("other.example.com", folder)).toBeUndefined();
  });
});

describe("an archive", () => {
  const bytes = async (entries: Parameters<typeof tarOf>[0]) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of tarOf(entries)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };

  it("is read by tar, and two of the same files are equal", async () => {
    const entries = [
      textEntry("a/b.txt", "text"),
      textEntry("run.sh", "#!/bin/sh\n", true),
      textEntry("c", "x".repeat(1024)),
    ];
    const [one, two] = [await bytes(entries), await bytes(entries)];
    expect(one.equals(two)).toBe(true);
    expect(one.length).toBe(tarSize(entries));
    writeFileSync(join(folder, "x.tar"), one);
    const { stdout } = await runProcess("tar", ["-tvf", join(folder, "x.tar")], { env: { TZ: "UTC" } });
    expect(stdout.replaceAll(/ +/g, " ")).toBe(
      "-rw-r--r-- 0/0 4 1970-01-01 00:00 a/b.txt\n-rwxr-xr-x 0/0 10 1970-01-01 00:00 run.sh\n-rw-r--r-- 0/0 1024 1970-01-01 00:00 c\n",
    );
  });

  it.each([
    [3, /has more than 3 bytes, but 3/],
    [9, /has 4 bytes, but 9/],
  ])("of a file that is not as long as announced (%i) is refused", async (size, message) => {
    await expect(bytes([{ ...textEntry("a", "text"), size }])).rejects.toThrow(message);
  });

  it("leaves nothing behind when it fails, and the earlier one as it was", async () => {
    const file = join(folder, "x.tar");
    writeFileSync(file, "earlier");
    await expect(writeTar([{ ...textEntry("a", "text"), size: 9 }], file)).rejects.toThrow(/announced/);
    expect(readFileSync(file, "utf8")).toBe("earlier");
    expect((await runProcess("ls", [folder])).stdout).toBe("x.tar\n");
  });

  it("that the disk has no room for is not begun", async () => {
    await expect(writeTar([{ ...textEntry("a", ""), size: 8e15 }], join(folder, "x.tar"))).rejects.toThrow(
      /the disk is full: .* takes \d+ MiB, but \d+ MiB are free; make room/,
    );
  });
});

describe("install.sh", () => {
  let registry: FakeRegistry;
  let bundle: string;
  const applied = () => readFileSync(join(folder, "applied"), "utf8");

  beforeEach(async () => {
    registry = await FakeRegistry.start();
    bundle = join(folder, "bundle");
    for (const path of ["manifests", "secrets", "images/blobs/sha256", "bin"])
      mkdirSync(join(bundle, path), { recursive: true });
    const sha = (text: string) => createHash("sha256").update(text).digest("hex");
    const layers = ["one layer", "another layer"];
    const manifest = JSON.stringify({ layers: layers.map((layer) => ({ digest: `sha256:${sha(layer)}` })) });
    for (const text of [...layers, manifest]) writeFileSync(join(bundle, "images/blobs/sha256", sha(text)), text);
    const line = (repository: string) =>
      [
        repository,
        "v1",
        "application/json",
        `sha256:${sha(manifest)}`,
        ...layers.map((layer) => `sha256:${sha(layer)}`),
      ].join(" ");
    writeFileSync(join(bundle, "images.txt"), `${line("quorum/app")}\n`);
    writeFileSync(join(bundle, "workloads.txt"), "apps deployment/app\n");
    writeFileSync(join(bundle, "manifests", "001-namespace.yaml"), "kind: Namespace\n");
    writeFileSync(join(bundle, "secrets", "002-secret.yaml"), "kind: Secret\n");
    writeFileSync(join(bundle, "manifests", "003-pod.yaml"), `image: ${site}/quorum/app:v1\n`);
    writeFileSync(join(bundle, "install.sh"), readFileSync(join(root, "engine/air-gap/install.sh")));
    await runProcess(
      "bash",
      ["-c", "find manifests images images.txt workloads.txt -type f | sort | xargs sha256sum > checksums.txt"],
      { cwd: bundle },
    );
    const kubectl = `#!/bin/sh\nfor word; do case $word in *.yaml) cat "$word" >> ${folder}/applied; esac; done\necho "$@" >> ${folder}/asked\n`;
    writeFileSync(join(bundle, "bin", "kubectl"), kubectl);
    chmodSync(join(bundle, "bin", "kubectl"), 0o755);
  });
  afterEach(() => registry.stop());

  const install = (...args: string[]) =>
    runProcess("sh", [join(bundle, "install.sh"), ...args], {
      env: { PATH: `${join(bundle, "bin")}:${process.env["PATH"] ?? ""}` },
    });

  it("pushes what the registry lacks, applies in order with the registry's name, and waits", async () => {
    const target = `${registry.host}/team`;
    const ended = await install(target, "--http", "--context", "there");
    expect(ended.stdout + ended.stderr).toMatch(/^image quorum\/app:v1\n[^]*installed\n$/);
    expect(registry.manifests.get("team/quorum/app v1")).toBeDefined();
    expect(applied()).toBe(`kind: Namespace\nkind: Secret\nimage: ${target}/quorum/app:v1\n`);
    const asked = readFileSync(join(folder, "asked"), "utf8");
    expect(asked).toMatch(/--context there apply --server-side/);
    expect(asked).toMatch(/--namespace apps rollout status deployment\/app/);
    const { uploads } = registry;
    expect((await install(target, "--http")).code).toBe(0);
    expect(registry.uploads).toBe(uploads);
  });

  it("goes on where a full disk stopped it", async () => {
    registry.room = 1;
    const stopped = await install(registry.host, "--http");
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toMatch(
      /install: image quorum\/app: sha256:\w+ was not taken; look whether the registry's disk is full/,
    );
    expect(registry.uploads).toBe(1);
    registry.room = Infinity;
    expect((await install(registry.host, "--http")).code).toBe(0);
    expect(registry.uploads).toBe(2);
  });

  it("refuses a file that is not as it was bundled, before anything is pushed", async () => {
    appendFileSync(join(bundle, "manifests", "003-pod.yaml"), "more: of it\n");
    const ended = await install(registry.host, "--http");
    expect(ended.code).toBe(1);
    expect(ended.stdout + ended.stderr).toMatch(/003-pod\.yaml: FAILED[^]*wrong checksum/);
    expect(registry.uploads).toBe(0);
  });

  it("refuses secrets that nobody has filled in, by their files", async () => {
    writeFileSync(join(bundle, "secrets", "002-secret.yaml"), "stringData: {key: unset:backup.password}\n");
    const ended = await install(registry.host, "--http");
    expect(ended.code).toBe(1);
    expect(ended.stdout + ended.stderr).toMatch(/secrets\/002-secret\.yaml\n?[^]*secrets that nobody has set/);
  });

  it("says what it needs, and which registry does not answer", async () => {
    expect((await install()).stderr).toMatch(/name the registry/);
    expect((await install("127.0.0.1:1", "--http")).stderr).toMatch(/registry 127\.0\.0\.1:1 does not answer/);
  });
});
