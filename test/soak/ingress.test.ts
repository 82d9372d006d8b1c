import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request as plainRequest } from "node:http";
import { Agent, request as tlsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureImages } from "../../local/images.ts";
import { run } from "../../local/run.ts";
import { goProgram } from "../../local/toolchain.ts";
import { editedDev, eventually, kubectl, root, setPath, succeed, tryKubectl } from "../cluster/quorum.ts";

const httpPort = 8081;
const httpsPort = 443;
const folder = mkdtempSync(join(tmpdir(), "quorum-ingress-"));
const names = { metricsdemo: "shop.example.com", gate: "gate.example.com" };
/** Kinds of the Gateway API that the controller reads. A site with HTTPRoutes has them; a bare cluster has not. */
const kinds = [
  "gatewayclasses",
  "gateways",
  "httproutes",
  "grpcroutes",
  "tlsroutes",
  "referencegrants",
  "backendtlspolicies",
];
let definitions: string[] = [];

function withIngress(): string {
  const small = { image: "app", role: "web", replicas: 1, scrape: false, resources: { cpuMillis: 10 } };
  const hostname = names.metricsdemo;
  return editedDev("ingress", (config) => {
    setPath(config, ["quorum:ingress"], { controller: "traefik", expose: { httpPort, httpsPort } });
    setPath(config, ["quorum:services", "metricsdemo", "ingress"], { hostname, tls: {} });
    setPath(config, ["quorum:services", "cart"], {
      ...small,
      ingress: {
        hostname,
        path: "/cart",
        rewritePath: "/",
        tls: { secretName: "metricsdemo-tls" },
        basicAuth: { anna: "open sesame" },
      },
    });
    setPath(config, ["quorum:services", "gate"], {
      ...small,
      ingress: { hostname: names.gate, path: "/in", rewritePath: "/", api: "HTTPRoute", tls: {} },
    });
  });
}

async function certificate(service: keyof typeof names): Promise<void> {
  const [key, file] = [join(folder, `${service}.key`), join(folder, `${service}.crt`)];
  const name = names[service];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
  await run("openssl", ["req", "-x509", ...curve, ...subject, "-keyout", key, "-out", file]);
  await kubectl(["create", "secret", "tls", `${service}-tls`, "-n", "apps", "--key", key, "--cert", file]);
}

beforeAll(async () => {
  const part = join(root, "local", "toolchain", "traefik");
  const module = await run(goProgram(), ["mod", "download", "-json", "sigs.k8s.io/gateway-api"], { cwd: part });
  const { Dir } = JSON.parse(module) as { Dir: string };
  definitions = kinds.flatMap((kind) => [
    "-f",
    join(Dir, "config/crd/standard", `gateway.networking.k8s.io_${kind}.yaml`),
  ]);
  await kubectl(["apply", "--server-side", ...definitions]);
  await kubectl(["wait", "--for=condition=Established", ...definitions]);
  expect(await ensureImages(["traefik"], () => undefined)).toEqual([]);
  await Promise.all([certificate("metricsdemo"), certificate("gate")]);
  await succeed(["up", "--config-file", withIngress()]);
});

afterAll(async () => {
  try {
    await succeed(["up"]);
  } finally {
    await tryKubectl(["delete", "secret", "metricsdemo-tls", "gate-tls", "-n", "apps", "--ignore-not-found"]);
    await tryKubectl(["delete", "--ignore-not-found", ...definitions]);
    rmSync(folder, { recursive: true, force: true });
  }
});

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

interface Asked {
  readonly user?: string;
  /** Asks without TLS. */
  readonly plain?: boolean;
  readonly agent?: Agent;
}

/** A request as a browser would send it, had the name this machine's address. With TLS the certificate must be that of the name. */
function ask(service: keyof typeof names, path: string, { user, plain, agent }: Asked = {}): Promise<Answer> {
  const host = names[service];
  const headers = { host, ...(user && { authorization: `Basic ${Buffer.from(user).toString("base64")}` }) };
  const place = { host: "127.0.0.1", path, headers, timeout: 5000 };
  return new Promise((resolve, reject) => {
    const sent = plain
      ? plainRequest({ ...place, port: httpPort })
      : tlsRequest({
          ...place,
          port: httpsPort,
          servername: host,
          ca: readFileSync(join(folder, `${service}.crt`)),
          agent: agent ?? false,
        });
    sent.on("error", reject).on("timeout", () => sent.destroy(new Error("no answer in 5 s")));
    sent.on("response", (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, location: answer.headers.location, body }));
    });
    sent.end();
  });
}

