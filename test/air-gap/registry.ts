import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

const sha256 = (content: Buffer) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

/** As much of the distribution API as a bundle and its install ask for, with what went wrong in it where a test wants that. */
export class FakeRegistry {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { type: string; content: Buffer }>();
  /** Uploads of layers. */
  uploads = 0;
  /** How many more uploads it takes before it says that its disk is full. */
  room = Infinity;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(({ status, headers = {}, body = "" }) => {
        response.writeHead(status, headers);
        response.end(request.method === "HEAD" ? undefined : body);
      });
    });
  }

  static async start(): Promise<FakeRegistry> {
    const registry = new FakeRegistry();
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Puts an image there. @returns its digest */
  image(repository: string, tag: string, layers: readonly string[]): string {
    const blob = (text: string) => {
      const content = Buffer.from(text);
      this.blobs.set(`${repository} ${sha256(content)}`, content);
      return { mediaType: "application/octet-stream", digest: sha256(content), size: content.length };
    };
    const body = { schemaVersion: 2, config: blob(`{"of":"${layers.join()}"}`), layers: layers.map(blob) };
    return this.manifest(repository, tag, "application/vnd.oci.image.manifest.v1+json", body);
  }

  manifest(repository: string, tag: string, type: string, body: object): string {
    const content = Buffer.from(JSON.stringify(body));
    for (const name of [tag, sha256(content)]) this.manifests.set(`${repository} ${name}`, { type, content });
    return sha256(content);
  }

  async #answer(
    request: IncomingMessage,
  ): Promise<{ status: number; headers?: Record<string, string>; body?: Buffer | string }> {
    const url = new URL(request.url ?? "", "http://registry");
    const [, repository = "", kind, name = ""] =
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests)\/(.*)$/.exec(url.pathname) ?? [];
    if (kind === undefined) return { status: url.pathname === "/v2/" ? 200 : 404 };
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const content = Buffer.concat(chunks);
    if (kind === "blobs/uploads") return this.#upload(request.method, repository, url, content);
    if (kind === "manifests" && request.method === "PUT") {
      const { layers = [] } = JSON.parse(content.toString()) as { layers?: { digest: string }[] };
      if (layers.some(({ digest }) => !this.blobs.has(`${repository} ${digest}`))) return { status: 400 };
      for (const key of [name, sha256(content)])
        this.manifests.set(`${repository} ${key}`, { type: request.headers["content-type"] ?? "", content });
      return { status: 201 };
    }
    if (kind === "blobs") {
      const body = this.blobs.get(`${repository} ${name}`);
      return body === undefined ? { status: 404 } : { status: 200, body };
    }
    const found = this.manifests.get(`${repository} ${name}`);
    if (found === undefined) return { status: 404 };
    const headers = { "content-type": found.type, "docker-content-digest": sha256(found.content) };
    return { status: 200, headers, body: found.content };
  }

  #upload(method: string | undefined, repository: string, url: URL, content: Buffer) {
    if (method === "POST") return { status: 202, headers: { Location: `/v2/${repository}/blobs/uploads/one?state=a` } };
    const digest = url.searchParams.get("digest") ?? "";
    if (this.room <= 0) return { status: 500, body: "no space left on device" };
    if (digest !== sha256(content) || url.searchParams.get("state") !== "a") return { status: 400, body: "digest" };
    this.room--;
    this.uploads++;
    this.blobs.set(`${repository} ${digest}`, content);
    return { status: 201 };
  }
}
