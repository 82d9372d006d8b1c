import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { htpasswd } from "../../components/plan/workload/htpasswd.ts";
import { run } from "../../local/run.ts";
import { OwnStack } from "../cluster/own-stack.ts";
import { eventually, kubectl, tryKubectl } from "../cluster/quorum.ts";

const stack = new OwnStack("registry");
const namespace = `${stack.name}-registry`;
const hostname = "registry.example.com";
const folder = mkdtempSync(join(tmpdir(), "quorum-registry-"));
const auth = "robot:a password";
const manifestType = "application/vnd.oci.image.manifest.v1+json";
let host = "";
let port = 0;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** One request over TLS, checked by the certificate that the story made itself. */
function call(method: string, path: string, options: { auth?: string; body?: string; type?: string } = {}) {
  return new Promise<Answer>((resolve, reject) => {
    const ca = readFileSync(join(folder, "tls.crt"));
    const headers = { "content-type": options.type ?? "application/octet-stream", accept: manifestType };
    const sent = request(
      { host, port, path, method, ca, servername: hostname, headers, auth: options.auth },
      (answer) => {
        answer.resume();
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers }));
      },
    );
    sent.on("error", reject);
    sent.end(options.body);
  });
}

const digestOf = (content: string) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

async function pushBlob(content: string): Promise<string> {
  const digest = digestOf(content);
  const begun = await call("POST", "/v2/team/tool/blobs/uploads/", { auth });
  expect(begun.status).toBe(202);
  const place = new URL(String(begun.headers["location"]), `https://${hostname}`);
  place.searchParams.set("digest", digest);
  const put = await call("PUT", `${place.pathname}${place.search}`, { auth, body: content });
  expect(put.status).toBe(201);
  return digest;
}

/** The namespace is the stack's, and the Secret must be in it: whoever has the certificate puts it there meanwhile. */
async function putCertificate(): Promise<void> {
  const [key, crt] = [join(folder, "tls.key"), join(folder, "tls.crt")];
  const subject = ["-subj", `/CN=${hostname}`, "-addext", `subjectAltName=DNS:${hostname}`];
  const self = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  await run("openssl", [...self, "-keyout", key, "-out", crt, ...subject]);
  const create = ["create", "secret", "tls", "registry-tls", "-n", namespace, `--cert=${crt}`, `--key=${key}`];
  await eventually("the certificate's Secret", 120, async () =>
    (await tryKubectl(create)).code === 0 ? true : undefined,
  );
}

beforeAll(async () => {
  const users = htpasswd("test", { robot: "a password" });
  const sections = {
    registry: { kind: "distribution", hostname, port: 15_443, storageGiB: 1, htpasswd: users },
  };
  await Promise.all([stack.up(sections), putCertificate()]);
  const service = JSON.parse(await kubectl(["get", "service", "registry", "-n", namespace, "-o", "json"])) as {
    spec: { ports: { nodePort: number }[] };
  };
  port = service.spec.ports[0]?.nodePort ?? 0;
  host = await kubectl([
    "get",
    "nodes",
    "-o",
    `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`,
  ]);
});

afterAll(async () => {
  await stack.down();
  rmSync(folder, { recursive: true, force: true });
});

describe("a registry in the cluster", () => {
  it("speaks TLS, and only to those who have a password", async () => {
    expect((await call("GET", "/v2/")).status).toBe(401);
    expect((await call("GET", "/v2/", { auth: "robot:a guess" })).status).toBe(401);
    expect((await call("GET", "/v2/", { auth })).status).toBe(200);
  });

  it("keeps an image through a restart, and takes away what no image names", async () => {
    const config = await pushBlob("{}");
    const orphan = await pushBlob("a layer of an image that was never finished");
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: "application/vnd.oci.empty.v1+json", digest: config, size: 2 },
      layers: [],
    });
    expect((await call("PUT", "/v2/team/tool/manifests/v1", { auth, body, type: manifestType })).status).toBe(201);

    await kubectl(["create", "job", "--from=cronjob/registry-restart", "restart-now", "-n", namespace]);
    await kubectl(["wait", "job/restart-now", "--for=condition=Complete", "--timeout=150s", "-n", namespace]);

    const blob = async (digest: string) => (await call("HEAD", `/v2/team/tool/blobs/${digest}`, { auth })).status;
    await eventually("the registry's answer", 30, async () => ((await blob(config)) === 200 ? true : undefined));
    expect((await call("GET", `/v2/team/tool/manifests/${digestOf(body)}`, { auth })).status).toBe(200);
    expect(await blob(orphan)).toBe(404);
  });
});
