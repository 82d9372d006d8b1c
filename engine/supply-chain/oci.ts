import { createHash } from "node:crypto";
import { type Credentials, registryUrl } from "../direct/registry.ts";

/** A part of an OCI manifest: a blob by its digest. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly artifactType?: string | undefined;
  readonly platform?: { readonly os: string; readonly architecture: string } | undefined;
}

export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly artifactType?: string | undefined;
  readonly config?: Descriptor | undefined;
  readonly layers?: readonly Descriptor[] | undefined;
  readonly manifests?: readonly Descriptor[] | undefined;
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export const manifestType = "application/vnd.oci.image.manifest.v1+json";
const accepted = [
  manifestType,
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");
/** The empty JSON object, as OCI wants it where a manifest has no configuration. */
export const emptyBlob = Buffer.from("{}");
const timeoutMilliseconds = 60_000;

export function digestOfBytes(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export function describeBlob(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: digestOfBytes(bytes), size: bytes.length };
}

/** A repository of a registry, by the API of OCI's distribution specification. */
export class Repository {
  readonly #base: string;
  readonly #registry: string;
  readonly #repository: string;
  readonly #credentials: Credentials | undefined;
  #authorization: string | undefined;

  constructor(registry: string, repository: string, credentials?: Credentials) {
    this.#base = `${registryUrl(registry)}/v2/${repository}`;
    this.#registry = registry;
    this.#repository = repository;
    this.#credentials = credentials;
  }

  /** A manifest by tag or digest; undefined where there is none. @throws when its bytes are not those of the digest */
  async manifest(reference: string): Promise<{ manifest: Manifest; descriptor: Descriptor } | undefined> {
    const response = await this.#ask("GET", `/manifests/${reference}`, { headers: { Accept: accepted } }, [404]);
    if (response.status === 404) return undefined;
    const bytes = new Uint8Array(await response.arrayBuffer());
    const digest = digestOfBytes(bytes);
    if (reference.startsWith("sha256:") && digest !== reference)
      throw new Error(`registry ${this.#registry} gave ${digest} for ${reference}; do not trust it`);
    const manifest = JSON.parse(Buffer.from(bytes).toString("utf8")) as Manifest;
    const mediaType = response.headers.get("content-type") ?? manifest.mediaType;
    return { manifest, descriptor: { mediaType, digest, size: bytes.length } };
  }

  /** @throws when its bytes are not those of the digest */
  async blob(digest: string): Promise<Buffer> {
    const response = await this.#ask("GET", `/blobs/${digest}`, {});
    const bytes = Buffer.from(await response.arrayBuffer());
    if (digestOfBytes(bytes) !== digest)
      throw new Error(`registry ${this.#registry} gave other bytes for ${digest}; do not trust it`);
    return bytes;
  }

  async putBlob(mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
    const descriptor = describeBlob(mediaType, bytes);
    const there = await this.#ask("HEAD", `/blobs/${descriptor.digest}`, {}, [404]);
    if (there.ok) return descriptor;
    const begun = await this.#ask("POST", "/blobs/uploads/", {});
    const place = new URL(begun.headers.get("location") ?? "", this.#base);
    place.searchParams.set("digest", descriptor.digest);
    await this.#ask("PUT", place.href, {
      headers: { "Content-Type": "application/octet-stream" },
      body: new Uint8Array(bytes),
    });
    return descriptor;
  }

  /** Puts a manifest under a tag, or under its digest alone. */
  async putManifest(manifest: Manifest, tag?: string): Promise<Descriptor> {
    const bytes = Buffer.from(JSON.stringify(manifest));
    const descriptor = describeBlob(manifest.mediaType, bytes);
    await this.#ask("PUT", `/manifests/${tag ?? descriptor.digest}`, {
      headers: { "Content-Type": manifest.mediaType },
      body: new Uint8Array(bytes),
    });
    return descriptor;
  }

  /** What is attached to a manifest. Registries without the referrers API keep a list under a tag, which clients maintain. */
  async referrers(digest: string): Promise<readonly Descriptor[]> {
    const response = await this.#ask("GET", `/referrers/${digest}`, {}, [404]);
    if (response.ok) return ((await response.json()) as Manifest).manifests ?? [];
    return (await this.manifest(fallbackTag(digest)))?.manifest.manifests ?? [];
  }

  /** Whether the registry itself lists what is attached. */
  async hasReferrersApi(digest: string): Promise<boolean> {
    return (await this.#ask("GET", `/referrers/${digest}`, {}, [404])).ok;
  }

  async #ask(method: string, path: string, init: RequestInit, expected: readonly number[] = []): Promise<Response> {
    const url = path.startsWith("http") ? path : `${this.#base}${path}`;
    const send = () =>
      fetch(url, {
        ...init,
        method,
        headers: {
          ...(init.headers as Record<string, string> | undefined),
          ...(this.#authorization === undefined ? {} : { Authorization: this.#authorization }),
        },
        signal: AbortSignal.timeout(timeoutMilliseconds),
      });
    let response = await send();
    if (response.status === 401 && this.#authorization === undefined) {
      this.#authorization = await this.#authorize(response.headers.get("www-authenticate") ?? "");
      if (this.#authorization !== undefined) response = await send();
    }
    if (response.ok || expected.includes(response.status)) return response;
    throw new Error(
      `registry ${this.#registry} answered ${response.status} to ${method} of ${this.#repository}${path.startsWith("http") ? "" : path}; look at its log, or set quorum:images.builds.<name>.credentials`,
    );
  }

  /** @see https://distribution.github.io/distribution/spec/auth/token/ */
  async #authorize(challenge: string): Promise<string | undefined> {
    const user = this.#credentials;
    const basic = user && `Basic ${Buffer.from(`${user.username}:${user.password}`).toString("base64")}`;
    if (!/^bearer /i.test(challenge)) return basic;
    const fields = new Map(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]),
    );
    const url = new URL(fields.get("realm") ?? "");
    for (const name of ["service", "scope"]) url.searchParams.set(name, fields.get(name) ?? "");
    const answer = await fetch(url, basic === undefined ? {} : { headers: { Authorization: basic } });
    if (!answer.ok) return undefined;
    const { token, access_token: access } = (await answer.json()) as { token?: string; access_token?: string };
    return `Bearer ${token ?? access ?? ""}`;
  }
}

/** @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema */
export function fallbackTag(digest: string): string {
  return digest.replace(":", "-");
}

/** Attaches a document to an image: a manifest of its own whose subject is the image. The same document twice is one. */
export async function attach(
  to: Repository,
  subject: Descriptor,
  artifactType: string,
  document: Uint8Array,
  annotations: Readonly<Record<string, string>> = {},
): Promise<Descriptor> {
  const empty = "application/vnd.oci.empty.v1+json";
  const config = await to.putBlob(empty, emptyBlob);
  const layer = await to.putBlob(artifactType, document);
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType,
    config,
    layers: [layer],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    annotations,
  } as const;
  const attached = await to.putManifest(manifest);
  if (await to.hasReferrersApi(subject.digest)) return attached;
  const others = (await to.referrers(subject.digest)).filter(({ digest }) => digest !== attached.digest);
  await to.putManifest(
    {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [...others, { ...attached, artifactType, annotations }],
    },
    fallbackTag(subject.digest),
  );
  return attached;
}
