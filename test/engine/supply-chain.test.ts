import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { attach, type Descriptor, manifestType, Repository } from "../../engine/supply-chain/oci.ts";
import { debianPackages, filesOfTar, makeSbom, readDpkgStatus, sbomType } from "../../engine/supply-chain/sbom.ts";
import { signatureProblem, signatureTag, signImage } from "../../engine/supply-chain/signature.ts";
import { readSbom, refuseUnsigned } from "../../engine/supply-chain/stack-images.ts";
import { parseConfig } from "../../config/parse.ts";
import { runnableSections } from "../stacks.ts";
import { FakeRegistry } from "./fake-registry.ts";

const status = `Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u10\nDescription: C\n more\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n`;

function tarOf(files: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(files).flatMap(([path, content]) => {
    const header = Buffer.alloc(512);
    header.write(path, 0);
    header.write(`${Buffer.byteLength(content).toString(8).padStart(11, "0")}\0`, 124);
    header.write("0", 156);
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
    body.write(content);
    return [header, body];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

describe.each([true, false])("a registry with its referrers API %s", (referrers) => {
  let registry: FakeRegistry;
  let at: Repository;
  let name: string;
  let subject: Descriptor;

  beforeEach(async () => {
    registry = new FakeRegistry(referrers);
    const address = await registry.start();
    name = `${address}/quorum/app`;
    at = new Repository(address, "quorum/app");
    const config = await at.putBlob("application/vnd.oci.image.config.v1+json", Buffer.from("{}"));
    const lower = await at.putBlob("layer", gzipSync(tarOf({ "var/lib/dpkg/status": "Package: old\nVersion: 1\n" })));
    const upper = await at.putBlob("layer", gzipSync(tarOf({ "var/lib/dpkg/status": status, "etc/passwd": "root" })));
    subject = await at.putManifest(
      { schemaVersion: 2, mediaType: manifestType, config, layers: [lower, upper] },
      "dev",
    );
  });

  afterEach(() => {
    registry.stop();
  });

  it("keeps an SBOM beside the image, once however often it is attached", async () => {
    const document = Buffer.from(JSON.stringify({ bomFormat: "CycloneDX", components: [] }));
    await attach(at, subject, sbomType, document);
    await attach(at, subject, sbomType, document);
    expect((await at.referrers(subject.digest)).map(({ artifactType }) => artifactType)).toEqual([sbomType]);
    expect(await readSbom(at, subject.digest)).toMatchObject({ bomFormat: "CycloneDX" });
  });

  it("lists other documents beside it", async () => {
    await attach(at, subject, "application/spdx+json", Buffer.from("{}"));
    await attach(at, subject, sbomType, Buffer.from("{}"));
    expect(await at.referrers(subject.digest)).toHaveLength(2);
  });

  it("gives the packages of the system, as the last layer has them", async () => {
    expect(await debianPackages(at, subject.digest)).toEqual([
      { name: "libc6", version: "2.36-9+deb12u10", architecture: "amd64" },
    ]);
  });

  it("verifies what was signed, and nothing else", async () => {
    const [key, other] = [keyPair(), keyPair()];
    const verify = (publicKey: string) => signatureProblem(at, name, subject.digest, publicKey);
    expect(await verify(key.publicKey)).toBe("has no signature");
    expect(await signImage(at, name, subject.digest, key.privateKey)).toBe("signed");
    expect(await signImage(at, name, subject.digest, key.privateKey)).toBe("was signed");
    expect(await verify(key.publicKey)).toBeUndefined();
    expect(await verify(other.publicKey)).toMatch(/no signature by the key/);
    await signImage(at, name, subject.digest, other.privateKey);
    expect(await verify(key.publicKey)).toBeUndefined();
    expect(await verify(other.publicKey)).toBeUndefined();
    expect(await signatureProblem(at, `${name}-b`, subject.digest, key.publicKey)).toMatch(
      /is signed as .*\/app, not as/,
    );
  });

  it("takes no signature of another image that was copied here", async () => {
    const { privateKey, publicKey } = keyPair();
    await signImage(at, name, subject.digest, privateKey);
    const other = await at.putManifest({ schemaVersion: 2, mediaType: manifestType, layers: [] }, "evil");
    const copied = await at.manifest(signatureTag(subject.digest));
    await at.putManifest(copied!.manifest, signatureTag(other.digest));
    expect(await signatureProblem(at, name, other.digest, publicKey)).toMatch(/no signature by the key/);
  });

  it("is not trusted when its bytes are others", async () => {
    const layer = (await at.manifest("dev"))?.manifest.layers?.[0]?.digest ?? "";
    registry.blobs.set(layer, Buffer.from("other"));
    await expect(debianPackages(at, subject.digest)).rejects.toThrow(/gave other bytes.*do not trust it/);
  });

  it("stops an up of an image that is not signed where the stack has a key", async () => {
    const { privateKey, publicKey } = keyPair();
    const sections = runnableSections("prod");
    const images = {
      ...sections["images"],
      registry: name.split("/")[0],
      trusted: [name.split("/")[0], "docker.io", "registry.k8s.io"],
    };
    const builds = { app: { context: "app", digest: subject.digest } };
    const config = parseConfig({ ...sections, images: { ...images, builds }, security: { signatures: { publicKey } } });
    const check = () => refuseUnsigned(config, "prod", () => undefined);
    await expect(check()).rejects.toThrow(/quorum:images\.builds\.app\.digest is sha256:.*has no signature/);
    await signImage(at, name, subject.digest, privateKey);
    await check();
  });

  it("gets an SBOM of the app's npm packages and of the system's", async () => {
    const context = join(import.meta.dirname, "../../app");
    const sbom = await makeSbom({ repository: at, name, subject }, context);
    const purls = sbom.components.map(({ purl }) => purl ?? "");
    expect(sbom.specVersion).toBe("1.6");
    expect(sbom.metadata.component).toMatchObject({ type: "container", version: subject.digest });
    expect(purls).toContain("pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64");
    expect(purls.some((purl) => purl.startsWith("pkg:npm/fastify@"))).toBe(true);
    // What only builds is not in the image.
    expect(purls.some((purl) => purl.startsWith("pkg:npm/typescript@"))).toBe(false);
  });
});

it("a key of another kind is refused", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  await expect(signImage(new Repository("localhost:1", "x"), "localhost:1/x", "sha256:0", pem)).rejects.toThrow(
    /P-256; make one/,
  );
});

it("packages that were taken away are not listed", () => {
  expect(readDpkgStatus(status).map(({ name }) => name)).toEqual(["libc6"]);
});

it("long paths of an archive are read whole", () => {
  const long = `${"a/".repeat(60)}status`;
  const named = Buffer.alloc(512);
  named.write("././@LongLink", 0);
  named.write(`${long.length.toString(8).padStart(11, "0")}\0`, 124);
  named.write("L", 156);
  const content = Buffer.alloc(512);
  content.write(long);
  const tar = Buffer.concat([named, content, tarOf({ "a/short": "x" })]);
  expect([...filesOfTar(tar, () => true)].map(([path]) => path)).toEqual([long]);
});
