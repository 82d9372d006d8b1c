import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Provider } from "oidc-provider";
import { run } from "../../local/run.ts";
import type { Browser, Page } from "./browser.ts";

/** A client of the provider. */
export interface Client {
  readonly id: string;
  readonly secret: string;
  readonly redirectUrl: string;
}

/** A provider of OpenID Connect that runs in the test. */
export interface IdentityProvider {
  readonly issuerUrl: string;
  /** Certificate of its server, which is its own authority. */
  readonly certificate: string;
  readonly stop: () => void;
}

/**
 * Starts a provider that knows some people and their groups, takes any password, and insists on PKCE.
 *
 * @param address of this machine, which pods reach
 */
export async function startProvider(
  address: string,
  client: Client,
  people: Readonly<Record<string, readonly string[]>>,
): Promise<IdentityProvider> {
  const folder = mkdtempSync(join(tmpdir(), "identity-"));
  const [key, file] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const subject = ["-subj", "/CN=identity", "-addext", `subjectAltName=IP:${address}`];
  await run("openssl", ["req", "-x509", ...curve, ...subject, "-keyout", key, "-out", file]);
  const certificate = readFileSync(file, "utf8");
  const server = createServer({ key: readFileSync(key), cert: certificate });
  rmSync(folder, { recursive: true });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const issuerUrl = `https://${address}:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuerUrl, {
    clients: [{ client_id: client.id, client_secret: client.secret, redirect_uris: [client.redirectUrl] }],
    pkce: { required: () => true },
    claims: { openid: ["sub"], profile: ["name", "groups"], email: ["email", "email_verified"] },
    conformIdTokenClaims: false,
    cookies: { keys: ["of a test"] },
    findAccount: (_: unknown, id: string) =>
      people[id] && {
        accountId: id,
        claims: () => ({ sub: id, name: id, groups: people[id], email: `${id}@example.com`, email_verified: true }),
      },
  });
  server.on("request", provider.callback());
  return { issuerUrl, certificate, stop: () => void server.close() };
}

/** Comes to a page and does at the provider what it asks for: the name, then leave to tell the client. */
export async function signInAt(
  { issuerUrl }: IdentityProvider,
  browser: Browser,
  person: string,
  url: string,
): Promise<Page> {
  let page = await browser.visit(url);
  for (let steps = 0; steps < 3; steps++) {
    const action = /<form[^>]*action="([^"]+)"/.exec(page.body)?.[1];
    if (action === undefined || !page.url.startsWith(issuerUrl)) return page;
    const prompt = /name="prompt" value="(\w+)"/.exec(page.body)?.[1] ?? "";
    const form = prompt === "login" ? { prompt, login: person, password: "any" } : { prompt };
    page = await browser.visit(new URL(action, page.url).href, { form });
  }
  return page;
}
