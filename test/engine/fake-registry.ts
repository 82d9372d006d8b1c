import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** As much of a registry as attaching and signing need, kept in memory; with or without the referrers API. */
export class FakeRegistry {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, { type: string; bytes: Buffer }>();
  readonly #server: Server;

  constructor(referrers: boolean) {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const url = new URL(request.url ?? "", "http://registry");
        const type = request.headers["content-type"] ?? "";
        const answer = this.#answer(request.method ?? "", url, Buffer.concat(chunks), type, referrers);
        response.writeHead(answer.status, answer.headers).end(answer.body);
      });
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(method: string, url: URL, body: Buffer, type: string, referrers: boolean) {
    const [, kind = "", name = ""] = /\/(manifests|blobs|referrers)\/(.*)$/.exec(url.pathname) ?? [];
    const reply = (status: number, headers: Record<string, string> = {}, bytes: Buffer = Buffer.alloc(0)) => ({
      status,
      headers,
      body: bytes,
    });
    if (kind === "blobs" && method === "POST") return reply(202, { location: `${url.pathname}session?state=1` });
    if (kind === "blobs" && method === "PUT") {
      const digest = url.searchParams.get("digest") ?? "";
      if (digest !== digestOf(body)) return reply(400);
      this.blobs.set(digest, body);
      return reply(201);
    }
    if (kind === "blobs") {
      const blob = this.blobs.get(name);
      return blob === undefined ? reply(404) : reply(200, {}, blob);
    }
    if (kind === "manifests" && method === "PUT") {
      for (const key of [name, digestOf(body)]) this.manifests.set(key, { type, bytes: body });
      return reply(201);
    }
    if (kind === "manifests") {
      const found = this.manifests.get(name);
      return found === undefined ? reply(404) : reply(200, { "content-type": found.type }, found.bytes);
    }
    if (!referrers) return reply(404);
    const manifests = [...this.manifests].flatMap(([digest, { bytes }]) => {
      const { subject, artifactType } = JSON.parse(bytes.toString()) as {
        subject?: { digest: string };
        artifactType?: string;
      };
      return subject?.digest === name && digest.startsWith("sha256:")
        ? [{ mediaType: "x", digest, size: bytes.length, artifactType }]
        : [];
    });
    return reply(200, {}, Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })));
  }
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
