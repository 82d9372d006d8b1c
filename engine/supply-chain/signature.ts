import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { type Descriptor, manifestType, type Repository } from "./oci.ts";

/**
 * Signatures as cosign makes them with a key: a small JSON text that names the image's digest (the format is called simple
 * signing), its signature in an annotation, and both in a manifest under the tag `sha256-….sig`. `cosign verify --key` and
 * sigstore's policy-controller take them. Made here with Node's own crypto: no npm package makes them (sigstore's are for
 * keyless signing, which needs its services), and cosign as a Go module is some 400 modules for forty lines.
 *
 * @see https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
 */
const payloadType = "application/vnd.dev.cosign.simplesigning.v1+json";
const annotation = "dev.cosignproject.cosign/signature";
const kind = "cosign container image signature";

interface Payload {
  readonly critical: {
    readonly identity: { readonly "docker-reference": string };
    readonly image: { readonly "docker-manifest-digest": string };
    readonly type: string;
  };
}

export function signatureTag(digest: string): string {
  return `${digest.replace(":", "-")}.sig`;
}

export function signingPayload(repository: string, digest: string): Buffer {
  const critical = {
    identity: { "docker-reference": repository },
    image: { "docker-manifest-digest": digest },
    type: kind,
  };
  return Buffer.from(JSON.stringify({ critical, optional: null }));
}

/**
 * Signs an image. One that has a signature by this key already is left as it is.
 *
 * @param repository name of the image without tag and digest, such as registry.example.com/quorum/app
 * @param privateKey P-256, in PEM form
 */
export async function signImage(
  to: Repository,
  repository: string,
  digest: string,
  privateKey: string,
): Promise<"signed" | "was signed"> {
  const key = createPrivateKey(privateKey);
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== "prime256v1")
    throw new Error(
      "the signing key must be an ECDSA key on P-256; make one with: npm run supply-chain -- keygen --key FILE",
    );
  const publicKey = createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
  if ((await signatureProblem(to, repository, digest, publicKey)) === undefined) return "was signed";
  const payload = signingPayload(repository, digest);
  const layer = await to.putBlob(payloadType, payload);
  const signature = sign("sha256", payload, key).toString("base64");
  const before = (await to.manifest(signatureTag(digest)))?.manifest.layers ?? [];
  const layers: Descriptor[] = [...before, { ...layer, annotations: { [annotation]: signature } }];
  const configuration = {
    architecture: "",
    os: "",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map((one) => one.digest) },
  };
  const config = await to.putBlob(
    "application/vnd.oci.image.config.v1+json",
    Buffer.from(JSON.stringify(configuration)),
  );
  await to.putManifest({ schemaVersion: 2, mediaType: manifestType, config, layers }, signatureTag(digest));
  return "signed";
}

/** What is wrong with an image's signature; undefined where one by this key is right. */
export async function signatureProblem(
  at: Repository,
  repository: string,
  digest: string,
  publicKey: string,
): Promise<string | undefined> {
  const key = createPublicKey(publicKey);
  const found = await at.manifest(signatureTag(digest));
  if (found === undefined) return "has no signature";
  for (const layer of found.manifest.layers ?? []) {
    const signature = layer.annotations?.[annotation];
    if (layer.mediaType !== payloadType || signature === undefined) continue;
    const payload = await at.blob(layer.digest);
    if (!verify("sha256", payload, key, Buffer.from(signature, "base64"))) continue;
    const { critical } = JSON.parse(payload.toString("utf8")) as Payload;
    // A right signature of another image, copied here, says nothing about this one.
    if (critical.image["docker-manifest-digest"] === digest && critical.type === kind) {
      return critical.identity["docker-reference"] === repository
        ? undefined
        : `is signed as ${critical.identity["docker-reference"]}, not as ${repository}`;
    }
  }
  return "has no signature by the key of quorum:security.signatures.publicKey";
}
