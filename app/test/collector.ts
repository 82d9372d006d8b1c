import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 2: of a server, 3: of a client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly status: { readonly code?: number };
  readonly events: readonly { readonly name: string }[];
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Body {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<SentSpan, "attributes" | "resource"> & { attributes: readonly Attribute[] })[];
    }[];
  }[];
}

/** Takes spans as an OpenTelemetry Collector does, in OTLP over HTTP, and keeps them. */
export class Collector {
  readonly spans: SentSpan[] = [];
  /** What it answers with; `never`: nothing, for as long as it runs. */
  answer: number | "never" = 200;
  readonly #server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => (text += part));
    request.on("end", () => {
      if (this.answer === "never") return;
      if (this.answer === 200 && request.url === "/v1/traces") this.#keep(JSON.parse(text) as Body);
      response.writeHead(this.answer, { "content-type": "application/json" }).end("{}");
    });
  });

  /** @param port 0 lets the system choose one */
  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #keep({ resourceSpans }: Body): void {
    for (const { resource, scopeSpans } of resourceSpans)
      for (const span of scopeSpans.flatMap(({ spans }) => spans))
        this.spans.push({ ...span, attributes: values(span.attributes), resource: values(resource.attributes) });
  }
}

function values(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
