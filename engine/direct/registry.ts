/** An image's name taken apart. */
export interface ImageReference {
  /** Host, with its port if any. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** What a registry said about one manifest. */
export type ManifestAnswer =
  | { readonly state: "found"; readonly digest: string }
  | { readonly state: "absent" }
  /** The registry wants credentials that we do not have. */
  | { readonly state: "refused"; readonly status: number };

/** Every kind of manifest that we know. */
export const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");
const timeoutMilliseconds = 15_000;

/** Takes an image's name apart as Docker does. @throws when it carries a digest */
export function parseReference(name: string): ImageReference {
  if (name.includes("@")) throw new Error(`imageName is ${name}, but a name to push to has a tag and no digest`);
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const hasHost = first.includes(".") || first.includes(":") || first === "localhost";
  const registry = hasHost ? first : "docker.io";
  const rest = hasHost ? name.slice(slash + 1) : name;
  const colon = rest.lastIndexOf(":");
  const path = colon === -1 ? rest : rest.slice(0, colon);
  const tag = colon === -1 ? "latest" : rest.slice(colon + 1);
  return { registry, repository: !hasHost && !path.includes("/") ? `library/${path}` : path, tag };
}

/** The base URL of a registry's API. Docker speaks plain HTTP to loopback addresses, so we do. */
export function registryUrl(registry: string): string {
  if (registry === "docker.io") return "https://registry-1.docker.io";
  const host = registry.replace(/:\d+$/, "");
  const loopback = host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
  return `${loopback ? "http" : "https"}://${registry}`;
}

/**
 * Asks a registry for the digest behind a tag.
 *
 * @throws when the registry cannot be reached or answers with an error of its own
 */
export async function findManifest(
  image: ImageReference,
  tag: string,
  credentials?: Credentials,
): Promise<ManifestAnswer> {
  const url = `${registryUrl(image.registry)}/v2/${image.repository}/manifests/${tag}`;
  const ask = (authorization?: string) =>
    request(image.registry, url, "HEAD", {
      Accept: manifestTypes,
      ...(authorization === undefined ? {} : { Authorization: authorization }),
    });
  const basic = credentials === undefined ? undefined : basicHeader(credentials);
  let response = await ask(basic);
  if (response.status === 401) {
    const challenge = response.headers.get("www-authenticate") ?? "";
    const token = /^bearer /i.test(challenge) ? await fetchToken(image.registry, challenge, basic) : undefined;
    if (token !== undefined) response = await ask(`Bearer ${token}`);
  }
  if (response.status === 401 || response.status === 403) return { state: "refused", status: response.status };
  if (response.status === 404) return { state: "absent" };
  const digest = response.headers.get("docker-content-digest");
  if (!response.ok || digest === null) {
    throw new Error(
      `registry ${image.registry} answered ${response.status} for ${image.repository}:${tag}; look at the registry's log`,
    );
  }
  return { state: "found", digest };
}

export function basicHeader({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** @see https://distribution.github.io/distribution/spec/auth/token/ */
export async function fetchToken(
  registry: string,
  challenge: string,
  basic: string | undefined,
): Promise<string | undefined> {
  const fields = new Map(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key.toLowerCase(), value]),
  );
  const realm = fields.get("realm");
  if (realm === undefined) return undefined;
  const url = new URL(realm);
  for (const key of ["service", "scope"]) {
    const value = fields.get(key);
    if (value !== undefined) url.searchParams.set(key, value);
  }
  const response = await request(registry, url.href, "GET", basic === undefined ? {} : { Authorization: basic });
  if (!response.ok) return undefined;
  const body = (await response.json()) as { token?: string; access_token?: string };
  return body.token ?? body.access_token;
}

async function request(
  registry: string,
  url: string,
  method: string,
  headers: Record<string, string>,
): Promise<Response> {
  try {
    return await fetch(url, { method, headers, signal: AbortSignal.timeout(timeoutMilliseconds) });
  } catch (error) {
    throw new Error(
      `registry ${registry} cannot be reached (${reasonOf(error)}); start it, or set quorum:images.registry`,
      { cause: error },
    );
  }
}

/** fetch hides why a connection failed in the error's cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause as (Error & { code?: string }) | undefined;
  return cause?.code ?? cause?.message ?? error.message;
}
