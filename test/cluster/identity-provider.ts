import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Provider } from "oidc-provider";
import { run } from "../../local/run.ts";

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
