import { type IncomingMessage, request as plainRequest, type RequestOptions } from "node:http";
import { request as tlsRequest } from "node:https";

/** Where a name is answered, when it is none that anybody else knows. */
export interface Place {
  readonly port: number;
}

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly body: string;
  readonly location: string | undefined;
}

interface Visit {
  readonly form?: Readonly<Record<string, string>>;
  /** @default true */
  readonly follow?: boolean;
}

const mostRedirects = 20;

/** Follows redirects and keeps cookies, each for the host that set it, as a browser does. */
export class Browser {
  readonly #cookies = new Map<string, Map<string, string>>();
  readonly #places: Readonly<Record<string, Place>>;
  readonly #authority: string;

  /**
   * @param places names that a port of this machine answers for without TLS, as if a controller stood before it
   * @param authority certificate that other https servers are checked by
   */
  constructor(places: Readonly<Record<string, Place>>, authority: string) {
    this.#places = places;
    this.#authority = authority;
  }

  async visit(url: string, { form, follow = true }: Visit = {}): Promise<Page> {
    let page = await this.#ask(url, form);
    for (let left = mostRedirects; follow && page.location !== undefined; left--) {
      if (left === 0) throw new Error(`${url} redirects without an end, to ${page.location} now`);
      page = await this.#ask(new URL(page.location, page.url).href, undefined);
    }
    return page;
  }

  cookiesOf(host: string): ReadonlyMap<string, string> {
    return this.#cookies.get(host) ?? new Map<string, string>();
  }

  #ask(url: string, form: Readonly<Record<string, string>> | undefined): Promise<Page> {
    const { protocol, hostname, host, port, pathname, search } = new URL(url);
    const place = this.#places[hostname];
    const body = form && new URLSearchParams(form).toString();
    const cookies = [...this.cookiesOf(host)].map(([name, value]) => `${name}=${value}`).join("; ");
    const options: RequestOptions = {
      method: body === undefined ? "GET" : "POST",
      path: `${pathname}${search}`,
      headers: {
        host,
        accept: "text/html",
        ...(cookies !== "" && { cookie: cookies }),
        ...(body !== undefined && { "content-type": "application/x-www-form-urlencoded" }),
      },
      timeout: 10_000,
    };
    return new Promise((resolve, reject) => {
      const answered = (answer: IncomingMessage) => {
        for (const line of answer.headers["set-cookie"] ?? []) this.#keep(host, line);
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const { statusCode: status = 0, headers } = answer;
          resolve({ url, status, body: text, location: status < 400 ? headers.location : undefined });
        });
      };
      const sent =
        place !== undefined
          ? plainRequest({ ...options, host: "127.0.0.1", port: place.port }, answered)
          : protocol === "https:"
            ? tlsRequest({ ...options, host: hostname, port: port || 443, ca: this.#authority }, answered)
            : plainRequest({ ...options, host: hostname, port: port || 80 }, answered);
      sent.on("error", reject).on("timeout", () => sent.destroy(new Error(`${url}: no answer in 10 s`)));
      sent.end(body);
    });
  }

  #keep(host: string, line: string): void {
    const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
    const equals = pair.indexOf("=");
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)];
    const jar = this.#cookies.get(host) ?? new Map<string, string>();
    this.#cookies.set(host, jar);
    const past = attributes.some((attribute) => /^expires=.*\b(1970|19\d\d)\b|^max-age=(0|-)/i.test(attribute));
    if (past || value === "") jar.delete(name);
    else jar.set(name, value);
  }
}