const ready = { status: 200, body: '{"status":"ready"}' };

describe("an Ingress", () => {
  test("answers by name, with the certificate of that name", async () => {
    const answer = await eventually("the first answer", 20, async () => {
      const got = await ask("metricsdemo", "/health");
      return got.status === 200 ? got : undefined;
    });
    expect(answer).toMatchObject(ready);
  });

  test("sends plain requests to TLS, and knows no other name", async () => {
    expect(await ask("metricsdemo", "/health?a=1", { plain: true })).toMatchObject({
      status: 308,
      location: "https://shop.example.com/health?a=1",
    });
    const stranger = await fetch(`http://127.0.0.1:${httpPort}/health`);
    expect(stranger.status).toBe(404);
  });

  test("asks for a name and password, and shows the service another path", async () => {
    expect(await ask("metricsdemo", "/cart/health")).toMatchObject({ status: 401 });
    expect(await ask("metricsdemo", "/cart/health", { user: "anna:open sesam" })).toMatchObject({ status: 401 });
    expect(await ask("metricsdemo", "/cart/health", { user: "anna:open sesame" })).toMatchObject(ready);
    // Not the folder /cart, so it is the other service's, which asks for no password.
    expect(await ask("metricsdemo", "/cartoon")).toMatchObject({
      status: 404,
      body: expect.stringContaining("requestId"),
    });
  });

  test("says where it answers", async () => {
    const address = await kubectl([
      "get",
      "ingress",
      "cart",
      "-n",
      "apps",
      "-o",
      "jsonpath={.status.loadBalancer.ingress[0].ip}",
    ]);
    expect(address).toBe("127.0.0.1");
  });
});

describe("an HTTPRoute", () => {
  test("answers by name with its own certificate, and shows the service another path", async () => {
    const answer = await eventually("the first answer", 20, async () => {
      const got = await ask("gate", "/in/health");
      return got.status === 200 ? got : undefined;
    });
    expect(answer).toMatchObject(ready);
    expect(await ask("gate", "/inn")).toMatchObject({ status: 404 });
    expect(await ask("gate", "/in/health", { plain: true })).toMatchObject({
      status: 301,
      location: "https://gate.example.com/in/health",
    });
  });
});

describe("the ingress controller", () => {
  test("reads no Secrets but those of the namespaces that it serves", async () => {
    const can = async (namespace: string) => {
      const asked = ["auth", "can-i", "list", "secrets", "--as=system:serviceaccount:ingress:traefik"];
      return (await tryKubectl([...asked, ...namespace.split(" ")])).stdout.trim();
    };
    expect(await can("-n apps")).toBe("yes");
    expect(await can("-n monitoring")).toBe("no");
    expect(await can("-n kube-system")).toBe("no");
    expect(await can("--all-namespaces")).toBe("no");
  });

  test("is rolled out anew under load without a failed request, on new connections and on kept ones", async () => {
    let rolling = true;
    let asked = 0;
    const failed: string[] = [];
    const load = async (agent?: Agent) => {
      while (rolling) {
        const answer = await ask("metricsdemo", "/health", agent && { agent }).then(
          ({ status }) => String(status),
          (error: Error) => error.message,
        );
        asked++;
        if (answer !== "200") failed.push(answer);
      }
    };
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    const clients = [load(), load(kept)];
    await kubectl(["rollout", "restart", "deployment/traefik", "-n", "ingress"]);
    await kubectl(["rollout", "status", "deployment/traefik", "-n", "ingress", "--timeout=120s"]);
    rolling = false;
    await Promise.all(clients);
    kept.destroy();
    expect(failed).toEqual([]);
    expect(asked).toBeGreaterThan(100);
  });
});
