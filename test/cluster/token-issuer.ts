import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../local/run.ts";

/** An identity provider that signs whatever a test asks for, and serves what is needed to check it. */
export interface TokenIssuer {
  readonly url: string;
  /** Certificate of its server, which is its own authority. */
  readonly certificate: string;
  readonly token: (claims: Readonly<Record<string, unknown>>) => string;
  readonly stop: () => void;
}

const keyId = "test";

/** @param address of this machine, which hosts reach */
export async function startIssuer(address: string): Promise<TokenIssuer> {
  const folder = mkdtempSync(join(tmpdir(), "issuer-"));
  const [key, file] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const subject = ["-subj", "/CN=issuer", "-addext", `subjectAltName=IP:${address}`];
  await run("openssl", ["req", "-x509", ...curve, ...subject, "-keyout", key, "-out", file]);
  const certificate = readFileSync(file, "utf8");
  const signing = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwks = { keys: [{ ...signing.publicKey.export({ format: "jwk" }), kid: keyId, use: "sig", alg: "RS256" }] };
  let url = "";
  const server = createServer({ key: readFileSync(key), cert: certificate }, (request, response) => {
    const answers: Record<string, unknown> = {
      "/.well-known/openid-configuration": {
        issuer: url,
        jwks_uri: `${url}/keys`,
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
      },
      "/keys": jwks,
    };
    const answer = answers[request.url ?? ""];
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? {}));
  });
  rmSync(folder, { recursive: true });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  url = `https://${address}:${(server.address() as AddressInfo).port}`;
  const token = (claims: Readonly<Record<string, unknown>>) => sign(signing.privateKey, { iss: url, ...claims });
  return { url, certificate, token, stop: () => void server.close() };
}

function sign(key: KeyObject, claims: Readonly<Record<string, unknown>>): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "RS256", kid: keyId, typ: "JWT" })}.${part({ iat: now, exp: now + 600, ...claims })}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(key, "base64url")}`;
}
