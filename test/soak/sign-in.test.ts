import { type ChildProcess, spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gatewayOf } from "../../local/hosts.ts";
import { binaryPath } from "../../local/toolchain.ts";
import { Browser } from "../cluster/browser.ts";
import { type IdentityProvider, signInAt, startProvider } from "../cluster/identity-provider.ts";
import { OwnStack } from "../cluster/own-stack.ts";
import { kubeconfig, kubectl } from "../cluster/quorum.ts";

const stack = new OwnStack("sign-in");
const hostname = "prometheus.example.com";
const client = { id: "quorum", secret: "of the test", redirectUrl: `https://${hostname}/oauth2/callback` };
const people = { anna: ["team-shop"], paul: ["team-platform"], eve: ["team-other"], nobody: [] };

let provider: IdentityProvider;
let forward: ChildProcess;
let port: number;

/** Opens a port of this machine to the proxy, in the place of an ingress controller. */
function forwardTo(service: string): Promise<{ forward: ChildProcess; port: number }> {
  const args = ["--kubeconfig", kubeconfig, "port-forward", "-n", stack.monitoring, `service/${service}`, ":4180"];
  const process = spawn(binaryPath("kubernetes", "kubectl"), args, { stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((resolve, reject) => {
    let said = "";
    const read = (chunk: Buffer) => {
      said += chunk.toString();
      const found = /127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (found !== undefined) resolve({ forward: process, port: Number(found) });
    };
    process.stdout.on("data", read);
    process.stderr.on("data", read);
    process.on("exit", (code) => reject(new Error(`kubectl port-forward ended with ${code}: ${said}`)));
  });
}

beforeAll(async () => {
  provider = await startProvider(gatewayOf([]), client, people);
  await stack.up({
    monitoring: {
      prometheus: { enabled: true, storageGiB: 1, retentionDays: 1, ingress: { hostname, tls: {} } },
      metricsServer: { enabled: false },
      signIn: {
        issuerUrl: provider.issuerUrl,
        clientId: client.id,
        clientSecret: client.secret,
        caCertificate: provider.certificate,
        groups: ["team-shop"],
        admins: ["team-platform"],
      },
    },
  });
  ({ forward, port } = await forwardTo("prometheus-sign-in"));
});

afterAll(async () => {
  forward?.kill();
  provider?.stop();
  await stack.down();
});

const newBrowser = () => new Browser({ [hostname]: { port } }, provider.certificate);

const signIn = (browser: Browser, person: keyof typeof people, path: string) =>
  signInAt(provider, browser, person, `https://${hostname}${path}`);

describe("a part without a sign-in of its own", () => {
  test("sends whoever comes to the provider, and tells programs that they are not known", async () => {
    const browser = newBrowser();
    const page = await browser.visit(`https://${hostname}/query`, { follow: false });
    expect(page.status).toBe(302);
    const asked = new URL(page.location ?? "");
    expect(asked.origin).toBe(provider.issuerUrl);
    expect(Object.fromEntries(asked.searchParams)).toMatchObject({
      client_id: client.id,
      redirect_uri: client.redirectUrl,
      code_challenge_method: "S256",
      scope: "openid profile email",
    });
    const api = await browser.visit(`https://${hostname}/api/v1/query?query=up`, { follow: false });
    expect(api.status).toBe(401);
    expect(api.body).not.toContain('"status":"success"');
  });

  test.each(["anna", "paul"] as const)("lets %s through, whose group may look", async (person) => {
    const browser = newBrowser();
    const page = await signIn(browser, person, "/-/healthy?looking=1");
    expect(page.url).toBe(`https://${hostname}/-/healthy?looking=1`);
    expect(page.status).toBe(200);
    expect(page.body).toContain("Prometheus Server is Healthy");
    const api = await browser.visit(`https://${hostname}/api/v1/status/buildinfo`);
    expect(JSON.parse(api.body)).toMatchObject({ status: "success" });
    expect([...browser.cookiesOf(hostname).keys()]).toEqual(["__Host-sign-in"]);
  });

  test.each(["eve", "nobody"] as const)("refuses %s, whose groups may not", async (person) => {
    const browser = newBrowser();
    const page = await signIn(browser, person, "/query");
    expect(page.status).toBe(403);
    expect((await browser.visit(`https://${hostname}/api/v1/query?query=up`)).status).toBe(401);
  });

  test("takes no cookie that somebody made up", async () => {
    const browser = newBrowser();
    await signIn(browser, "anna", "/query");
    const real = browser.cookiesOf(hostname).get("__Host-sign-in") ?? "";
    const statusWith = async (value: string) => {
      const headers = { cookie: `__Host-sign-in=${value}` };
      return (await fetch(`http://127.0.0.1:${port}/api/v1/query?query=up`, { headers })).status;
    };
    const changed = real[9] === "A" ? "B" : "A";
    expect(await statusWith(real)).toBe(200);
    expect(await statusWith(`${real.slice(0, 9)}${changed}${real.slice(10)}`)).toBe(401);
  });

  test("is reached by its Ingress only through the proxy", async () => {
    const found = await kubectl(["get", "ingress", "-n", stack.monitoring, "-o", "json"]);
    const { items } = JSON.parse(found) as { items: { metadata: { name: string }; spec: object }[] };
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({
      metadata: { name: "prometheus-sign-in" },
      spec: {
        tls: [{ hosts: [hostname], secretName: "prometheus-tls" }],
        rules: [
          {
            host: hostname,
            http: { paths: [{ backend: { service: { name: "prometheus-sign-in", port: { number: 4180 } } } }] },
          },
        ],
      },
    });
  });

  test("has its cookies' key made in the cluster, and the client's secret in no ConfigMap", async () => {
    const cookie = await kubectl(["get", "secret", "sign-in", "-n", stack.monitoring, "-o", "json"]);
    const { data } = JSON.parse(cookie) as { data: Record<string, string> };
    expect(Buffer.from(data["cookie-secret"] ?? "", "base64")).toHaveLength(32);
    expect(await kubectl(["get", "configmaps", "-n", stack.monitoring, "-o", "json"])).not.toContain(client.secret);
  });
});
