import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Credentials, fetchToken, basicHeader, manifestTypes, registryUrl } from "../direct/registry.ts";

/** A part of an image: its manifest, its configuration or a layer. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface Manifest extends Descriptor {
  readonly content: Buffer;
}

/** Where images are taken from. */
export interface ImageSource {
  /** @returns undefined when there is no such image */
  manifest(repository: string, reference: string): Promise<Manifest | undefined>;
  blob(repository: string, digest: string): Promise<AsyncIterable<Uint8Array>>;
}

const headersTimeoutMilliseconds = 60_000;

/** A registry, by the distribution API. Credentials are those that `docker login` keeps. */
export class RegistrySource implements ImageSource {
  readonly #host: string;
  readonly #credentials: Credentials | undefined;
  readonly #tokens = new Map<string, string>();

  constructor(host: string, credentials = dockerCredentials(host)) {
    this.#host = host;
    this.#credentials = credentials;
  }

  async manifest(repository: string, reference: string): Promise<Manifest | undefined> {
    const answer = await this.#get(repository, `manifests/${reference}`, { Accept: manifestTypes });
    if (answer.status === 404) return undefined;
    this.#refuseFailure(answer, `${repository}:${reference}`);
    const content = Buffer.from(await answer.arrayBuffer());
    return {
      content,
      mediaType: (answer.headers.get("content-type") ?? "").split(";")[0] ?? "",
      digest: answer.headers.get("docker-content-digest") ?? "",
      size: content.length,
    };
  }

  async blob(repository: string, digest: string): Promise<AsyncIterable<Uint8Array>> {
    const answer = await this.#get(repository, `blobs/${digest}`, {});
    this.#refuseFailure(answer, `${repository}@${digest}`);
    if (answer.body === null) throw new Error(`registry ${this.#host} sent nothing for ${repository}@${digest}`);
    return answer.body;
  }

  #refuseFailure(answer: Response, what: string): void {
    if (answer.ok) return;
    const fix = [401, 403].includes(answer.status)
      ? `sign in by docker login ${this.#host}`
      : "look at the registry's log";
    throw new Error(`registry ${this.#host} answered ${answer.status} for ${what}; ${fix}`);
  }

  async #get(repository: string, path: string, headers: Record<string, string>): Promise<Response> {
    const basic = this.#credentials && basicHeader(this.#credentials);
    const known = this.#tokens.get(repository) ?? basic;
    const url = `${registryUrl(this.#host)}/v2/${repository}/${path}`;
    const first = await this.#ask(url, { ...headers, ...(known !== undefined && { Authorization: known }) });
    if (first.status !== 401) return first;
    const token = await fetchToken(this.#host, first.headers.get("www-authenticate") ?? "", basic);
    if (token === undefined) return first;
    await first.body?.cancel();
    this.#tokens.set(repository, `Bearer ${token}`);
    return this.#ask(url, { ...headers, Authorization: `Bearer ${token}` });
  }

  async #ask(url: string, headers: Record<string, string>): Promise<Response> {
    // Only the wait for an answer has a limit: a large layer may take as long as it takes.
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), headersTimeoutMilliseconds);
    try {
      return await fetch(url, { headers, signal: limit.signal });
    } catch (error) {
      throw new Error(
        `registry ${this.#host} cannot be reached at ${url}; start it, or name another in quorum:images`,
        {
          cause: error,
        },
      );
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What `docker login` wrote for a registry; helpers that keep passwords elsewhere are not asked. */
export function dockerCredentials(
  host: string,
  folder = process.env["DOCKER_CONFIG"] ?? join(homedir(), ".docker"),
): Credentials | undefined {
  const file = join(folder, "config.json");
  if (!existsSync(file)) return undefined;
  const { auths } = JSON.parse(readFileSync(file, "utf8")) as { auths?: Record<string, { auth?: string }> };
  const auth = auths?.[host === "docker.io" ? "https://index.docker.io/v1/" : host]?.auth;
  if (auth === undefined) return undefined;
  const [username = "", ...password] = Buffer.from(auth, "base64").toString().split(":");
  return { username, password: password.join(":") };
}
